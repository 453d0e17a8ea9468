package io.ublkzoned.backend.live;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The HTTP server of {@code ublk-zoned metrics}. It only reads. Each request has a virtual thread, so a slow client delays
 * no other one.
 *
 * <table>
 *   <caption>What it serves</caption>
 *   <tr><td>{@code /}</td><td>a page with the zone maps of all devices, live</td></tr>
 *   <tr><td>{@code /metrics}</td><td>metrics for Prometheus</td></tr>
 *   <tr><td>{@code /devices}</td><td>the devices, see {@link LiveJson#devices}</td></tr>
 *   <tr><td>{@code /devices/N}</td><td>a device with its map, see {@link LiveJson#device}</td></tr>
 *   <tr><td>{@code /devices/N/zones/Z}</td><td>a zone, see {@link LiveJson#zone}</td></tr>
 * </table>
 */
public final class MetricsServer implements Closeable {

    private static final int BACKLOG = 16;
    private static final Pattern DEVICE_OR_ZONE = Pattern.compile("/devices/([0-9]{1,9})(?:/zones/([0-9]{1,9}))?");

    /** Names in the header Host that are local: localhost and addresses, with or without a port. */
    private static final Pattern LOCAL_NAME = Pattern.compile("(localhost|[0-9.]+|\\[[0-9a-fA-F:.%]+])(:[0-9]+)?");

    private static final String JSON_TYPE = "application/json";
    private static final String HTML_TYPE = "text/html; charset=utf-8";
    private static final String TEXT_TYPE = "text/plain; charset=utf-8";

    private static final int OK = 200;
    private static final int FORBIDDEN = 403;
    private static final int NOT_FOUND = 404;
    private static final int METHOD_NOT_ALLOWED = 405;
    private static final int INTERNAL_ERROR = 500;
    private static final int UNAVAILABLE = 503;

    private final Devices devices;
    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<Integer, ViewedDevice> viewed = new ConcurrentHashMap<>();

    /** An answer to a request. */
    private record Answer(int status, String type, String body) {

        static Answer json(String json) {
            return new Answer(OK, JSON_TYPE, json);
        }

        static Answer failure(int status, @Nullable String sentence) {
            return new Answer(status, TEXT_TYPE, sentence + "\n");
        }
    }

    private MetricsServer(Devices devices, HttpServer server) {
        this.devices = devices;
        this.server = server;
    }

    /**
     * Starts to serve, on separate threads, until {@link #close}.
     *
     * @param address port 0 stands for any free port
     * @throws IOException if the address cannot be used
     */
    public static MetricsServer start(InetSocketAddress address, Devices devices) throws IOException {
        MetricsServer metrics = new MetricsServer(devices, HttpServer.create(address, BACKLOG));
        metrics.server.createContext("/", metrics::handle);
        metrics.server.setExecutor(metrics.threads);
        metrics.server.start();
        return metrics;
    }

    /** Returns the address on which it listens. */
    public InetSocketAddress address() {
        return server.getAddress();
    }

    private void handle(HttpExchange exchange) throws IOException {
        try (exchange) {
            boolean isHead = exchange.getRequestMethod().equals("HEAD");
            Answer answer = answer(exchange);
            exchange.getResponseHeaders().set("Content-Type", answer.type);
            exchange.getResponseHeaders().set("Cache-Control", "no-store");
            byte[] body = answer.body.getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(answer.status, isHead ? -1 : body.length);
            if (!isHead) {
                exchange.getResponseBody().write(body);
            }
        }
    }

    private Answer answer(HttpExchange exchange) {
        if (!Set.of("GET", "HEAD").contains(exchange.getRequestMethod())) {
            exchange.getResponseHeaders().set("Allow", "GET, HEAD");
            return Answer.failure(METHOD_NOT_ALLOWED, "only GET and HEAD are served");
        }
        if (!isForThisHost(exchange)) {
            return Answer.failure(FORBIDDEN, "name this host by its address or as localhost");
        }
        return answer(exchange.getRequestURI().getPath());
    }

    /**
     * Returns whether the request names this host in a way that no page of another site can. Otherwise such a page could
     * read the answers of a server on the loopback address, by giving its own name that address.
     */
    private boolean isForThisHost(HttpExchange exchange) {
        String host = exchange.getRequestHeaders().getFirst("Host");
        return !server.getAddress().getAddress().isLoopbackAddress()
                || host == null
                || LOCAL_NAME.matcher(host).matches();
    }

    private Answer answer(String path) {
        try {
            return switch (path) {
                case "/" -> new Answer(OK, HTML_TYPE, page());
                case "/metrics" -> new Answer(OK, PrometheusMetrics.CONTENT_TYPE, PrometheusMetrics.of(devices));
                case "/devices" -> Answer.json(LiveJson.devices(devices.list()));
                default -> deviceAnswer(path);
            };
        } catch (IOException e) {
            return Answer.failure(UNAVAILABLE, e.getMessage());
        } catch (RuntimeException e) {
            return Answer.failure(INTERNAL_ERROR, e.toString());
        }
    }

    private Answer deviceAnswer(String path) throws IOException {
        Matcher found = DEVICE_OR_ZONE.matcher(path);
        if (!found.matches()) {
            return Answer.failure(NOT_FOUND, "nothing is served here: see /, /metrics and /devices");
        }
        int id = Integer.parseInt(found.group(1));
        AttachedDevice attached = devices.list().stream()
                .filter(each -> each.id() == id)
                .findFirst()
                .orElse(null);
        if (attached == null) {
            viewed.remove(id);
            return Answer.failure(NOT_FOUND, "there is no device " + id);
        }
        ViewedDevice view = viewed.computeIfAbsent(id, each -> new ViewedDevice(devices, each));
        String zone = found.group(2);
        if (zone == null) {
            return Answer.json(view.json(attached));
        }
        DeviceSample sample = view.sample();
        int index = Integer.parseInt(zone);
        return index < sample.zones().zones()
                ? Answer.json(LiveJson.zone(sample, index, devices.history(id, index)))
                : Answer.failure(NOT_FOUND, "device %d has no zone %d".formatted(id, index));
    }

    private static String page() throws IOException {
        try (InputStream page = MetricsServer.class.getResourceAsStream("live.html")) {
            if (page == null) {
                throw new IllegalStateException("the module has no live.html");
            }
            return new String(page.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }

    /** Waits until another thread closes it. */
    public void awaitClose() throws InterruptedException {
        while (!threads.awaitTermination(1, TimeUnit.HOURS)) {
            // Nothing has closed it yet.
        }
    }
}
