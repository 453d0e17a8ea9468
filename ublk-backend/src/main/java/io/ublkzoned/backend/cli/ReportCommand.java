package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.engine.zone.Sizes;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The command {@code report}: shows the zones of a device or of an image. */
final class ReportCommand implements Command {

    @Override
    public Syntax syntax() {
        return Target.options(new Syntax(
                        "ublk-zoned report",
                        "Show the zones of a device or of an image, attached or not.",
                        "[OPTION]... IMAGE|DEV"))
                .option("-o --offset", "OFFSET", "Start with the zone that contains this offset.")
                .option("-c --count", "COUNT", "Show up to COUNT zones.")
                .flag("--map", "Show one character per zone, and the number of zones per condition.")
                .flag("--json", "Print JSON, with sizes in bytes.")
                .footer(
                        "",
                        "In JSON, writePointer is null for conventional zones, and for read-only and offline zones of a device, since",
                        "the kernel does not report it. For read-only and offline zones of an image that is not attached, it is the",
                        "place where writing resumes after 'zone recover'.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        boolean map = line.has("--map");
        boolean json = line.has("--json");
        if (map && json) {
            throw line.usage("--map and --json exclude each other");
        }
        Integer count = line.value("-c", Arguments::number);
        if (count != null && count < 1) {
            throw line.usage("the count must be at least 1, not " + count);
        }
        long offset = line.value("-o", Sizes::bytes, 0L);
        Target target = Target.find(line);
        List<ReportedZone> zones = range(target.zones(), offset, count);
        PrintWriter out = line.out();
        if (json) {
            printJson(zones, out);
        } else if (map) {
            ZoneMapText.print(target.title(), zones, out);
        } else {
            printTable(zones, out);
        }
        return ExitStatus.SUCCESS;
    }

    private static List<ReportedZone> range(List<ReportedZone> all, long offset, @Nullable Integer count)
            throws IOException {
        long end = all.getLast().end();
        if (offset >= end) {
            throw new CommandFailure("the offset %s is past the end of the device, whose size is %s"
                    .formatted(Sizes.text(offset), Sizes.text(end)));
        }
        int first = (int) (offset / all.getFirst().length());
        int available = all.size() - first;
        return all.subList(first, first + (count == null ? available : Math.min(count, available)));
    }

    /** Prints JSON zone by zone, so the text is never in memory as a whole. */
    private static void printJson(List<ReportedZone> zones, PrintWriter out) throws IOException {
        String separator = "{\"zones\":[";
        for (ReportedZone zone : zones) {
            out.print(separator);
            out.print(json(zone));
            separator = ",";
        }
        out.println("]}");
    }

    static String json(ReportedZone zone) throws IOException {
        var object = JSON.std
                .composeString()
                .startObject()
                .put("index", zone.index())
                .put("start", zone.start())
                .put("length", zone.length())
                .put("capacity", zone.capacity());
        object = zone.hasWritePointer()
                ? object.put("writePointer", zone.writePointer())
                : object.putNull("writePointer");
        return object.put("type", type(zone))
                .put("condition", zone.condition().label())
                .end()
                .finish();
    }

    private static void printTable(List<ReportedZone> zones, PrintWriter out) {
        TextTable table =
                new TextTable(out, ">zone", ">start", ">length", ">capacity", ">write pointer", "type", "condition");
        for (ReportedZone zone : zones) {
            table.fit(cells(zone));
        }
        table.printTitles();
        for (ReportedZone zone : zones) {
            table.print(cells(zone));
        }
    }

    /**
     * Returns the cells of a row. The write pointer is shown as its distance from the start of the zone, as in blkzone.
     */
    private static String[] cells(ReportedZone zone) {
        return new String[] {
            Integer.toString(zone.index()),
            Sizes.text(zone.start()),
            Sizes.text(zone.length()),
            Sizes.text(zone.capacity()),
            zone.takesWrites() ? "+" + Sizes.text(zone.writePointer() - zone.start()) : "-",
            type(zone),
            zone.condition().label()
        };
    }

    private static String type(ReportedZone zone) {
        return zone.isConventional() ? "conventional" : "sequential";
    }
}
