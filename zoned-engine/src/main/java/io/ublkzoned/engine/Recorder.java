package io.ublkzoned.engine;

import static io.ublkzoned.engine.qcow2.ZoneMap.HOLE;

import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.writelog.LogWriter;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The recording of what a device carries out. A request gets its entries under the device's lock when it takes effect,
 * so the log has the order of the effects. The entries are written without the lock, before the request is
 * acknowledged. Their data is read back from the image, because it may have reached it without passing through this
 * process. So the log can have other data of a zone that is reset while a write to it is not acknowledged.
 *
 * <p>It belongs to the data path. Without a log it does nothing.
 */
final class Recorder {

    private final FailureLog failures;

    // Both are set before the first request.
    private @Nullable LogWriter log;
    private @Nullable ImageFile image;

    Recorder(FailureLog failures) {
        this.failures = failures;
    }

    /** Begins. Called before the first request. */
    void begin(LogWriter writer, ImageFile recordedImage) {
        log = writer;
        image = recordedImage;
    }

    boolean isOn() {
        return log != null;
    }

    /** Notes the operations that a flush covers, which starts now. Under the device's lock. */
    void flushStarts(BlockRequest flush) {
        if (log != null) {
            flush.coveredEntries = log.placed();
        }
    }

    /** Records a write or an append that takes effect. Under the device's lock. */
    void wrote(BlockRequest write) {
        if (log != null) {
            write.entries = List.of(
                    log.placeWrite(write.op() == BlockOp.ZONE_APPEND, write.offsetBytes(), write.lengthBytes()));
        }
    }

    /** Records a finish that takes effect. Under the device's lock. */
    void finished(BlockRequest request, ActiveZone zone) {
        if (log != null) {
            request.entries = List.of(log.placeFinish(zone.zone.startBytes()));
        }
    }

    /**
     * Records a reset that takes effect. Consecutive zones share an entry. Under the device's lock.
     *
     * @param zones in ascending order
     */
    void reset(BlockRequest request, List<ActiveZone> zones) {
        if (log == null) {
            return;
        }
        List<LogEntry> entries = new ArrayList<>();
        boolean ofAllZones = request.op() == BlockOp.ZONE_RESET_ALL;
        int first = 0;
        for (int i = 1; i <= zones.size(); i++) {
            if (i == zones.size()
                    || zones.get(i).zone.index() != zones.get(i - 1).zone.index() + 1) {
                long start = zones.get(first).zone.startBytes();
                entries.add(
                        log.placeReset(ofAllZones, start, zones.get(i - 1).zone.endBytes() - start));
                first = i;
            }
        }
        request.entries = entries;
    }

    /** Writes the entries of a request that is about to be acknowledged. Blocks. On its queue's thread. */
    void write(BlockRequest request, int result) {
        if (log == null) {
            return;
        }
        if (request.op() == BlockOp.FLUSH && result >= 0) {
            request.entries = List.of(log.placeFlush(request.coveredEntries));
        }
        try {
            for (LogEntry entry : request.entries) {
                boolean isDurable = request.forceUnitAccess() && result >= 0;
                log.write(entry, isDurable, (from, target) -> readImage(request, from, target));
            }
        } catch (IOException | RuntimeException | VirtualMachineError e) {
            failures.logAndGetErrno("recording, which ends here", e);
        }
    }

    /** Puts a mark into the log: see {@link ZonedDevice#mark}. */
    void mark(String name) throws IOException {
        if (log == null) {
            throw new IOException("the device is not recorded: add it with --record FILE");
        }
        boolean written;
        try {
            written = log.write(log.placeMark(name));
        } catch (IOException e) {
            throw new IOException("the log ends here because it cannot be written: " + e.getMessage(), e);
        }
        if (!written) {
            throw new IOException("the log has ended because it could not be written: see the server's log");
        }
    }

    /** Reads the data of a write that has arrived in the image. */
    private void readImage(BlockRequest write, long fromBytes, MemorySegment target) throws IOException {
        ImageFile file = Objects.requireNonNull(image);
        long partStart = 0;
        for (int i = 0; i < write.partCount; i++) {
            long partEnd = partStart + write.partLength[i];
            long from = Math.max(partStart, fromBytes);
            long to = Math.min(partEnd, fromBytes + target.byteSize());
            if (from < to) {
                assert write.partImageOffset[i] != HOLE : "a write into a hole";
                file.read(target.asSlice(from - fromBytes, to - from), write.partImageOffset[i] + (from - partStart));
            }
            partStart = partEnd;
        }
    }
}
