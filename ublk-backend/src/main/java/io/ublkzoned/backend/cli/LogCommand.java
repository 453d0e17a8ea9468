package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.image.LogFile;
import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.writelog.LogEntry.Kind;
import io.ublkzoned.engine.writelog.LogReader;
import io.ublkzoned.engine.writelog.WriteLogException;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Sizes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;

/** The command {@code log}: lists the entries of a write log. */
final class LogCommand implements Command {

    private static final String JSON_OUTPUT = "--json";

    @Override
    public Syntax syntax() {
        return new Syntax(
                        "ublk-zoned log",
                        "List the entries of a write log: writes, appends, resets, finishes, flushes and marks.",
                        "[--json] FILE")
                .flag(JSON_OUTPUT, "Print JSON.")
                .footer(
                        "",
                        "'ublk-zoned add --record FILE' writes a log. Entries have numbers from 0. A flush shows how many entries",
                        "it made durable: those that took effect before it began.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Operands operands = line.operands();
        String word = operands.next();
        operands.end();
        if (word == null) {
            throw line.usage("the log is missing");
        }
        Path path = operands.path(word);
        try (LogFile file = LogFile.forReading(path)) {
            LogReader log = LogReader.open(file.file());
            if (line.has(JSON_OUTPUT)) {
                printJson(line, log);
            } else {
                print(line, log);
            }
        } catch (WriteLogException e) {
            throw new CommandFailure(path + ": " + e.getMessage(), e);
        }
        return ExitStatus.SUCCESS;
    }

    private static void print(Arguments line, LogReader log) throws IOException {
        TextTable table = new TextTable(line.out(), ">entry", "operation", ">zone", ">offset", ">length", "");
        Optional<DeviceGeometry> geometry = log.header().geometry();
        log.forEach(0, Long.MAX_VALUE, entry -> table.fit(cells(entry, geometry)));
        table.printTitles();
        log.forEach(0, Long.MAX_VALUE, entry -> table.print(cells(entry, geometry)));
    }

    /** Returns the cells of a row. The offset is that in the zone, if the log knows the zones. */
    private static String[] cells(LogEntry entry, Optional<DeviceGeometry> geometry) {
        boolean hasPlace = entry.kind() != Kind.FLUSH && entry.kind() != Kind.MARK;
        Optional<DeviceGeometry> zones = geometry.filter(all -> hasPlace && all.contains(entry.startBytes()));
        String zone = zones.map(all -> String.valueOf(all.zoneIndex(entry.startBytes())))
                .orElse("");
        long zoneStart = zones.map(all -> all.zoneStart(all.zoneIndex(entry.startBytes())))
                .orElse(0L);
        return new String[] {
            String.valueOf(entry.index()),
            operation(entry),
            zone,
            hasPlace ? Sizes.text(entry.startBytes() - zoneStart) : "",
            entry.lengthBytes() > 0 ? Sizes.text(entry.lengthBytes()) : "",
            note(entry)
        };
    }

    private static String operation(LogEntry entry) {
        return entry.kind().name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private static String note(LogEntry entry) {
        if (entry.kind() == Kind.FLUSH) {
            return "of " + entry.covered();
        }
        return entry.forceUnitAccess() ? "FUA" : entry.name();
    }

    private static void printJson(Arguments line, LogReader log) throws IOException {
        line.out().print('[');
        log.forEach(0, Long.MAX_VALUE, entry -> {
            line.out().println(entry.index() == 0 ? "" : ",");
            line.out().print(json(entry));
        });
        line.out().println("\n]");
    }

    private static String json(LogEntry entry) throws IOException {
        var object = JSON.std
                .composeString()
                .startObject()
                .put("entry", entry.index())
                .put("operation", operation(entry));
        object = switch (entry.kind()) {
            case FLUSH -> object.put("covers", entry.covered());
            case MARK -> object.put("name", entry.name());
            case FINISH -> object.put("start", entry.startBytes());
            case WRITE, APPEND, RESET, RESET_ALL, DISCARD ->
                object.put("start", entry.startBytes())
                        .put("length", entry.lengthBytes())
                        .put("fua", entry.forceUnitAccess());
        };
        return object.end().finish();
    }
}
