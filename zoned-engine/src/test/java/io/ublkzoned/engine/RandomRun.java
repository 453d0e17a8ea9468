package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.MemoryImage.Call;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/** One short life of a small device in which everything that can vary comes from a seed. */
final class RandomRun {

    private static final int ZONES = 6;
    private static final int ZONE_BYTES = 64 << 10;
    private static final int SECTOR = 512;
    private static final int STEPS = 60;
    private static final int WRITE_SECTORS_MAX = 32;

    private final RandomGenerator random;
    private final World world;
    private final DeviceGeometry geometry;
    private final History history;
    private final List<IoCall> reads = new ArrayList<>();
    private final List<IoCall> conventionalWrites = new ArrayList<>();
    private final boolean faulty;
    private long stamps;

    RandomRun(long seed) {
        random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
        int conventional = random.nextInt(3);
        boolean limited = random.nextBoolean();
        int maxActive = limited ? 1 + random.nextInt(4) : 0;
        world = new World(FormatOptions.ofSize((long) ZONES * ZONE_BYTES)
                .zoneSize(ZONE_BYTES)
                .capacity(ZONE_BYTES - (long) SECTOR * random.nextInt(3) * random.nextInt(20))
                .conventionalZones(conventional)
                .maxActiveZones(maxActive)
                .maxOpenZones(limited ? 1 + random.nextInt(maxActive) : 0)
                .clusterSize(4096 << random.nextInt(3))
                .build());
        geometry = world.geometry();
        history = new History(geometry);
        faulty = random.nextInt(3) == 0;
    }

    void run() throws IOException {
        play();
        switch (random.nextInt(4)) {
            case 0 -> {
                closeAndOpen();
                check();
            }
            case 1 -> {
                cutPower();
                check();
            }
            default -> check();
        }
        play();
        if (random.nextBoolean()) {
            cutPower();
        }
        check();
        checkThatWritesGoOn();
        closeAndOpen();
        check();
    }

    private void play() {
        for (FakeQueue queue : world.queues) {
            queue.port.hold();
        }
        if (faulty) {
            world.image.failWhere((call, offset, length) ->
                    (call == Call.WRITE || call == Call.READ) && random.nextInt(12) == 0 ? BlockErrors.ENOSPC : 0);
        }
        for (int i = 0; i < STEPS; i++) {
            step(world.queues[random.nextInt(world.queues.length)]);
            checkLimits();
        }
        world.image.failNothing();
    }

    private void step(FakeQueue queue) {
        switch (random.nextInt(8)) {
            case 0 -> world.maintain();
            case 1 -> queue.proceedOnce();
            case 2, 3 -> {
                if (queue.port.heldParts() > 0) {
                    int part = random.nextInt(queue.port.heldParts());
                    if (faulty && random.nextInt(6) == 0) {
                        queue.port.fail(part, random.nextBoolean() ? BlockErrors.EIO : BlockErrors.ENOSPC);
                    } else {
                        queue.port.complete(part);
                    }
                }
            }
            default -> {
                if (queue.hasFreeTag()) {
                    submit(queue);
                }
            }
        }
    }

    private void submit(FakeQueue queue) {
        int zone = random.nextInt(ZONES);
        switch (random.nextInt(16)) {
            case 0 -> send(queue, BlockOp.ZONE_OPEN, zone);
            case 1 -> send(queue, BlockOp.ZONE_CLOSE, zone);
            case 2 -> send(queue, BlockOp.ZONE_FINISH, zone);
            case 3 -> send(queue, BlockOp.ZONE_RESET, zone);
            case 4 -> send(queue, random.nextInt(4) == 0 ? BlockOp.ZONE_RESET_ALL : BlockOp.FLUSH, 0);
            case 5, 6, 7 -> read(queue, zone);
            default -> write(queue, zone);
        }
    }

    private void send(FakeQueue queue, BlockOp op, int zone) {
        history.add(queue.submit(op, world.start(zone), new byte[0], false));
    }

    private void read(FakeQueue queue, int zone) {
        int first = random.nextInt(ZONE_BYTES / SECTOR);
        int sectors = 1 + random.nextInt(ZONE_BYTES / SECTOR - first);
        IoCall call = queue.submit(
                BlockOp.READ, world.start(zone) + (long) first * SECTOR, new byte[sectors * SECTOR], false);
        history.add(call);
        reads.add(call);
    }

    private void write(FakeQueue queue, int zone) {
        int sectors = 1 + random.nextInt(WRITE_SECTORS_MAX);
        boolean forced = random.nextInt(5) == 0;
        if (geometry.isConventional(zone)) {
            long offset = world.start(zone) + (long) SECTOR * random.nextInt(ZONE_BYTES / SECTOR - sectors);
            if (isBusy(offset, sectors * SECTOR)) {
                return;
            }
            IoCall call = queue.submit(BlockOp.WRITE, offset, newData(sectors), forced);
            call.place = offset;
            conventionalWrites.add(call);
            history.add(call);
        } else if (random.nextBoolean()) {
            IoCall call = queue.submit(BlockOp.ZONE_APPEND, world.start(zone), newData(sectors), forced);
            history.add(call);
        } else {
            long pointer = Math.min(world.report(zone).writePointer(), world.start(zone) + ZONE_BYTES - SECTOR);
            long offset = random.nextInt(8) == 0 ? world.start(zone) + (long) SECTOR * random.nextInt(8) : pointer;
            history.add(queue.submit(BlockOp.WRITE, offset, newData(sectors), forced));
        }
    }

    /** Overlapping writes to a conventional zone have no defined outcome, and no file system sends them. */
    private boolean isBusy(long offset, int length) {
        conventionalWrites.removeIf(call -> call.done);
        return conventionalWrites.stream()
                .anyMatch(call -> call.offset < offset + length && offset < call.offset + call.data.length);
    }

    private byte[] newData(int sectors) {
        return TestData.stamped(++stamps, sectors * SECTOR);
    }

    private void cutPower() {
        conventionalWrites.clear();
        world.cutPowerAndOpen();
        history.powerCut(world.tick());
    }

    private void closeAndOpen() throws IOException {
        settle();
        world.close();
        history.cleanClose(world.tick());
        CheckResult checked = ImageChecker.check(world.image);
        assertEquals(CheckResult.Status.CLEAN, checked.status(), () -> "the closed image: " + checked.findings());
        assertFalse(checked.dirty(), "the closed image is marked as in use");
        world.open();
    }

    private void check() {
        settle();
        history.check(world);
        checkLimits();
        reads.forEach(history::checkRead);
        reads.clear();
    }

    private void settle() {
        for (FakeQueue queue : world.queues) {
            queue.port.release();
        }
        world.settle();
    }

    private void checkLimits() {
        int open = 0;
        int active = 0;
        for (int i = 0; i < ZONES; i++) {
            ZoneCondition condition = world.condition(i);
            open += condition.isOpen() ? 1 : 0;
            active += condition.isActive() ? 1 : 0;
        }
        assertTrue(geometry.maxOpenZones() == 0 || open <= geometry.maxOpenZones(), "over the open limit");
        assertTrue(geometry.maxActiveZones() == 0 || active <= geometry.maxActiveZones(), "over the active limit");
    }

    private void checkThatWritesGoOn() {
        for (int zone = geometry.conventionalZones(); zone < ZONES; zone++) {
            if (geometry.maxActiveZones() == 0 && world.condition(zone) != ZoneCondition.FULL) {
                IoCall call = world.queue.submit(BlockOp.ZONE_APPEND, world.start(zone), newData(1), false);
                history.add(call);
                world.settle();
                assertFalse(call.result < 0, call::toString);
                assertEquals(call.place + SECTOR, lastWritten(zone));
            }
        }
    }

    private long lastWritten(int zone) {
        World.ReportedZone reported = world.report(zone);
        return Math.min(reported.writePointer(), reported.start() + reported.capacity());
    }
}
