package io.ublkzoned.engine.replay;

import io.ublkzoned.engine.OfflineDevice;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.writelog.LogReader;
import io.ublkzoned.engine.writelog.WriteLogException;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The replay of a range of log entries into a device. One thread uses it. It blocks. */
public final class LogReplay {

    private static final int BUFFER_BYTES = 1 << 20;

    private final LogReader log;
    private final OfflineDevice device;
    private final DeviceGeometry geometry;
    private final int blockBytes;
    private final MemorySegment buffer = Arena.ofAuto().allocate(BUFFER_BYTES, Long.BYTES);
    private final MemorySegment block;

    /**
     * @param log a log with the geometry of its device
     * @param device a device of the same geometry
     */
    public LogReplay(LogReader log, OfflineDevice device) {
        this.log = log;
        this.device = device;
        geometry = device.geometry();
        blockBytes = log.header().sectorBytes();
        block = Arena.ofAuto().allocate(blockBytes, Long.BYTES);
    }

    /**
     * Applies the entries {@code first} to {@code last} to an image that has all entries before.
     *
     * @throws WriteLogException if an entry does not fit the image
     */
    public void apply(long first, long last) throws IOException {
        forEach(first, last, this::apply);
    }

    /**
     * Applies the entries {@code first} to {@code last} as far as they survive a power cut behind {@code last}. The same
     * log and cut leave the same image.
     *
     * @throws WriteLogException if an entry does not fit the image
     */
    public void apply(long first, long last, PowerCut cut) throws IOException {
        long unflushed = Math.max(first, Survivors.firstUnflushed(log, last));
        Survivors survivors = new Survivors(geometry, blockBytes);
        forEach(unflushed, last, survivors::add);
        survivors.draw(cut);
        apply(first, unflushed - 1);
        forEach(unflushed, last, entry -> applySurvivors(entry, survivors));
    }

    private void forEach(long first, long last, LogReader.Visitor visitor) throws IOException {
        log.forEach(first, last, entry -> {
            requireInside(entry);
            visitor.visit(entry);
        });
    }

    private void requireInside(LogEntry entry) throws WriteLogException {
        boolean isInside = switch (entry.kind()) {
            case WRITE, APPEND, RESET, RESET_ALL ->
                entry.lengthBytes() > 0 && entry.lengthBytes() <= geometry.sizeBytes() - entry.startBytes();
            case FINISH -> geometry.contains(entry.startBytes());
            case FLUSH, MARK -> true;
            case DISCARD -> false;
        };
        if (!isInside) {
            throw new WriteLogException("entry %d of the write log is not for this device".formatted(entry.index()));
        }
    }

    private void apply(LogEntry entry) throws IOException {
        switch (entry.kind()) {
            case WRITE, APPEND -> require(entry, write(entry, 0, entry.lengthBytes()));
            case RESET, RESET_ALL -> {
                for (int zone = firstZone(entry); zone <= lastZone(entry); zone++) {
                    require(entry, device.run(BlockOp.ZONE_RESET, zone));
                }
            }
            case FINISH -> require(entry, device.run(BlockOp.ZONE_FINISH, firstZone(entry)));
            case FLUSH, MARK, DISCARD -> {}
        }
    }

    private int firstZone(LogEntry entry) {
        return geometry.zoneIndex(entry.startBytes());
    }

    private int lastZone(LogEntry entry) {
        return geometry.zoneIndex(entry.startBytes() + entry.lengthBytes() - 1);
    }

    private void applySurvivors(LogEntry entry, Survivors survivors) throws IOException {
        switch (entry.kind()) {
            case WRITE, APPEND -> {
                if (geometry.isConventional(firstZone(entry))) {
                    writeContents(entry, survivors);
                } else {
                    writeSurvivors(entry, survivors);
                }
            }
            case RESET, RESET_ALL -> {
                for (int zone = firstZone(entry); zone <= lastZone(entry); zone++) {
                    if (survivors.takeSteps(zone, 1) > 0) {
                        require(entry, device.run(BlockOp.ZONE_RESET, zone));
                    }
                }
            }
            case FINISH -> {
                if (survivors.takeSteps(firstZone(entry), 1) > 0) {
                    requireOrEnd(entry, device.run(BlockOp.ZONE_FINISH, firstZone(entry)), survivors);
                }
            }
            case FLUSH, MARK, DISCARD -> {}
        }
    }

    private void writeSurvivors(LogEntry entry, Survivors survivors) throws IOException {
        int zone = firstZone(entry);
        long blocks = survivors.takeSteps(zone, entry.lengthBytes() / blockBytes);
        if (blocks == 0) {
            return;
        }
        requireOrEnd(entry, write(entry, 0, blocks * blockBytes), survivors);
    }

    /**
     * Loses the rest of a zone that cannot become active. The reset or finish of another zone did not survive, so that
     * zone is still active.
     */
    private void requireOrEnd(LogEntry entry, int error, Survivors survivors) throws WriteLogException {
        if (error == -BlockErrors.EOVERFLOW && !entry.forceUnitAccess()) {
            survivors.endZone(firstZone(entry));
        } else {
            require(entry, error);
        }
    }

    private void writeContents(LogEntry entry, Survivors survivors) throws IOException {
        for (long at = 0; at < entry.lengthBytes(); at += blockBytes) {
            long start = entry.startBytes() + at;
            int bytes = survivors.takeContent(start);
            if (bytes > 0) {
                require(entry, device.read(start, block));
                log.readData(entry, at, block.asSlice(0, bytes));
                require(entry, device.write(start, block));
            }
        }
    }

    /** Writes a part of an entry's data. Returns 0 or -errno. */
    private int write(LogEntry entry, long from, long to) throws IOException {
        int error = 0;
        for (long at = from; at < to && error == 0; at += buffer.byteSize()) {
            MemorySegment part = buffer.asSlice(0, Math.min(buffer.byteSize(), to - at));
            log.readData(entry, at, part);
            error = device.write(entry.startBytes() + at, part);
        }
        return error;
    }

    private static void require(LogEntry entry, int error) throws WriteLogException {
        if (error == -BlockErrors.ENOSPC) {
            throw new WriteLogException("entry %d does not fit on the disk of the image".formatted(entry.index()));
        }
        if (error != 0) {
            throw new WriteLogException(
                    "entry %d does not fit the image (error %d): begin with a copy of the image as it was before the log"
                            .formatted(entry.index(), -error));
        }
    }
}
