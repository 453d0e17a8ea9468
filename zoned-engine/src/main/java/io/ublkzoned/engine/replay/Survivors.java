package io.ublkzoned.engine.replay;

import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.writelog.LogEntry;
import io.ublkzoned.engine.writelog.LogReader;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * The part of a log that survives a power cut. Everything that a flush covers survives. Of the rest, each sequential
 * zone keeps some of its history from the start: whole blocks of writes, resets and finishes. Each block of a
 * conventional zone has one of the contents that it had, or the first sectors of one and the rest of the one before.
 *
 * <p>One thread first collects the history, then {@link #draw}s, and then takes the survivors in the same order.
 */
final class Survivors {

    private static final int TORN_ONE_IN = 4;

    /** Operations on one zone, or contents of one block. */
    private static final class History {
        long steps;
        long durable; // survive
        long surviving;
        boolean freesZone; // a reset or a finish is among the steps
        int sectorsOfNext; // of one more step
    }

    private final DeviceGeometry geometry;
    private final int blockBytes;
    private final TreeMap<Integer, History> zones = new TreeMap<>();
    private final TreeMap<Long, History> blocks = new TreeMap<>();

    Survivors(DeviceGeometry geometry, int blockBytes) {
        this.geometry = geometry;
        this.blockBytes = blockBytes;
    }

    /**
     * Returns the number of the first entry, up to {@code last}, that a power cut behind {@code last} can lose.
     *
     * @param log the log, whose position changes
     */
    static long firstUnflushed(LogReader log, long last) throws IOException {
        log.rewind();
        long covered = 0;
        for (Optional<LogEntry> next = log.next();
                next.isPresent() && next.get().index() <= last;
                next = log.next()) {
            covered = Math.max(covered, next.get().covered());
        }
        return covered;
    }

    /** Adds an entry that can be lost, in the order of the log. */
    void add(LogEntry entry) {
        switch (entry.kind()) {
            case WRITE, APPEND -> {
                int zone = geometry.zoneIndex(entry.startBytes());
                if (geometry.isConventional(zone)) {
                    for (long at = 0; at < entry.lengthBytes(); at += blockBytes) {
                        addSteps(blocks.computeIfAbsent(entry.startBytes() + at, block -> new History()), 1, entry);
                    }
                } else {
                    addSteps(history(zone), entry.lengthBytes() / blockBytes, entry);
                }
                if (entry.forceUnitAccess()) {
                    keepFreedZones();
                }
            }
            case RESET, RESET_ALL -> {
                int end = geometry.zoneIndex(entry.startBytes() + entry.lengthBytes() - 1);
                for (int zone = geometry.zoneIndex(entry.startBytes()); zone <= end; zone++) {
                    addChange(zone, entry);
                }
            }
            case FINISH -> addChange(geometry.zoneIndex(entry.startBytes()), entry);
            case FLUSH, MARK, DISCARD -> {}
        }
    }

    private void addChange(int zone, LogEntry entry) {
        History history = history(zone);
        addSteps(history, 1, entry);
        history.freesZone = true;
    }

    /** Keeps resets and finishes, because without them the zone of a write that survives could not be active. */
    private void keepFreedZones() {
        for (History zone : zones.values()) {
            if (zone.freesZone) {
                zone.durable = zone.steps;
            }
        }
    }

    private History history(int zone) {
        return zones.computeIfAbsent(zone, index -> new History());
    }

    private static void addSteps(History history, long steps, LogEntry entry) {
        history.steps += steps;
        if (entry.forceUnitAccess()) {
            history.durable = history.steps;
        }
    }

    /** Draws what survives. */
    void draw(PowerCut cut) {
        SplittableRandom random = cut.random();
        zones.values().forEach(zone -> draw(cut, random, zone));
        blocks.values().forEach(block -> {
            draw(cut, random, block);
            boolean isTorn = cut.keep() == PowerCut.Keep.RANDOM
                    && block.surviving < block.steps
                    && random.nextInt(TORN_ONE_IN) == 0;
            block.sectorsOfNext = isTorn ? random.nextInt(blockBytes / DeviceGeometry.SECTOR_BYTES) : 0;
        });
    }

    private static void draw(PowerCut cut, SplittableRandom random, History history) {
        history.surviving = history.durable + cut.survivors(random, history.steps - history.durable);
    }

    /**
     * Takes steps of a sequential zone in the order of the log.
     *
     * @return how many of them survive, from the first on
     */
    long takeSteps(int zone, long steps) {
        History history = history(zone);
        long survive = Math.min(steps, history.surviving);
        history.surviving -= survive;
        return survive;
    }

    /** Takes the next content of a block of a conventional zone. Returns how many bytes of it survive. */
    int takeContent(long blockStartBytes) {
        History history = blocks.computeIfAbsent(blockStartBytes, block -> new History());
        if (history.surviving > 0) {
            history.surviving--;
            return blockBytes;
        }
        int sectors = history.sectorsOfNext;
        history.sectorsOfNext = 0;
        return sectors * DeviceGeometry.SECTOR_BYTES;
    }

    /** Loses everything else of a zone. */
    void endZone(int zone) {
        history(zone).surviving = 0;
    }
}
