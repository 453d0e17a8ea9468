package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.sim.ImageAreas;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** Images whose tables contradict each other. Only requests to the affected zones fail. */
final class ZonedDeviceDamageTest {

    private static final int CLUSTER_BITS = 16;
    private static final int ZONE_CLUSTERS = 16;

    private final World world = World.small();
    private final byte[] first = stamped(1, BLOCK);
    private final byte[] second = stamped(2, BLOCK);

    private long peek(long offset) {
        return ByteBuffer.wrap(world.image.peek(offset, Long.BYTES)).getLong();
    }

    private void poke(long offset, byte[] bytes) {
        world.image.writeData(offset, bytes, 0, bytes.length);
    }

    /** Returns the offset of the mapping of a zone's first cluster. */
    private long mapping(int zone) {
        return (peek(peek(40)) & Long.MAX_VALUE) + 8L * zone * ZONE_CLUSTERS;
    }

    private int read(int zone) {
        IoCall call = world.submit(BlockOp.READ, world.start(zone), new byte[BLOCK]);
        world.settle();
        return call.result;
    }

    @Test
    void usedClusterMarkedAsFreeIsNotAllocatedAndRegainsItsRefcount() throws IOException {
        world.write(world.start(2), first);
        world.write(world.start(3), second);
        world.close();
        markAsFree(2);
        world.open();
        for (int zone = 4; zone < 16; zone++) {
            assertEquals(BLOCK, world.write(world.start(zone), second));
        }
        assertArrayEquals(first, world.read(world.start(2), BLOCK));
        world.close();
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(world.image).status());
    }

    @Test
    void lastUsedClusterMarkedAsFreeIsNotTruncated() throws IOException {
        world.write(world.start(2), first);
        world.write(world.start(3), second);
        world.close();
        markAsFree(3);
        world.open();
        world.close();
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(world.image).status());
        world.open();
        assertArrayEquals(second, world.read(world.start(3), BLOCK));
    }

    private void markAsFree(int zone) {
        long hostCluster = (peek(mapping(zone)) & Long.MAX_VALUE) >>> CLUSTER_BITS;
        poke(peek(peek(48)) + 2 * hostCluster, new byte[2]);
    }

    @Test
    void secondOwnerOfAClusterFails() throws IOException {
        world.write(world.start(2), first);
        world.write(world.start(3), second);
        world.close();
        poke(mapping(3), world.image.peek(mapping(2), Long.BYTES));
        world.open();
        assertArrayEquals(first, world.read(world.start(2), BLOCK));
        assertEquals(-BlockErrors.EIO, read(3));
        assertEquals(0, world.run(BlockOp.ZONE_RESET, 2));
        assertEquals(-BlockErrors.EIO, world.run(BlockOp.ZONE_RESET, 3));
        assertEquals(BLOCK, world.write(world.start(2), first));
        assertArrayEquals(first, world.read(world.start(2), BLOCK));
        world.close();
    }

    /** The resets of the damaged zone and of another one become ready together. */
    @Test
    void resetOfAHealthyZoneSucceedsDespiteADamagedOne() throws IOException {
        damageZone3();
        IoCall healthy = world.submit(BlockOp.ZONE_RESET, 2);
        IoCall damaged = world.submit(BlockOp.ZONE_RESET, 3);
        world.settle();
        assertEquals(0, healthy.result);
        assertEquals(-BlockErrors.EIO, damaged.result);
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        assertEquals(ZoneCondition.CLOSED, world.condition(3));
    }

    @Test
    void resetOfAllResetsTheHealthyZonesAndReportsTheFailure() throws IOException {
        damageZone3();
        assertEquals(-BlockErrors.EIO, world.resetAll());
        assertEquals(ZoneCondition.EMPTY, world.condition(2));
        assertEquals(ZoneCondition.CLOSED, world.condition(3));
        assertEquals(ZoneCondition.EMPTY, world.condition(4));
    }

    private void damageZone3() throws IOException {
        for (int zone = 2; zone < 5; zone++) {
            world.write(world.start(zone), first);
        }
        world.close();
        byte[] beyond = new byte[Long.BYTES];
        ByteBuffer.wrap(beyond).putLong(1L << 63 | 1L << 50);
        poke(mapping(3), beyond);
        world.open();
    }

    /** Another program freed a cluster without a hole, and closed the image. */
    @Test
    void oldDataOfAFreedClusterIsNeverVisible() throws IOException {
        world.write(world.start(2), stamped(1, 1 << CLUSTER_BITS));
        world.close();
        long hostCluster = (peek(mapping(2)) & Long.MAX_VALUE) >>> CLUSTER_BITS;
        markAsFree(2);
        poke(mapping(2), new byte[Long.BYTES]);
        poke(88, new byte[Long.BYTES]); // the autoclear bits
        byte[] empty = new byte[Long.BYTES];
        ByteBuffer.wrap(empty).putLong(2L << 20);
        poke(writePointers() + 2 * Long.BYTES, empty);
        world.open();
        world.write(0, first);
        assertEquals(hostCluster, (peek(mapping(0)) & Long.MAX_VALUE) >>> CLUSTER_BITS, "the cluster is used again");
        assertArrayEquals(new byte[BLOCK], world.read(BLOCK, BLOCK));
    }

    private long writePointers() {
        ImageAreas areas = new ImageAreas(world.image);
        long at = 0;
        while (areas.of(at) != ImageAreas.Area.WRITE_POINTERS) {
            at += 1 << CLUSTER_BITS;
        }
        return at;
    }

    @Test
    void twoMappingsOfAZoneToOneClusterFail() throws IOException {
        world.write(world.start(0), first);
        world.close();
        poke(mapping(0) + 8, world.image.peek(mapping(0), Long.BYTES));
        world.open();
        assertEquals(-BlockErrors.EIO, read(0));
        poke(mapping(0) + 8, new byte[8]);
        assertArrayEquals(first, world.read(world.start(0), BLOCK));
        world.close();
    }
}
