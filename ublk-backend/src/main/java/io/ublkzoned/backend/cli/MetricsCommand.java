package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.live.MetricsServer;
import io.ublkzoned.backend.live.ServedDevices;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The command {@code metrics}: serves metrics of all devices and a page with their zones. */
final class MetricsCommand implements Command {

    private static final String LISTEN = "--listen";
    private static final String DEFAULT_ADDRESS = "127.0.0.1:9469";
    private static final int PORT_MAX = 65_535;
    private static final Pattern ADDRESS = Pattern.compile("(\\[.+]|[^:]*):([0-9]{1,5})");

    @Override
    public Syntax syntax() {
        return new Syntax(
                        "ublk-zoned metrics",
                        "Serve metrics of all devices for Prometheus, and a web page that shows their zones live.",
                        "[--listen [ADDRESS]:PORT]")
                .option(
                        LISTEN,
                        "[ADDRESS]:PORT",
                        "Where to listen. Default: " + DEFAULT_ADDRESS
                                + ". Without ADDRESS, on all addresses. Port 0 takes any free port; ports below 1024 cannot be used.")
                .footer(
                        "",
                        "Prints the address of the page, and serves until Ctrl-C. The metrics are at /metrics. Anyone who can connect",
                        "can read them; nothing can be changed through them.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        line.operands().end();
        String address = line.value(LISTEN, word -> word, DEFAULT_ADDRESS);
        Matcher parts = ADDRESS.matcher(address);
        if (!parts.matches() || Integer.parseInt(parts.group(2)) > PORT_MAX) {
            throw line.usage("'" + address + "' is not an address and a port, as in " + DEFAULT_ADDRESS);
        }
        String host = parts.group(1);
        ServedDevices devices = new ServedDevices();
        devices.list(); // fails without permission
        try (MetricsServer server = start(host, Integer.parseInt(parts.group(2)), devices)) {
            line.out()
                    .println("http://%s:%d/"
                            .formatted(
                                    host.isEmpty() ? "localhost" : host,
                                    server.address().getPort()));
            line.out().flush();
            server.awaitClose();
        } catch (InterruptedException e) {
            throw new IOException("interrupted", e);
        }
        return ExitStatus.SUCCESS;
    }

    private static MetricsServer start(String host, int port, ServedDevices devices) throws IOException {
        try {
            InetSocketAddress all = new InetSocketAddress(port);
            return MetricsServer.start(
                    host.isEmpty() ? all : new InetSocketAddress(InetAddress.getByName(host), port), devices);
        } catch (UnknownHostException e) {
            throw new CommandFailure(host + ": no such host", e);
        } catch (SocketException e) {
            String reason = String.valueOf(e.getMessage()).toLowerCase(Locale.ROOT);
            throw new CommandFailure(
                    "%s:%d cannot be used: %s: choose another address with --listen".formatted(host, port, reason), e);
        }
    }
}
