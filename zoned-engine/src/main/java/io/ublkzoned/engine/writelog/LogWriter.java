package io.ublkzoned.engine.writelog;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ImageFile;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashSet;
import java.util.Set;

/**
 * The writer of a write log. An entry first gets its place, in the order of the operations, and is written later. The
 * header counts an entry once it and all entries before it are complete, so the log is whole no matter when the process
 * dies or the disk is full.
 *
 * <p>Any thread may call it. The methods that return a place work in memory; {@link #write} blocks.
 */
public final class LogWriter implements Closeable {

    private static final int BUFFER_BYTES = 256 << 10;

    /** The data of an entry. */
    @FunctionalInterface
    public interface Source {
        /** Fills {@code target} with the data from {@code offsetBytes} on. */
        void read(long offsetBytes, MemorySegment target) throws IOException;
    }

    private final ImageFile log;
    private final int sectorBytes;
    private final Object placing = new Object();
    private final Object writing = new Object();

    /** The number of entries that have a place. */
    @GuardedBy("placing")
    private long placed;

    @GuardedBy("placing")
    private long endBytes;

    @GuardedBy("writing")
    private final MemorySegment buffer = Arena.ofAuto().allocate(BUFFER_BYTES, Long.BYTES);

    /** The number of entries that are complete together with all entries before them. */
    @GuardedBy("writing")
    private long complete;

    /** Complete entries behind one that is not. */
    @GuardedBy("writing")
    private final Set<Long> ahead = new HashSet<>();

    @GuardedBy("writing")
    private boolean failed;

    private LogWriter(ImageFile log, int sectorBytes) {
        this.log = log;
        this.sectorBytes = sectorBytes;
        endBytes = sectorBytes;
    }

    /**
     * Begins a log. Writes its header.
     *
     * @param log the file, whose contents are lost; the caller closes it
     * @param header the header, with no entries
     */
    public static LogWriter begin(ImageFile log, LogHeader header) throws IOException {
        LogWriter writer = new LogWriter(log, header.sectorBytes());
        writer.writeHeader(header);
        return writer;
    }

    private void writeHeader(LogHeader header) throws IOException {
        synchronized (writing) {
            MemorySegment sector = buffer.asSlice(0, sectorBytes).fill((byte) 0);
            header.encode(sector);
            log.write(sector, 0);
        }
    }

    /** Returns the number of entries that have a place. */
    public long placed() {
        synchronized (placing) {
            return placed;
        }
    }

    /** Returns the place of a write or an append. */
    public LogEntry placeWrite(boolean isAppend, long startBytes, long lengthBytes) {
        return place(isAppend ? LogEntry.APPEND : 0, startBytes, lengthBytes, 0, "");
    }

    /** Returns the place of a reset of these zones. */
    public LogEntry placeReset(boolean ofAllZones, long startBytes, long lengthBytes) {
        long flags = LogEntry.DISCARD | (ofAllZones ? LogEntry.RESET_ALL : LogEntry.RESET);
        return place(flags, startBytes, lengthBytes, 0, "");
    }

    public LogEntry placeFinish(long zoneStartBytes) {
        return place(LogEntry.FINISH, zoneStartBytes, 0, 0, "");
    }

    /**
     * Returns the place of a flush.
     *
     * @param covered the number of entries that the flush made durable
     */
    public LogEntry placeFlush(long covered) {
        return place(LogEntry.FLUSH, 0, 0, covered, "");
    }

    /**
     * Returns the place of a mark.
     *
     * @throws IllegalArgumentException with a sentence if the name has no place in a sector
     */
    public LogEntry placeMark(String name) {
        int most = sectorBytes - LogEntry.BYTES - 1; // other programs need a zero behind it
        if (name.isEmpty() || name.getBytes(UTF_8).length > most) {
            throw new IllegalArgumentException("a mark has a name of 1 to %d bytes".formatted(most));
        }
        return place(LogEntry.MARK, 0, 0, 0, name);
    }

    private LogEntry place(long flags, long startBytes, long lengthBytes, long covered, String name) {
        synchronized (placing) {
            LogEntry entry = new LogEntry(placed++, endBytes, flags, startBytes, lengthBytes, covered, name);
            endBytes = entry.endBytes(sectorBytes);
            return entry;
        }
    }

    /** Writes an entry without data, as {@link #write(LogEntry, boolean, Source)} does. */
    public boolean write(LogEntry entry) throws IOException {
        return write(entry, false, (offset, target) -> {
            throw new IllegalStateException("no data");
        });
    }

    /**
     * Writes an entry and its data.
     *
     * @param isDurable whether the data of a write is durable
     * @return false if nothing was written, because the log has ended with an earlier failure
     * @throws IOException if that failed; the log then ends before the entry
     */
    public boolean write(LogEntry entry, boolean isDurable, Source data) throws IOException {
        synchronized (writing) {
            if (failed) {
                return false;
            }
            failed = true;
            writeAll(isDurable ? entry.withFlags(LogEntry.FUA) : entry, data);
            count(entry.index());
            failed = false;
            return true;
        }
    }

    @GuardedBy("writing")
    private void writeAll(LogEntry entry, Source data) throws IOException {
        entry.encode(buffer.asSlice(0, sectorBytes).fill((byte) 0));
        long length = entry.hasData() ? entry.lengthBytes() : 0;
        long done = 0;
        int used = sectorBytes; // of the buffer
        long to = entry.logOffsetBytes();
        do {
            long part = Math.min(length - done, buffer.byteSize() - used);
            if (part > 0) {
                data.read(done, buffer.asSlice(used, part));
            }
            log.write(buffer, used + part, to);
            to += used + part;
            done += part;
            used = 0;
        } while (done < length);
    }

    /** Counts a complete entry in the header, if all entries before it are complete. */
    @GuardedBy("writing")
    private void count(long index) throws IOException {
        if (index != complete) {
            ahead.add(index);
            return;
        }
        complete++;
        while (ahead.remove(complete)) {
            complete++;
        }
        buffer.set(LittleEndian.LONG, 0, complete);
        log.write(buffer, Long.BYTES, LogHeader.ENTRIES_AT);
    }

    /** Makes the log durable. No entry is written after this. */
    @Override
    public void close() throws IOException {
        synchronized (writing) {
            failed = true;
            log.sync(Barrier.LOG_BEFORE_CLOSED);
        }
    }
}
