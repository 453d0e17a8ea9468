package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The exhaustive simulation. It plays all sequences of operations on a device of three zones of four blocks, of which
 * the first zone is conventional. The machine crashes at each sync within the last operation and after it. Equal states
 * are continued only once.
 */
final class Exhaustive {

    private static final int ZONES = 3;
    private static final int BLOCKS = 4;
    private static final int BLOCK = 4096;
    private static final int ZONE_BYTES = BLOCKS * BLOCK;
    private static final int CLUSTER_BYTES = 2 * BLOCK;

    /**
     * In sequences up to this length the server alone also dies at each point, and the machine then dies during the
     * recovery.
     */
    private static final int KILLS_LENGTH_MAX = 4;

    /** The number of lives of a zone that its data can tell apart. */
    private static final int LIVES = 4;

    private enum Op {
        APPEND_1(BlockOp.ZONE_APPEND, 1),
        APPEND_2(BlockOp.ZONE_APPEND, 2),
        RESET_1(BlockOp.ZONE_RESET, 1),
        RESET_2(BlockOp.ZONE_RESET, 2),
        FINISH_1(BlockOp.ZONE_FINISH, 1),
        FINISH_2(BlockOp.ZONE_FINISH, 2),
        WRITE_0(BlockOp.WRITE, 0),
        FLUSH(BlockOp.FLUSH, 0),
        REOPEN(BlockOp.FLUSH, 0);

        final BlockOp op;
        final int zone;

        Op(BlockOp op, int zone) {
            this.op = op;
            this.zone = zone;
        }

        boolean isOn(int someZone) {
            return zone == someZone && zone > 0;
        }
    }

    /**
     * The possible contents of a zone after a crash. A sequential zone has {@code durable} to {@code written} blocks of
     * a life, or is FULL. The conventional zone has its second block as it was written the {@code durable}th to
     * {@code written}th time.
     */
    private record Expected(int life, int durable, int written, boolean finished, boolean finishIsDurable) {
        static final Expected NEW = new Expected(0, 0, 0, false, false);

        boolean isFull() {
            return finished || written == BLOCKS;
        }

        Expected append() {
            return isFull() ? this : new Expected(life, durable, written + 1, false, false);
        }

        Expected overwrite() {
            return new Expected(life, durable, written + 1, false, false);
        }

        Expected reset() {
            return written == 0 && !finished ? this : new Expected((life + 1) % LIVES, 0, 0, false, false);
        }

        Expected finish() {
            return isFull() ? this : new Expected(life, durable, written, true, false);
        }

        Expected flush() {
            return new Expected(life, written, written, finished, finished);
        }
    }

    /** The contents of a zone: the stamps of its blocks, the write pointer in blocks, and whether it is FULL. */
    @SuppressWarnings("ArrayRecordComponent") // never changed or compared
    private record Found(long[] stamps, long pointer, boolean full) {}

    private final SimulatedDisk created = new SimulatedDisk();
    private final DeviceGeometry geometry;
    private final @Nullable Barrier missing;

    private final Set<Long> states = new HashSet<>();
    private final Set<Long> crashPoints = new HashSet<>();
    private final Map<Long, Found[]> recoveries = new HashMap<>();
    private long sequences;
    private long crashes;

    Exhaustive(@Nullable Barrier missing) throws IOException {
        this.missing = missing;
        FormatOptions options = FormatOptions.ofSize(ZONES * ZONE_BYTES)
                .zoneSize(ZONE_BYTES)
                .conventionalZones(1)
                .clusterSize(CLUSTER_BYTES)
                .build();
        geometry = options.geometry();
        ImageFormatter.format(created, options);
        ImageAreas.ignoreAttachRecord(created);
    }

    /** Plays all sequences up to a length. */
    void run(int length) throws IOException {
        List<List<Op>> sequencesToGoOnFrom = List.of(List.of());
        for (int i = 0; i < length; i++) {
            List<List<Op>> longer = new ArrayList<>();
            for (List<Op> sequence : sequencesToGoOnFrom) {
                for (Op op : Op.values()) {
                    if (isFirstOfMirrorImages(sequence, op) && play(sequence, op)) {
                        List<Op> next = new ArrayList<>(sequence);
                        next.add(op);
                        longer.add(next);
                    }
                }
            }
            sequencesToGoOnFrom = longer;
        }
    }

    @Override
    public String toString() {
        return "%d sequences to %d states; %d crashes at %d points to %d images"
                .formatted(sequences, states.size(), crashes, crashPoints.size(), recoveries.size());
    }

    /**
     * Returns whether a sequence should be played. The two sequential zones are alike, so of two sequences that differ
     * only in their names one is played.
     */
    private static boolean isFirstOfMirrorImages(List<Op> sequence, Op next) {
        return !next.isOn(2) || sequence.stream().anyMatch(op -> op.isOn(1));
    }

    /** Plays a known sequence and one more operation. Returns true if that leads to a new state. */
    private boolean play(List<Op> known, Op last) throws IOException {
        sequences++;
        SimulatedDisk disk = created.copy();
        disk.leaveOut(missing);
        disk.listen((call, offset, length) -> {});
        World world = new World(disk, 1);
        world.attach();
        Expected[] expected = new Expected[ZONES];
        Arrays.fill(expected, Expected.NEW);
        for (Op op : known) {
            Expected[] after = after(op, expected);
            play(world, op, expected, after);
            expected = after;
        }
        Expected[] before = expected;
        Expected[] after = after(last, expected);
        boolean kills = known.size() < KILLS_LENGTH_MAX;
        disk.listen((call, offset, length) -> {
            if (call == Call.SYNC) {
                crash(disk, before, after, kills);
            }
        });
        play(world, last, before, after);
        crash(disk, after, after, kills);
        long state = StateHash.of(world.device()) + disk.stateHash() + Arrays.hashCode(after) * 31L;
        return states.add(state);
    }

    private static Expected[] after(Op op, Expected[] before) {
        Expected[] after = before.clone();
        Expected zone = before[op.zone];
        switch (op) {
            case APPEND_1, APPEND_2 -> after[op.zone] = zone.append();
            case RESET_1, RESET_2 -> after[op.zone] = zone.reset();
            case FINISH_1, FINISH_2 -> after[op.zone] = zone.finish();
            case WRITE_0 -> after[0] = zone.overwrite();
            case FLUSH, REOPEN -> Arrays.setAll(after, i -> before[i].flush());
        }
        return after;
    }

    private void play(World world, Op op, Expected[] before, Expected[] after) throws IOException {
        if (op == Op.REOPEN) {
            world.close();
            world.attach();
            return;
        }
        Expected zone = before[op.zone];
        long offset = geometry.zoneStart(op.zone);
        byte[] data = {};
        if (op.op == BlockOp.ZONE_APPEND) {
            data = TestData.stamped(stamp(op.zone, zone.written(), zone.life()), BLOCK);
        } else if (op.op == BlockOp.WRITE) {
            offset += BLOCK;
            data = TestData.stamped(stamp(0, after[0].written(), 0), BLOCK);
        }
        IoCall call = world.queue.submit(op.op, offset, data, false);
        world.settle();
        boolean refused = op.op == BlockOp.ZONE_APPEND && zone.isFull();
        assertEquals(refused, !call.succeeded(), call::toString);
    }

    private static long stamp(int zone, int number, int life) {
        return 1 + number + 16L * zone + 64L * life;
    }

    /** Cuts the power here, with all combinations of surviving changes, and compares the recovered zones. */
    private void crash(SimulatedDisk disk, Expected[] before, Expected[] after, boolean kills) {
        long point = Trace.mix(disk.stateHash()) + Arrays.hashCode(before) * 31L + Arrays.hashCode(after);
        if (!crashPoints.add(point)) {
            return;
        }
        for (Survival survival : survivals(disk)) {
            crashes++;
            requireFit(recovered(disk.afterPowerCut(survival)), before, after);
        }
        if (kills) {
            SimulatedDisk left = disk.fork();
            List<SimulatedDisk> cutShort = new ArrayList<>();
            requireFit(open(left, cutShort), before, after);
            for (SimulatedDisk each : cutShort) {
                crashes++;
                requireFit(recovered(each), before, after);
            }
        }
    }

    /**
     * Returns the sets of unsynced changes that can survive. The record of the attach always survives, because it is
     * not read after a power cut.
     */
    private static List<Survival> survivals(SimulatedDisk disk) {
        int[] number = new int[disk.unsyncedChanges()];
        int changes = 0;
        for (int i = 0; i < number.length; i++) {
            number[i] = disk.isIgnored(i) ? -1 : changes++;
        }
        return PowerCuts.combinations(changes).stream()
                .<Survival>map(
                        survival -> (change, sector) -> number[change] < 0 || survival.survives(number[change], sector))
                .toList();
    }

    private static void requireFit(Found[] found, Expected[] before, Expected[] after) {
        for (int zone = 0; zone < ZONES; zone++) {
            if (!fits(zone, found[zone], before[zone]) && !fits(zone, found[zone], after[zone])) {
                throw new AssertionError("zone %d has %s with its write pointer at %d, and not what follows from %s"
                        .formatted(zone, Arrays.toString(found[zone].stamps()), found[zone].pointer(), after[zone]));
            }
        }
    }

    /** Returns the contents of the zones after the image has been opened again, including after interrupted opens. */
    private Found[] recovered(SimulatedDisk crashed) {
        long image = crashed.contentHash();
        Found[] known = recoveries.get(image);
        if (known != null) {
            return known;
        }
        List<SimulatedDisk> cutShort = new ArrayList<>();
        Found[] found = open(crashed, cutShort);
        recoveries.put(image, found);
        for (SimulatedDisk again : cutShort) {
            crashes++;
            Found[] other = recovered(again);
            for (int zone = 0; zone < ZONES; zone++) {
                boolean same = Arrays.equals(found[zone].stamps(), other[zone].stamps())
                        && found[zone].pointer() == other[zone].pointer();
                assertTrue(same, "a crash while the image is recovered changes what is in it");
            }
        }
        return found;
    }

    /**
     * Opens an image.
     *
     * @param cutShort receives the images that power cuts at each of the syncs leave
     */
    private Found[] open(SimulatedDisk disk, List<SimulatedDisk> cutShort) {
        disk.leaveOut(missing);
        disk.listen((call, offset, length) -> {
            if (call == Call.SYNC) {
                for (Survival survival : survivals(disk)) {
                    cutShort.add(disk.afterPowerCut(survival));
                }
            }
        });
        World world = new World(disk, 1);
        try {
            world.attach();
        } catch (IOException e) {
            throw new AssertionError("cannot be opened: " + e.getMessage(), e);
        }
        return look(disk, world);
    }

    private Found[] look(SimulatedDisk disk, World world) {
        ImageReader reader = new ImageReader(disk, geometry);
        reader.requireWhole();
        assertTrue(reader.isDirty(), "open, and not marked as in use");
        Found[] found = new Found[ZONES];
        for (int zone = 0; zone < ZONES; zone++) {
            byte[] data = reader.zone(zone);
            long[] stamps = new long[BLOCKS];
            for (int block = 0; block < BLOCKS; block++) {
                stamps[block] = TestData.stampAt(data, block * BLOCK);
                TestData.assertStamped(stamps[block], data, block * BLOCK, (block + 1) * BLOCK);
            }
            World.ReportedZone reported = world.report(zone);
            boolean full = reported.condition() == ZoneCondition.FULL;
            found[zone] = new Found(stamps, (reported.writePointer() - reported.start()) / BLOCK, full);
        }
        return found;
    }

    private static boolean fits(int zone, Found found, Expected expected) {
        long[] stamps = found.stamps();
        if (zone == 0) {
            boolean othersAreZero = stamps[0] == 0 && stamps[2] == 0 && stamps[3] == 0;
            int times = stamps[1] == 0 ? 0 : (int) stamps[1] - 1;
            return othersAreZero && times >= expected.durable() && times <= expected.written();
        }
        int blocks = 0;
        while (blocks < BLOCKS && stamps[blocks] == stamp(zone, blocks, expected.life())) {
            blocks++;
        }
        for (int i = blocks; i < BLOCKS; i++) {
            if (stamps[i] != 0) {
                return false;
            }
        }
        if (found.full()) {
            return expected.isFull() && blocks == expected.written();
        }
        return found.pointer() == blocks
                && blocks >= expected.durable()
                && blocks <= expected.written()
                && !expected.finishIsDurable();
    }
}
