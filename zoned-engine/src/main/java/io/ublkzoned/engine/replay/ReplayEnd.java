package io.ublkzoned.engine.replay;

import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.writelog.LogReader;
import io.ublkzoned.engine.writelog.WriteLogException;
import java.io.IOException;
import java.util.Optional;

/** The place in a log where a replay ends, as people name it. */
public sealed interface ReplayEnd {

    /** The entry with this number, from 0. */
    record Entry(long index) implements ReplayEnd {}

    /** The first mark with this name. */
    record Mark(String name) implements ReplayEnd {}

    /** The flush with this number, from 1. */
    record Flush(long number) implements ReplayEnd {}

    /** The first flush behind the part that the image has. */
    record NextFlush() implements ReplayEnd {}

    /** The last entry. */
    record Last() implements ReplayEnd {}

    /**
     * Returns the number of the last entry of a replay.
     *
     * @param log the log, whose position changes
     * @param first the first entry that the image lacks
     * @throws WriteLogException if the log has no such entry
     */
    default long find(LogReader log, long first) throws IOException {
        log.rewind();
        long flushes = 0;
        long last = -1;
        for (Optional<LogEntry> next = log.next(); next.isPresent(); next = log.next()) {
            LogEntry entry = next.get();
            last = entry.index();
            flushes += entry.isFlush() ? 1 : 0;
            boolean found = switch (this) {
                case Entry end -> end.index == last;
                case Mark end -> entry.kind() == LogEntry.Kind.MARK && end.name.equals(entry.name());
                case Flush end -> entry.isFlush() && flushes == end.number;
                case NextFlush end -> entry.isFlush() && last >= first;
                case Last end -> false;
            };
            if (found) {
                return last;
            }
        }
        return switch (this) {
            case Entry end ->
                throw new WriteLogException("the log has no entry %d: its last one is %d".formatted(end.index, last));
            case Mark end -> throw new WriteLogException("the log has no mark '%s'".formatted(end.name));
            case Flush end ->
                throw new WriteLogException("the log has no flush %d: it has %d".formatted(end.number, flushes));
            case NextFlush end ->
                throw new WriteLogException("the log has no flush at or behind entry %d".formatted(first));
            case Last end -> last;
        };
    }
}
