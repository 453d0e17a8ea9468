package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.sim.Workload.Step;
import io.ublkzoned.engine.sim.Workload.Trait;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/** The sender of the requests of a workload. It reports them to the zones' models and checks how each may end. */
final class Client {

    private static final int SECTOR = TestData.SECTOR;
    private static final int SECTORS_MAX = 32;
    private static final byte[] NO_DATA = {};

    /** One append in this many has data that other appends have too. */
    private static final int PATTERNS = 4;

    private final World world;
    private final DeviceGeometry geometry;
    private final ZoneWear wear;
    private final int blockSectors;
    private final boolean oneWriteAtATime;
    private final boolean alike;
    private final InjectedFaults faults;
    private final Trace trace;
    private final ZoneModel[] zones;

    private boolean faultsAreOn;

    /** The number of requests in flight that affect all zones. */
    private int resetsOfAll;

    /**
     * The zones whose next write may be taken for a repetition of the last one, because no write has succeeded since a
     * takeover.
     */
    private final BitSet repeatable = new BitSet();

    /** The zones' write pointers when the image was opened. */
    private final long[] openedAt;

    /** All writes, in the order of their stamps, from 1. */
    private final List<IoCall> stamps = new ArrayList<>();

    Client(World world, DeviceGeometry geometry, ZoneWear wear, Workload workload, Trace trace) {
        this.world = world;
        this.geometry = geometry;
        this.wear = wear;
        // The kernel ensures that a zone has at most one write in flight that is not an append. Only then can a
        // repetition of a zone's last write be recognized.
        oneWriteAtATime = workload.is(Trait.RESENDS);
        blockSectors = workload.blockBytes() / SECTOR;
        alike = workload.is(Trait.ALIKE);
        faults = workload.faults();
        this.trace = trace;
        zones = new ZoneModel[geometry.zoneCount()];
        openedAt = new long[zones.length];
        for (int i = 0; i < zones.length; i++) {
            zones[i] = new ZoneModel(geometry, i, stamps);
        }
    }

    /** Records that the image was opened, possibly to resume the device of a dead server. */
    void opened(boolean takenOver) {
        resetsOfAll = (int) world.reserved()
                .filter(call -> call.op == BlockOp.ZONE_RESET_ALL)
                .count();
        repeatable.set(0, zones.length, takenOver);
        Arrays.setAll(openedAt, zone -> world.report(zone).writePointer());
    }

    /** Makes the device show the life's faults, or none, to the next requests. */
    void switchFaults(boolean on) {
        if (on && !faultsAreOn) {
            world.arm(faults);
        } else if (!on && faultsAreOn) {
            world.disarm();
        }
        faultsAreOn = on;
    }

    /** Records that a server has died or was closed, with its fault rules. */
    void ended() {
        faultsAreOn = false;
    }

    ZoneModel[] zones() {
        return zones;
    }

    void send(BlockOp op, Step step) {
        FakeQueue queue = world.queues[step.queue() % world.queues.length];
        if (!queue.hasFreeTag()) {
            return;
        }
        int zone = step.zone();
        boolean forced = (step.dice() & 7) == 0;
        switch (op) {
            case WRITE -> write(queue, step, forced);
            case ZONE_APPEND -> append(queue, step, forced);
            case READ -> read(queue, step);
            case ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET -> send(queue, op, start(zone), NO_DATA, false, zone);
            case ZONE_RESET_ALL -> resetAll(queue);
            case FLUSH -> send(queue, op, 0, NO_DATA, false, 0);
        }
    }

    private void append(FakeQueue queue, Step step, boolean forced) {
        if (oneWriteAtATime && zones[step.zone()].hasWriteInFlight(BlockOp.WRITE)) {
            return;
        }
        if (alike || step.number() % PATTERNS == 0) {
            byte[] data = TestData.pattern(blockSectors * (alike ? 1 : 1 + step.number() / PATTERNS % 2));
            send(queue, BlockOp.ZONE_APPEND, start(step.zone()), data, forced, step.zone());
        } else {
            append(queue, step.zone(), sectors(step), forced);
        }
    }

    IoCall append(FakeQueue queue, int zone, int sectors, boolean forced) {
        return send(queue, BlockOp.ZONE_APPEND, start(zone), newData(sectors), forced, zone);
    }

    /** Sends a reset of all zones, unless it is uncertain which zones it affects. */
    private void resetAll(FakeQueue queue) {
        if (wear.isCertain()) {
            resetsOfAll++;
            send(queue, BlockOp.ZONE_RESET_ALL, 0, NO_DATA, false, 0);
        }
    }

    /** Requests that one or two zones become read-only, offline or good again. */
    void changeCondition(Step step) {
        int first = step.zone();
        if (geometry.isConventional(first) || resetsOfAll > 0) {
            return;
        }
        int count = Math.min(1 + step.number() % 2, geometry.zoneCount() - first);
        ZoneCondition condition = switch (step.number() / 2 % 4) {
            case 0 -> ZoneCondition.READ_ONLY;
            case 1 -> ZoneCondition.OFFLINE;
            default -> null;
        };
        wear.change(world.device(), first, count, condition);
    }

    /** Withdraws the oldest change of conditions, if it has not begun. */
    void withdraw() {
        wear.withdrawOldest(world.device(), world.tick());
    }

    /** Returns a length of whole blocks, in sectors. */
    private int sectors(Step step) {
        return blockSectors * (1 + step.number() % (SECTORS_MAX / blockSectors));
    }

    /** Returns the start of a block such that this many sectors fit into the zone. */
    private long anyOffset(Step step, int sectors) {
        int blocks = (int) (geometry.zoneSizeBytes() / SECTOR - sectors) / blockSectors;
        int block = place(step) % (blocks + 1);
        return start(step.zone()) + (long) block * blockSectors * SECTOR;
    }

    private static int place(Step step) {
        return (int) (step.dice() >>> 33);
    }

    private void write(FakeQueue queue, Step step, boolean forced) {
        int zone = step.zone();
        int sectors = Math.min(sectors(step), (int) (geometry.zoneSizeBytes() / SECTOR));
        if (geometry.isConventional(zone)) {
            long offset = anyOffset(step, sectors);
            // Overlapping writes to a conventional zone have no defined outcome, and no file system sends them.
            if (!zones[zone].isBeingWritten(offset, sectors * SECTOR)) {
                send(queue, BlockOp.WRITE, offset, newData(sectors), forced, zone);
            }
            return;
        }
        long reported = world.report(zone).writePointer(); // other threads may run meanwhile
        if (oneWriteAtATime && zones[zone].hasWriteInFlight(null)) {
            return;
        }
        long pointer = zones[zone].expectedPointer(reported);
        long atPointer = Math.min(pointer, start(zone) + geometry.zoneSizeBytes() - (long) blockSectors * SECTOR);
        boolean elsewhere = Dice.isElsewhere(step.dice());
        // A write that violates the rules could be taken for a repetition of the last one.
        if ((elsewhere || pointer != atPointer) && (oneWriteAtATime || repeatable.get(zone))) {
            return;
        }
        long offset = elsewhere ? anyOffset(step, blockSectors) : atPointer;
        send(queue, BlockOp.WRITE, offset, newData(sectors), forced, zone);
    }

    private void read(FakeQueue queue, Step step) {
        int sectors = Math.min(sectors(step), (int) (geometry.zoneSizeBytes() / SECTOR));
        send(queue, BlockOp.READ, anyOffset(step, sectors), new byte[sectors * SECTOR], false, step.zone());
    }

    private byte[] newData(int sectors) {
        return TestData.numbered(stamps.size() + 1, sectors);
    }

    private IoCall send(FakeQueue queue, BlockOp op, long offset, byte[] data, boolean forced, int zone) {
        trace.add(op, offset, data.length, forced ? 1 : 0);
        IoCall call = queue.prepare(op, offset, data, forced);
        call.place = offset;
        if (faultsAreOn) {
            faults.prepare(call, zone);
        }
        if (call.isWrite()) {
            stamps.add(call);
        }
        if (op == BlockOp.ZONE_RESET_ALL) {
            for (int i = 0; i < zones.length; i++) {
                if (wear.isGood(i)) {
                    zones[i].add(call);
                }
            }
        } else {
            zones[zone].add(call);
        }
        queue.send(call);
        return call;
    }

    /**
     * Checks that a completed request has an allowed result.
     *
     * @param injected whether the result is the error of a fault rule
     */
    void completed(IoCall call, boolean hadTrouble, boolean injected) {
        resetsOfAll -= call.op == BlockOp.ZONE_RESET_ALL ? 1 : 0;
        int zone = geometry.zoneIndex(call.offset);
        boolean ofOneZone = call.op != BlockOp.FLUSH && call.op != BlockOp.ZONE_RESET_ALL;
        if (call.succeeded()) {
            assertEquals(call.data.length, call.result, call::toString);
            assertFalse(
                    ofOneZone && wear.mustFail(zone, call.op, call.begun), () -> "of a zone that has failed: " + call);
            if (call.isWrite() && call.place >= openedAt[zone]) {
                repeatable.clear(zone);
            }
            return;
        }
        if (injected) {
            return;
        }
        boolean failedZone = ofOneZone && wear.mayHaveFailed(zone, call.begun);
        boolean expected = switch (-call.result) {
            case BlockErrors.ETOOMANYREFS, BlockErrors.EOVERFLOW -> geometry.maxOpenZones() != 0;
            case BlockErrors.ENOSPC -> hadTrouble;
            case BlockErrors.EIO -> hadTrouble || failedZone || isRefusable(call);
            default -> false;
        };
        assertTrue(expected, call::toString);
    }

    /** Returns whether the request may violate the rules of its zone. */
    private boolean isRefusable(IoCall call) {
        if (call.carriedOut && isZoneOperation(call.op)) {
            return false;
        }
        boolean conventional = geometry.isConventional(geometry.zoneIndex(call.offset));
        return switch (call.op) {
            case READ, FLUSH, ZONE_RESET_ALL -> false;
            case WRITE -> !conventional;
            case ZONE_RESET, ZONE_FINISH -> conventional;
            case ZONE_APPEND, ZONE_OPEN, ZONE_CLOSE -> true;
        };
    }

    private static boolean isZoneOperation(BlockOp op) {
        return switch (op) {
            case ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET, ZONE_RESET_ALL -> true;
            case READ, WRITE, FLUSH, ZONE_APPEND -> false;
        };
    }

    private long start(int zone) {
        return geometry.zoneStart(zone);
    }
}
