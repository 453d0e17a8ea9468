package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.BufferedReader;
import java.io.Closeable;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The socket on which a device's server accepts changes for which the kernel has no request. It is in the run
 * directory, and only root can connect to it. A request is one line, {@code FIRST COUNT CONDITION}. The answer is one
 * line: empty, or a sentence if the change failed.
 */
public final class ControlSocket implements Closeable {

    private static final String RECOVERED = "recovered"; // instead of a condition
    private static final long DONE_SECONDS = 60;
    private static final long ANSWER_MILLIS = TimeUnit.SECONDS.toMillis(DONE_SECONDS + 5);
    private static final int ANSWER_BYTES_MAX = 4096;

    private final ZonedDevice device;
    private final CompletableFuture<ServerSocketChannel> socket = new CompletableFuture<>();

    private ControlSocket(ZonedDevice device) {
        this.device = device;
    }

    /**
     * Starts to listen on separate threads, until {@link #close}. Java needs some time to set the socket up, and the
     * caller continues meanwhile. {@link #awaitListening} returns when the socket is ready.
     */
    static ControlSocket start(RunDirectory directory, ZonedDevice device) {
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
                ServerLog.LOG.error("the control socket has failed: conditions of zones can no longer be changed", e);
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
                BufferedReader question = new BufferedReader(Channels.newReader(client, StandardCharsets.US_ASCII))) {
            String answer = change(String.valueOf(question.readLine())) + "\n";
            client.write(ByteBuffer.wrap(answer.getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            ServerLog.LOG.warn("a client of the control socket disconnected: {}", e.toString());
        }
    }

    /** Makes the change, and returns an empty string or a sentence. */
    private String change(String line) {
        String[] words = line.split(" ", -1);
        try {
            ZoneCondition condition = words[2].equals(RECOVERED) ? null : ZoneCondition.valueOf(words[2]);
            return await(device.changeCondition(Integer.parseInt(words[0]), Integer.parseInt(words[1]), condition));
        } catch (InterruptedException e) {
            return "the server is ending";
        } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
            return "the server does not understand '" + line + "'";
        }
    }

    /** Waits for the change. Returns an empty string or a sentence. Withdraws a change that has not begun in time. */
    private String await(CompletableFuture<@Nullable Void> change) throws InterruptedException {
        try {
            try {
                change.get(DONE_SECONDS, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                if (device.withdraw(change)) {
                    return "writes to these zones have not ended for " + DONE_SECONDS + " s, so nothing was changed";
                }
                change.get();
            }
            return "";
        } catch (ExecutionException e) {
            return String.valueOf(change.exceptionNow().getMessage());
        }
    }

    /**
     * Asks the server of a live device to change the condition of zones, and waits until that is done.
     *
     * @param condition READ_ONLY or OFFLINE, null to recover
     * @throws IOException with a sentence if the change fails or is not done in time
     */
    public static void changeCondition(int deviceId, int first, int count, @Nullable ZoneCondition condition)
            throws IOException {
        String question = "%d %d %s\n".formatted(first, count, condition == null ? RECOVERED : condition.name());
        String answer;
        var address = UnixDomainSocketAddress.of(new RunDirectory(deviceId).controlSocket());
        try (SocketChannel server = SocketChannel.open(address)) {
            server.write(ByteBuffer.wrap(question.getBytes(StandardCharsets.US_ASCII)));
            answer = read(server, deviceId);
        } catch (ConnectException e) {
            throw new IOException("device %d has no server that listens".formatted(deviceId), e);
        }
        if (!answer.isEmpty()) {
            throw new IOException(answer);
        }
    }

    private static String read(SocketChannel server, int deviceId) throws IOException {
        ByteBuffer answer = ByteBuffer.allocate(ANSWER_BYTES_MAX);
        server.configureBlocking(false);
        try (Selector selector = Selector.open()) {
            server.register(selector, SelectionKey.OP_READ);
            long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ANSWER_MILLIS);
            while (server.read(answer) >= 0 && answer.hasRemaining()) {
                long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (left <= 0) {
                    throw new IOException("the server of device %d does not answer: see %s"
                            .formatted(deviceId, new RunDirectory(deviceId).logFile()));
                }
                selector.select(left);
            }
        }
        String text = StandardCharsets.UTF_8.decode(answer.flip()).toString();
        if (!text.endsWith("\n")) {
            throw new IOException("the server of device %d ended before it answered".formatted(deviceId));
        }
        return text.stripTrailing();
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
