package io.ublkzoned.engine.writelog;

import io.ublkzoned.engine.qcow2.ImageFile;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** A reader of a write log, from its first entry to its last. One thread uses it. It blocks. */
public final class LogReader {

    /** The use of one entry. */
    @FunctionalInterface
    public interface Visitor {
        void visit(LogEntry entry) throws IOException;
    }

    private final ImageFile log;
    private final LogHeader header;
    private final MemorySegment sector;
    private long index;
    private long offsetBytes;

    private LogReader(ImageFile log, LogHeader header) {
        this.log = log;
        this.header = header;
        sector = MemorySegment.ofArray(new byte[header.sectorBytes()]);
        rewind();
    }

    /**
     * Opens a log.
     *
     * @throws WriteLogException if the file is not a log
     */
    public static LogReader open(ImageFile log) throws IOException {
        MemorySegment data = MemorySegment.ofArray(new byte[LogHeader.BYTES]);
        try {
            log.read(data, 0);
        } catch (EOFException e) {
            throw new WriteLogException("it is too short to be a write log");
        }
        return new LogReader(log, LogHeader.decode(data));
    }

    public LogHeader header() {
        return header;
    }

    /** Continues with the first entry. */
    public void rewind() {
        index = 0;
        offsetBytes = header.sectorBytes();
    }

    /**
     * Returns the next entry, or nothing at the end.
     *
     * @throws WriteLogException if it is damaged
     */
    public Optional<LogEntry> next() throws IOException {
        if (index == header.entries()) {
            return Optional.empty();
        }
        LogEntry entry;
        try {
            log.read(sector, offsetBytes);
            entry = LogEntry.decode(sector, index, offsetBytes);
        } catch (EOFException e) {
            throw new WriteLogException(
                    "the write log ends at entry %d, but should have %d".formatted(index, header.entries()));
        }
        if (entry.hasData() && entry.lengthBytes() > Long.MAX_VALUE - entry.dataOffsetBytes(header.sectorBytes())) {
            throw new WriteLogException("entry %d of the write log is damaged".formatted(index));
        }
        index++;
        offsetBytes = entry.endBytes(header.sectorBytes());
        return Optional.of(entry);
    }

    /** Visits the entries {@code first} to {@code last}, or to the end of the log. The position changes. */
    public void forEach(long first, long last, Visitor visitor) throws IOException {
        rewind();
        for (Optional<LogEntry> next = next(); next.isPresent() && next.get().index() <= last; next = next()) {
            if (next.get().index() >= first) {
                visitor.visit(next.get());
            }
        }
    }

    /** Fills {@code target} with the data of an entry from {@code fromBytes} on. */
    public void readData(LogEntry entry, long fromBytes, MemorySegment target) throws IOException {
        try {
            log.read(target, entry.dataOffsetBytes(header.sectorBytes()) + fromBytes);
        } catch (EOFException e) {
            throw new WriteLogException("the write log ends in the data of entry %d".formatted(entry.index()));
        }
    }
}
