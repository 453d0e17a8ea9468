package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockOp;
import io.ublkzoned.engine.DeviceGeometry;
import io.ublkzoned.engine.sim.Workload.Step;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** Sends the requests of a workload, and tells the zones' models of them. */
final class Client {

    private static final int SECTOR = TestData.SECTOR;
    private static final int SECTORS_MAX = 32;
    private static final byte[] NO_DATA = {};

    private final World world;
    private final DeviceGeometry geometry;
    private final Trace trace;
    private final ZoneModel[] zones;

    /** The zones whose next write is taken for the last one once more if it is alike. */
    private final BitSet repeatable = new BitSet();

    /** All writes, in the order of their stamps, from 1. */
    private final List<IoCall> stamps = new ArrayList<>();

    Client(World world, DeviceGeometry geometry, Trace trace) {
        this.world = world;
        this.geometry = geometry;
        this.trace = trace;
        zones = new ZoneModel[geometry.zoneCount()];
        for (int i = 0; i < zones.length; i++) {
            zones[i] = new ZoneModel(geometry, i, stamps);
        }
    }

    /** The image was opened, perhaps to go on where a server died. */
    void opened(boolean takenOver) {
        repeatable.set(0, zones.length, takenOver);
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
            case ZONE_APPEND -> append(queue, zone, sectors(step), forced);
            case READ -> read(queue, step);
            case ZONE_OPEN, ZONE_CLOSE, ZONE_FINISH, ZONE_RESET -> send(queue, op, start(zone), NO_DATA, false, zone);
            case ZONE_RESET_ALL -> send(queue, op, 0, NO_DATA, false, 0);
            case FLUSH -> send(queue, op, 0, NO_DATA, false, 0);
        }
    }

    IoCall append(FakeQueue queue, int zone, int sectors, boolean forced) {
        return send(queue, BlockOp.ZONE_APPEND, start(zone), newData(sectors), forced, zone);
    }

    private static int sectors(Step step) {
        return 1 + step.number() % SECTORS_MAX;
    }

    private void write(FakeQueue queue, Step step, boolean forced) {
        int zone = step.zone();
        int zoneSectors = (int) (geometry.zoneSizeBytes() / SECTOR);
        int sectors = Math.min(sectors(step), zoneSectors);
        int place = (int) (step.dice() >>> 33);
        if (geometry.isConventional(zone)) {
            long offset = start(zone) + (long) SECTOR * (place % (zoneSectors - sectors + 1));
            // Overlapping writes to a conventional zone have no defined outcome, and no file system sends them.
            if (!zones[zone].isBeingWritten(offset, sectors * SECTOR)) {
                send(queue, BlockOp.WRITE, offset, newData(sectors), forced, zone);
            }
            return;
        }
        long pointer = zones[zone].expectedPointer(world.report(zone).writePointer());
        long atPointer = Math.min(pointer, start(zone) + geometry.zoneSizeBytes() - SECTOR);
        boolean elsewhere = place % 16 == 0 && !repeatable.get(zone);
        long offset = elsewhere ? start(zone) + (long) SECTOR * (place / 16 % zoneSectors) : atPointer;
        send(queue, BlockOp.WRITE, offset, newData(sectors), forced, zone);
    }

    private void read(FakeQueue queue, Step step) {
        int zoneSectors = (int) (geometry.zoneSizeBytes() / SECTOR);
        int first = (int) (step.dice() >>> 33) % zoneSectors;
        int sectors = Math.min(sectors(step), zoneSectors - first);
        long offset = start(step.zone()) + (long) first * SECTOR;
        send(queue, BlockOp.READ, offset, new byte[sectors * SECTOR], false, step.zone());
    }

    private byte[] newData(int sectors) {
        return TestData.numbered(stamps.size() + 1, sectors);
    }

    private IoCall send(FakeQueue queue, BlockOp op, long offset, byte[] data, boolean forced, int zone) {
        trace.add(op, offset, data.length, forced ? 1 : 0);
        IoCall call = queue.prepare(op, offset, data, forced);
        if (call.isWrite()) {
            repeatable.clear(zone);
        }
        call.place = offset;
        if (call.isWrite()) {
            stamps.add(call);
        }
        if (op == BlockOp.ZONE_RESET_ALL) {
            for (ZoneModel each : zones) {
                each.add(call);
            }
        } else {
            zones[zone].add(call);
        }
        queue.send(call);
        return call;
    }

    private long start(int zone) {
        return geometry.zoneStart(zone);
    }
}
