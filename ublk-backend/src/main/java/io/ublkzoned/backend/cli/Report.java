package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** {@code report}: the zones of a device or of an image. */
@Command(
        name = "report",
        description = "Show the zones of a device or of an image, attached or not.",
        synopsisHeading = "usage: ",
        customSynopsis = "ublk-zoned report [OPTION]... IMAGE|DEV",
        optionListHeading = "%n",
        sortOptions = false)
final class Report implements Subcommand {

    @Mixin
    private final Subject.Options options = new Subject.Options();

    @Option(
            names = {"-o", "--offset"},
            paramLabel = "OFFSET",
            converter = Sizes.Bytes.class,
            description = "Begin with the zone that holds this place on the device.")
    private long offset;

    @Option(
            names = {"-c", "--count"},
            paramLabel = "COUNT",
            description = "Show so many zones.")
    private @Nullable Integer count;

    @Option(names = "--map", description = "Show one character a zone, and how many are in which condition.")
    private boolean map;

    @Option(names = "--json", description = "Show all in JSON, in bytes.")
    private boolean json;

    @Override
    public int run(CommandLine line) throws IOException {
        if (map && json) {
            throw new ParameterException(line, "--map and --json exclude each other");
        }
        if (count != null && count < 1) {
            throw new ParameterException(line, "a count of " + count + " zones shows nothing");
        }
        Subject subject = options.find(line);
        List<ReportedZone> zones = range(subject.zones());
        PrintWriter out = line.getOut();
        if (json) {
            out.println(json(zones));
        } else if (map) {
            ZoneMapText.print(subject.title(), zones, out);
        } else {
            printTable(zones, out);
        }
        return Main.DONE;
    }

    private List<ReportedZone> range(List<ReportedZone> all) throws IOException {
        long end = all.getLast().end();
        if (offset >= end) {
            throw new CommandFailure("the offset %s is past the end of the device, which has %s"
                    .formatted(Sizes.text(offset), Sizes.text(end)));
        }
        int first = (int) (offset / all.getFirst().length());
        int available = all.size() - first;
        return all.subList(first, first + (count == null ? available : Math.min(count, available)));
    }

    private static String json(List<ReportedZone> zones) throws IOException {
        var array = JSON.std.composeString().startObject().startArrayField("zones");
        for (ReportedZone zone : zones) {
            var object = array.startObject()
                    .put("index", zone.index())
                    .put("start", zone.start())
                    .put("length", zone.length())
                    .put("capacity", zone.capacity());
            object = zone.isConventional()
                    ? object.putNull("writePointer")
                    : object.put("writePointer", zone.writePointer());
            object.put("type", zone.isConventional() ? "conventional" : "sequential")
                    .put("condition", zone.condition().label())
                    .end();
        }
        return array.end().end().finish();
    }

    /** The write pointer is shown by its distance from the start of the zone, as blkzone does. */
    private static void printTable(List<ReportedZone> zones, PrintWriter out) {
        TextTable table =
                new TextTable(out, ">zone", ">start", ">length", ">capacity", ">write pointer", "type", "condition");
        for (ReportedZone zone : zones) {
            table.row(
                    Integer.toString(zone.index()),
                    Sizes.text(zone.start()),
                    Sizes.text(zone.length()),
                    Sizes.text(zone.capacity()),
                    zone.hasWritePointer() ? "+" + Sizes.text(zone.writePointer() - zone.start()) : "-",
                    zone.isConventional() ? "conventional" : "sequential",
                    zone.condition().label());
        }
        table.print();
    }
}
