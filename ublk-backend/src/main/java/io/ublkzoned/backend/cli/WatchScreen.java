package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.live.AttachedDevice;
import io.ublkzoned.backend.live.DeviceRates;
import io.ublkzoned.backend.live.DeviceSample;
import io.ublkzoned.backend.live.LiveJson;
import io.ublkzoned.backend.live.OperationRates;
import io.ublkzoned.backend.ublk.ZoneSnapshot;
import io.ublkzoned.bindings.linux.TerminalSize;
import io.ublkzoned.engine.ZoneCounts;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Sizes;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * The view of a device as text. On a terminal each view replaces the one before, in colour, and fits the window. Its
 * codes are those of ECMA-48 and of xterm's alternate screen.
 */
final class WatchScreen implements AutoCloseable {

    private static final String ALTERNATE_SCREEN = "\033[?1049h\033[?25l"; // and hides the cursor
    private static final String MAIN_SCREEN = "\033[?25h\033[?1049l";
    private static final String HOME = "\033[H";
    private static final String END_OF_LINE = "\033[K\n";
    private static final String END_OF_SCREEN = "\033[J";
    private static final String PLAIN = "\033[m";

    private static final TerminalSize DEFAULT_SIZE = new TerminalSize(48, 100);
    private static final int MAP_ROWS_MIN = 4;
    private static final int ZONES_PER_ROW_MAX = 128;

    private final PrintWriter out;
    private final boolean onTerminal;
    private final Thread restorer = new Thread(this::restore);
    private boolean restored;

    /** Switches a terminal to its alternate screen, until {@link #close} or the end of the process. */
    WatchScreen(PrintWriter out, boolean onTerminal) {
        this.out = out;
        this.onTerminal = onTerminal;
        if (onTerminal) {
            Runtime.getRuntime().addShutdownHook(restorer);
            print(ALTERNATE_SCREEN);
        }
    }

    /** Prints text, unless the terminal is back on its main screen. */
    private synchronized void print(String text) {
        if (!restored) {
            out.print(text);
            out.flush();
        }
    }

    private synchronized void restore() {
        print(MAIN_SCREEN);
        restored = true;
    }

    @Override
    public void close() {
        if (!onTerminal) {
            return;
        }
        restore();
        try {
            Runtime.getRuntime().removeShutdownHook(restorer);
        } catch (IllegalStateException e) {
            // The process is ending, and the hook does no harm.
        }
    }

    /** Shows a device, and its rates since the last view. */
    void show(AttachedDevice device, DeviceSample sample, DeviceRates rates) {
        TerminalSize size = onTerminal ? TerminalSize.ofStdout().orElse(DEFAULT_SIZE) : DEFAULT_SIZE;
        List<String> head = head(device, sample, rates);
        List<String> foot = foot(sample, rates);
        int mapRows = Math.max(MAP_ROWS_MIN, size.rows() - head.size() - foot.size() - 1);
        List<String> lines = new ArrayList<>(head);
        lines.addAll(map(sample.zones(), size.columns(), mapRows));
        lines.addAll(foot);
        if (onTerminal) {
            draw(lines, size);
        } else {
            print(String.join("\n", lines) + "\n\n");
        }
    }

    /** Shows a sentence instead of a device, on a terminal. */
    void show(String sentence) {
        if (onTerminal) {
            draw(List.of(sentence), TerminalSize.ofStdout().orElse(DEFAULT_SIZE));
        }
    }

    /** Draws lines from the top of the screen. The last row and the last column stay free: nothing scrolls or wraps. */
    private void draw(List<String> lines, TerminalSize size) {
        print(HOME
                + lines.stream()
                        .limit(size.rows() - 1L)
                        .map(line -> line.contains(PLAIN) ? line : cut(line, size.columns() - 1))
                        .collect(Collectors.joining(END_OF_LINE, "", END_OF_LINE))
                + END_OF_SCREEN);
    }

    private static String cut(String line, int columns) {
        return line.length() > columns ? line.substring(0, columns) : line;
    }

    private static List<String> head(AttachedDevice device, DeviceSample sample, DeviceRates rates) {
        DeviceGeometry geometry = sample.activity().geometry();
        ZoneCounts counts = sample.activity().zones();
        StringWriter text = new StringWriter();
        PrintWriter lines = new PrintWriter(text);
        lines.println("%s (%s): %s of %s%s"
                .formatted(
                        device.path(),
                        device.image().replaceAll("\\p{Cntrl}", "?"),
                        ZoneMapText.count(geometry.zoneCount(), "zone"),
                        Sizes.text(geometry.zoneSizeBytes()),
                        geometry.conventionalZones() == 0
                                ? ""
                                : ", " + geometry.conventionalZones() + " conventional"));
        lines.println("open %s   active %s   implicit closes %d   zones reset %d   image %s"
                .formatted(
                        ofLimit(counts.open(), geometry.maxOpenZones()),
                        ofLimit(counts.active(), geometry.maxActiveZones()),
                        counts.implicitCloses(),
                        counts.resets(),
                        Sizes.roughly(counts.allocatedBytes())));
        lines.println();
        TextTable table = new TextTable(
                lines,
                "operation",
                ">per second",
                ">bytes per second",
                ">failed per second",
                ">p50",
                ">p99",
                ">p99.9",
                ">max");
        List<String[]> rows = sample.activity().operations().keySet().stream()
                .map(op -> cells(LiveJson.name(op), rates.of(op)))
                .toList();
        rows.forEach(table::fit);
        table.printTitles();
        rows.forEach(table::print);
        lines.println();
        return text.toString().lines().toList();
    }

    private static String ofLimit(int zones, int limit) {
        return limit == 0 ? Integer.toString(zones) : zones + " of " + limit;
    }

    private static String[] cells(String name, OperationRates rates) {
        return new String[] {
            name,
            "%.0f".formatted(rates.requestsPerSecond()),
            Sizes.roughly((long) rates.bytesPerSecond()),
            "%.0f".formatted(rates.errorsPerSecond()),
            time(rates.p50()),
            time(rates.p99()),
            time(rates.p999()),
            time(rates.max())
        };
    }

    /** Returns a latency in two digits: {@code 14us}, {@code 3.2ms}; or a dash for 0. */
    private static String time(long nanos) {
        if (nanos == 0) {
            return "-";
        }
        double micros = (double) nanos / TimeUnit.MICROSECONDS.toNanos(1);
        double millis = (double) nanos / TimeUnit.MILLISECONDS.toNanos(1);
        double seconds = (double) nanos / TimeUnit.SECONDS.toNanos(1);
        if (micros < 1000) {
            return digits(micros) + "us";
        }
        return millis < 1000 ? digits(millis) + "ms" : digits(seconds) + "s";
    }

    private static String digits(double value) {
        return String.format(Locale.ROOT, value < 10 ? "%.1f" : "%.0f", value);
    }

    private static List<String> foot(DeviceSample sample, DeviceRates rates) {
        String busiest = rates.busiestZones().stream()
                .map(zone -> "%d (%.0f/s)".formatted(zone.zone(), zone.requestsPerSecond()))
                .collect(Collectors.joining(", "));
        return List.of(
                "",
                ZoneMapText.legend(sample.conditions()),
                "busiest zones: " + (busiest.isEmpty() ? "none" : busiest));
    }

    /** Returns the map in up to {@code maxRows} rows. */
    private List<String> map(ZoneSnapshot zones, int columns, int maxRows) {
        int digits = Integer.toString(zones.zones() - 1).length();
        int room = Math.clamp(columns - 1 - digits - 2, 1, ZONES_PER_ROW_MAX);
        int cells = Integer.highestOneBit(room);
        int zonesPerCell = 1;
        while ((long) cells * zonesPerCell * maxRows < zones.zones()) {
            zonesPerCell *= 2;
        }
        List<String> rows = new ArrayList<>();
        for (int first = 0; first < zones.zones(); first += cells * zonesPerCell) {
            rows.add(("%" + digits + "d  ").formatted(first) + row(zones, first, cells, zonesPerCell));
        }
        return rows;
    }

    private String row(ZoneSnapshot zones, int first, int cells, int zonesPerCell) {
        StringBuilder row = new StringBuilder();
        String colour = "";
        for (int cell = 0; cell < cells && first + cell * zonesPerCell < zones.zones(); cell++) {
            int from = first + cell * zonesPerCell;
            ZoneCondition condition = mostNotable(zones, from, Math.min(from + zonesPerCell, zones.zones()));
            if (onTerminal && !colour(condition).equals(colour)) {
                colour = colour(condition);
                row.append(colour);
            }
            row.append(ZoneMapText.symbol(condition));
        }
        return row.append(onTerminal ? PLAIN : "").toString();
    }

    private static ZoneCondition mostNotable(ZoneSnapshot zones, int from, int to) {
        ZoneCondition notable = zones.condition(from);
        for (int zone = from + 1; zone < to; zone++) {
            if (rank(zones.condition(zone)) > rank(notable)) {
                notable = zones.condition(zone);
            }
        }
        return notable;
    }

    private static int rank(ZoneCondition condition) {
        return switch (condition) {
            case OFFLINE -> 7;
            case READ_ONLY -> 6;
            case EXPLICIT_OPEN -> 5;
            case IMPLICIT_OPEN -> 4;
            case CLOSED -> 3;
            case FULL -> 2;
            case EMPTY -> 1;
            case NOT_WP -> 0;
        };
    }

    private static String colour(ZoneCondition condition) {
        return switch (condition) {
            case NOT_WP -> "\033[36m";
            case EMPTY -> "\033[90m";
            case IMPLICIT_OPEN -> "\033[32m";
            case EXPLICIT_OPEN -> "\033[1;32m";
            case CLOSED -> "\033[33m";
            case FULL -> "\033[34m";
            case READ_ONLY -> "\033[35m";
            case OFFLINE -> "\033[31m";
        };
    }
}
