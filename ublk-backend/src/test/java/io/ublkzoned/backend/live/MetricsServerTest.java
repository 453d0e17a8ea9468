package io.ublkzoned.backend.live;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.ublk.DeviceWithoutDriver;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page and the metrics of a device that works, without a block device: over HTTP, in promtool and in Chromium. */
final class MetricsServerTest {

    private static final int ZONES = 64;
    private static final int CONVENTIONAL = 4;
    private static final long ZONE = 1 << 20;
    private static final long CAPACITY = 768 << 10;
    private static final int MAX_OPEN = 2;
    private static final int BLOCK = 64 << 10;
    private static final long PROCESS_SECONDS = 120;

    @TempDir
    private Path folder;

    private final List<Closeable> opened = new ArrayList<>();
    private DeviceWithoutDriver device;
    private MetricsServer server;

    @BeforeEach
    void start() throws IOException {
        FormatOptions options = FormatOptions.ofSize(ZONES * ZONE)
                .zoneSize(ZONE)
                .capacity(CAPACITY)
                .conventionalZones(CONVENTIONAL)
                .maxOpenZones(MAX_OPEN)
                .build();
        device = new DeviceWithoutDriver(folder, options);
        opened.add(device);
        server = MetricsServer.start(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), new FakeHost(device));
        opened.add(server);
        work();
    }

    /** Leaves zone 5 full, zone 6 closed by the limit with a third of its capacity written, zones 7 and 8 open. */
    private void work() {
        for (long at = 0; at < CAPACITY; at += BLOCK) {
            device.run(BlockOp.WRITE, 5 * ZONE + at, BLOCK);
        }
        for (long at = 0; at < CAPACITY / 3; at += BLOCK) {
            device.run(BlockOp.ZONE_APPEND, 6 * ZONE, BLOCK);
        }
        device.run(BlockOp.WRITE, 7 * ZONE, BLOCK);
        device.run(BlockOp.WRITE, 8 * ZONE, BLOCK);
        device.run(BlockOp.WRITE, 9 * ZONE, BLOCK);
        device.run(BlockOp.ZONE_RESET, 9 * ZONE, 0);
        device.run(BlockOp.ZONE_OPEN, 7 * ZONE, 0);
        device.run(BlockOp.READ, 5 * ZONE, BLOCK);
        device.run(BlockOp.FLUSH, 0, 0);
    }

    @AfterEach
    void stop() throws IOException {
        for (Closeable each : opened.reversed()) {
            each.close();
        }
    }

    private HttpURLConnection open(String path) throws IOException {
        URI uri = URI.create("http://127.0.0.1:" + server.address().getPort() + path);
        return (HttpURLConnection) uri.toURL().openConnection();
    }

    private String get(String path) throws IOException {
        try (InputStream body = open(path).getInputStream()) {
            return new String(body.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private String failure(String path, int status) throws IOException {
        HttpURLConnection connection = open(path);
        assertEquals(status, connection.getResponseCode());
        try (InputStream body = connection.getErrorStream()) {
            return new String(body.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private JsonObject object(String path) throws IOException {
        return JsonObject.parse(get(path));
    }

    @Test
    void deviceShowsItsZonesAndLimits() throws IOException {
        JsonObject shown = object("/devices/3");
        assertEquals(MAX_OPEN, shown.number("openZones"));
        assertEquals(3, shown.number("activeZones"));
        assertEquals(1, shown.number("zoneResets"));
        assertEquals("/images/a \"quoted\" disk.qcow2", shown.text("image"));
        JsonObject conditions = shown.object("conditions");
        assertEquals(CONVENTIONAL, conditions.number("not-wp"));
        assertEquals(1, conditions.number("full"));
        assertEquals(1, conditions.number("explicit-open"));
        JsonObject map = shown.object("map");
        String digits = map.text("conditions");
        assertEquals(ZONES, digits.length());
        assertEquals("00001e4321", digits.substring(0, 10));
        byte[] written = Base64.getDecoder().decode(map.text("written"));
        assertEquals(255, Byte.toUnsignedInt(written[5]));
        assertEquals(85, written[6]);
        assertEquals(0, written[9]);
    }

    @Test
    void operationsCountInTotal() throws IOException {
        JsonObject shown = object("/devices/3");
        JsonObject writes = shown.element("operations", "operation", "write");
        assertEquals(15, writes.number("requests"));
        assertEquals(15 * BLOCK, writes.number("bytes"));
        assertEquals(0, writes.number("errors"));
        assertEquals(4, shown.element("operations", "operation", "zone-append").number("requests"));
        assertEquals(1, shown.element("operations", "operation", "flush").number("requests"));
    }

    @Test
    void ratesAreThoseSinceTheLastView() throws Exception {
        assertEquals(0, object("/devices/3").number("seconds"));
        for (int i = 0; i < 10; i++) {
            device.run(BlockOp.READ, 5 * ZONE, BLOCK);
        }
        TimeUnit.SECONDS.sleep(1);
        JsonObject shown = object("/devices/3");
        double seconds = shown.number("seconds");
        assertTrue(seconds >= 1, () -> "after " + seconds);
        JsonObject reads = shown.element("operations", "operation", "read");
        assertEquals(10, reads.number("requestsPerSecond") * seconds, 1e-6);
        assertEquals(10.0 * BLOCK, reads.number("bytesPerSecond") * seconds, 1e-3);
        assertTrue(reads.number("p50") > 0);
        assertTrue(reads.number("max") >= reads.number("p50"));
        JsonObject writes = shown.element("operations", "operation", "write");
        assertEquals(0, writes.number("requestsPerSecond"));
        assertEquals(0, writes.number("max"));
        JsonObject busiest = shown.element("busiestZones", "zone", 5);
        assertEquals(10, busiest.number("requestsPerSecond") * seconds, 1e-6);
        assertEquals(1, shown.objects("busiestZones").size());
    }

    @Test
    void zoneShowsItsHistory() throws IOException {
        JsonObject zone = object("/devices/3/zones/9");
        assertEquals("empty", zone.text("condition"));
        assertEquals(1, zone.number("requests"));
        List<String> conditions = zone.objects("history").stream()
                .map(change -> change.text("condition"))
                .toList();
        assertEquals(List.of("implicit-open", "empty"), conditions);
        JsonObject closed = object("/devices/3/zones/6").element("history", "condition", "closed");
        assertEquals(6.0 * ZONE + CAPACITY / 3, closed.number("writePointer"));
        assertEquals(List.of(), object("/devices/3/zones/20").objects("history"));
        assertEquals(CAPACITY, object("/devices/3/zones/5").number("written"), "not its size, although it is full");
    }

    @Test
    void wrongRequestsGetASentence() throws IOException {
        assertEquals("there is no device 7\n", failure("/devices/7", 404));
        assertEquals("device 3 has no zone 64\n", failure("/devices/3/zones/64", 404));
        assertEquals("device 4 has no server that listens\n", failure("/devices/4", 503));
        assertTrue(failure("/favicon.ico", 404).startsWith("nothing is served here"));
        HttpURLConnection post = open("/devices/3");
        post.setRequestMethod("POST");
        assertEquals(405, post.getResponseCode());
        assertEquals("GET, HEAD", post.getHeaderField("Allow"));
        HttpURLConnection head = open("/metrics");
        head.setRequestMethod("HEAD");
        assertEquals(200, head.getResponseCode());
    }

    @Test
    void slowClientsDelayNobody() throws IOException {
        List<Socket> slow = new ArrayList<>();
        try {
            for (int i = 0; i < 100; i++) {
                Socket socket = new Socket(
                        server.address().getAddress(), server.address().getPort());
                slow.add(socket);
                socket.getOutputStream().write('G');
            }
            assertEquals(2, JSON.std.listFrom(get("/devices")).size());
        } finally {
            for (Socket socket : slow) {
                socket.close();
            }
        }
    }

    @Test
    void pageOfAnotherSiteCannotRead() throws IOException {
        try (Socket socket =
                new Socket(server.address().getAddress(), server.address().getPort())) {
            socket.getOutputStream()
                    .write("GET /devices HTTP/1.0\r\nHost: rebound.example:9469\r\n\r\n"
                            .getBytes(StandardCharsets.US_ASCII));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            assertTrue(answer.startsWith("HTTP/1.1 403"), answer);
        }
    }

    @Test
    void metricsHaveTheCounts() throws IOException {
        List<String> lines = get("/metrics").lines().toList();
        for (String line : List.of(
                "ublk_zoned_up{device=\"ublkb3\"} 1.0",
                "ublk_zoned_up{device=\"ublkb4\"} 0.0",
                "ublk_zoned_device_info{device=\"ublkb3\",image=\"/images/a \\\"quoted\\\" disk.qcow2\",name=\"data\"} 1",
                "ublk_zoned_request_bytes_total{device=\"ublkb3\",operation=\"write\"} " + 15.0 * BLOCK,
                "ublk_zoned_request_duration_seconds_count{device=\"ublkb3\",operation=\"zone-append\"} 4",
                "ublk_zoned_request_duration_seconds_bucket{device=\"ublkb3\",operation=\"zone-append\",le=\"+Inf\"} 4",
                "ublk_zoned_zones{condition=\"empty\",device=\"ublkb3\"} 56.0",
                "ublk_zoned_open_zones{device=\"ublkb3\"} 2.0",
                "ublk_zoned_max_open_zones{device=\"ublkb3\"} 2.0",
                "ublk_zoned_zone_resets_total{device=\"ublkb3\"} 1.0")) {
            assertTrue(lines.contains(line), () -> line + "\nis not in\n" + String.join("\n", lines));
        }
    }

    /** Runs a program, and returns what it prints. */
    private String run(Path input, String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectInput(input.toFile())
                .redirectError(folder.resolve("err").toFile())
                .start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertTrue(process.waitFor(PROCESS_SECONDS, TimeUnit.SECONDS), command[0]);
        assertEquals(0, process.exitValue(), () -> out + "\n" + errors());
        return out;
    }

    private String errors() {
        try {
            return Files.readString(folder.resolve("err"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** Requires that a program is on PATH, or skips the test. */
    private static void requireProgram(String name) {
        boolean found = Arrays.stream(System.getenv("PATH").split(":", -1))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, name)));
        assumeTrue(found, () -> "SKIPPED: " + name + " is not on PATH: scripts/test installs it");
    }

    @Test
    void promtoolFindsNothingWrong() throws Exception {
        requireProgram("promtool");
        Path metrics = Files.writeString(folder.resolve("metrics"), get("/metrics"));
        assertEquals("", run(metrics, "promtool", "check", "metrics"));
        assertEquals("", errors());
    }

    @Test
    void pageShowsTheZonesInABrowser() throws Exception {
        requireProgram("chromium");
        String page = run(
                        Path.of("/dev/null"),
                        "chromium",
                        "--headless",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--user-data-dir=" + folder.resolve("profile"),
                        "--virtual-time-budget=5000",
                        "--dump-dom",
                        "http://127.0.0.1:" + server.address().getPort() + "/#3/zone/6")
                .replaceAll("(?s)<script.*?</script>", "");
        for (String shown : List.of(
                "data-state=\"live\"",
                "data-zones=\"64\"",
                "data-open=\"2\"",
                "data-condition=\"full\" data-count=\"1\"",
                "data-condition=\"empty\" data-count=\"56\"",
                "zone-append",
                "a \"quoted\" disk.qcow2")) {
            assertTrue(page.contains(shown), () -> shown + " is not in\n" + page);
        }
        assertFalse(page.contains("NaN") || page.contains("undefined"), page);
    }
}
