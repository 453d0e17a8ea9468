package io.ublkzoned.backend.ublk;

import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * The socket on which a device's server accepts commands for which the kernel has no request. It is in the run
 * directory, and only root can connect to it. A command and its answer are one line each: see {@link DeviceControl} and
 * {@link ControlClient}.
 */
final class ControlSocket implements Closeable {

    private final DeviceControl device;
    private final CompletableFuture<ServerSocketChannel> socket = new CompletableFuture<>();

    private ControlSocket(DeviceControl device) {
        this.device = device;
    }

    /**
     * Starts to listen on separate threads, until {@link #close}. Java needs some time to set the socket up, and the
     * caller continues meanwhile. {@link #awaitListening} returns when the socket is ready.
     */
    static ControlSocket start(RunDirectory directory, DeviceControl device) {
        ControlSocket control = new ControlSocket(device);
        Thread.ofPlatform().daemon().name("ublk-control").start(() -> control.serve(directory.controlSocket()));
        return control;
    }

    void awaitListening() throws IOException {
        try {
            socket.join();
        } catch (CompletionException e) {
            throw new IOException("no control socket could be made: " + e.getCause(), e);
        }
    }

    private void serve(Path path) {
        try {
            ServerSocketChannel listening = listen(path);
            socket.complete(listening);
            while (true) {
                SocketChannel client = listening.accept();
                Thread.ofPlatform().daemon().name("ublk-control-client").start(() -> answer(client));
            }
        } catch (ClosedChannelException e) {
            // The device is being removed.
        } catch (IOException | RuntimeException | Error e) {
            if (!socket.completeExceptionally(e)) {
                ServerLog.LOG.error("the control socket has failed: the server no longer accepts commands", e);
            }
        }
    }

    private static ServerSocketChannel listen(Path path) throws IOException {
        Files.deleteIfExists(path); // left by a server that died
        ServerSocketChannel listening = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            listening.bind(UnixDomainSocketAddress.of(path));
            Files.setPosixFilePermissions(path, PosixFilePermissions.fromString("rw-------"));
            return listening;
        } catch (IOException e) {
            listening.close();
            throw e;
        }
    }

    private void answer(SocketChannel client) {
        try (client;
                BufferedReader question = new BufferedReader(Channels.newReader(client, StandardCharsets.UTF_8))) {
            String answer = device.answer(String.valueOf(question.readLine())) + "\n";
            client.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            ServerLog.LOG.warn("a client of the control socket disconnected: {}", e.toString());
        }
    }

    @Override
    public void close() throws IOException {
        try {
            socket.join().close();
        } catch (CompletionException e) {
            // The socket was never opened.
        }
    }
}
