package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import org.junit.jupiter.api.Test;

/** The effect of the limits of open and active zones on requests. */
final class ZonedDeviceLimitsTest {

    private static final int CAPACITY = 768 << 10;

    private static World limited(int maxOpen, int maxActive) {
        return new World(World.smallOptions()
                .maxOpenZones(maxOpen)
                .maxActiveZones(maxActive)
                .build());
    }

    private static int write(World world, int zone) {
        return world.append(zone, stamped(zone, BLOCK));
    }

    @Test
    void writeAtTheActiveLimitFailsWithEoverflow() {
        World world = limited(2, 2);
        write(world, 2);
        write(world, 3);

        assertEquals(-BlockErrors.EOVERFLOW, write(world, 4));
        assertEquals(-BlockErrors.EOVERFLOW, world.run(BlockOp.ZONE_OPEN, 4));
        assertEquals(-BlockErrors.EOVERFLOW, world.run(BlockOp.ZONE_FINISH, 4));
        assertEquals(ZoneCondition.EMPTY, world.condition(4));
    }

    @Test
    void writeAtTheOpenLimitOfExplicitlyOpenZonesFailsWithEtoomanyrefs() {
        World world = limited(2, 0);
        world.run(BlockOp.ZONE_OPEN, 2);
        world.run(BlockOp.ZONE_OPEN, 3);

        assertEquals(-BlockErrors.ETOOMANYREFS, write(world, 4));
        assertEquals(-BlockErrors.ETOOMANYREFS, world.run(BlockOp.ZONE_OPEN, 4));
        assertEquals(-BlockErrors.ETOOMANYREFS, world.run(BlockOp.ZONE_FINISH, 4));
    }

    @Test
    void closeReleasesAnOpenPlace() {
        World world = limited(1, 0);
        world.run(BlockOp.ZONE_OPEN, 2);
        assertEquals(-BlockErrors.ETOOMANYREFS, write(world, 3));
        world.run(BlockOp.ZONE_CLOSE, 2);

        assertEquals(BLOCK, write(world, 3));
    }

    @Test
    void resetReleasesAnActivePlace() {
        World world = limited(1, 1);
        write(world, 2);
        assertEquals(-BlockErrors.EOVERFLOW, write(world, 3));
        world.run(BlockOp.ZONE_RESET, 2);

        assertEquals(BLOCK, write(world, 3));
    }

    @Test
    void zonesThatFillUpReleaseTheirPlaces() {
        World world = limited(1, 1);
        for (int zone = 2; zone < 16; zone++) {
            assertEquals(CAPACITY, world.write(world.start(zone), stamped(zone, CAPACITY)), "zone " + zone);
        }
    }

    @Test
    void leastRecentlyWrittenZoneIsClosedAndCanBeWrittenAgain() {
        World world = limited(2, 0);
        write(world, 2);
        write(world, 3);
        write(world, 2);
        write(world, 4);
        assertEquals(ZoneCondition.CLOSED, world.condition(3));
        assertEquals(ZoneCondition.IMPLICIT_OPEN, world.condition(2));

        assertEquals(BLOCK, write(world, 3));
        assertStamped(3, world.read(world.start(3), 2 * BLOCK));
    }

    @Test
    void zoneClosedDuringAWriteStillTakesItsData() {
        World world = limited(1, 0);
        write(world, 2);
        write(world, 3);
        write(world, 2);
        world.port.hold();
        IoCall slow = world.submit(BlockOp.ZONE_APPEND, world.start(2), stamped(2, BLOCK));
        IoCall other = world.submit(BlockOp.ZONE_APPEND, world.start(3), stamped(3, BLOCK));
        assertEquals(ZoneCondition.CLOSED, world.condition(2));
        world.port.complete(other);
        world.port.complete(slow);

        assertEquals(BLOCK, slow.result);
        assertEquals(3 * BLOCK, world.pointer(2));
        assertEquals(ZoneCondition.CLOSED, world.condition(2));
    }

    @Test
    void zoneClosedWhileItsOnlyWriteFailsBecomesEmptyAndFreesItsActivePlace() {
        World world = limited(1, 2);
        write(world, 2);
        world.run(BlockOp.ZONE_RESET, 2);
        world.port.hold();
        IoCall failing = world.submit(BlockOp.ZONE_APPEND, world.start(2), stamped(2, BLOCK));
        world.step();
        world.submit(BlockOp.ZONE_CLOSE, 2);
        assertEquals(ZoneCondition.CLOSED, world.condition(2));
        world.port.fail(failing, BlockErrors.EIO);
        world.port.release();

        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        assertEquals(BLOCK, write(world, 3));
        assertEquals(BLOCK, write(world, 4));
        assertEquals(-BlockErrors.EOVERFLOW, write(world, 5));
    }

    @Test
    void writesToConventionalZonesNeedNoPlace() {
        World world = limited(1, 1);
        world.run(BlockOp.ZONE_OPEN, 2);

        assertEquals(BLOCK, world.write(world.start(0), stamped(1, BLOCK)));
        assertEquals(BLOCK, world.write(world.start(1), stamped(1, BLOCK)));
    }

    @Test
    void closedZonesAreCountedAfterReopening() {
        World world = limited(2, 2);
        write(world, 2);
        write(world, 3);
        world.reopen();

        assertEquals(-BlockErrors.EOVERFLOW, write(world, 4));
        assertEquals(BLOCK, write(world, 2));
        world.run(BlockOp.ZONE_RESET, 3);
        assertEquals(BLOCK, write(world, 4));
    }
}
