package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** The check of a saved state: it is accepted only with its own image, and a refused image is unchanged. */
final class StateCheckTest {

    private static final int AUTOCLEAR = 88;
    private static final int INCOMPATIBLE = 72;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private DeviceState left() throws IOException {
        return DeviceState.load(world.state).orElseThrow();
    }

    /** Checks that another server refuses this image after the server died. */
    private void assertRefused(SimulatedDisk image, ImageIdentity file, String reason) throws IOException {
        SimulatedDisk before = image.copy();
        StateException refusal =
                assertThrows(StateException.class, () -> ZonedDevice.reopen(image, left(), file, () -> {}));
        assertTrue(String.valueOf(refusal.getMessage()).contains(reason), refusal::toString);
        assertTrue(image.sameBytes(before), "a refused image was changed");
    }

    private ImageIdentity otherFile() {
        return new ImageIdentity(
                world.file().bootId(), world.file().device(), world.file().inode() + 1);
    }

    @Test
    void imageOfAnotherAttachIsRefused() throws IOException {
        SimulatedDisk other = new SimulatedDisk();
        ImageFormatter.format(other, World.smallOptions().build());
        assertRefused(other, world.file(), "not the image that the device was attached to");
    }

    @Test
    void copyFromBeforeTheAttachIsRefused() throws IOException {
        world.close();
        SimulatedDisk backup = world.image.copy();
        world.open();
        world.write(zone2, stamped(1, BLOCK));
        assertRefused(backup, world.file(), "not the image that the device was attached to");
    }

    @Test
    void stateOfAnEarlierBootIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        ImageIdentity later = new ImageIdentity(
                new UUID(7, 7), world.file().device(), world.file().inode());
        assertRefused(world.image, later, "of an earlier boot");
    }

    @Test
    void imageThatAnotherProgramHasChangedIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        SimulatedDisk changed = world.image.copy();
        // A program that does not know the autoclear bit clears it; here it has also closed the image.
        put(changed, INCOMPATIBLE, 1 << 5);
        put(changed, AUTOCLEAR, 0);
        assertRefused(changed, world.file(), "another program has written");
    }

    @Test
    void copyFromBeforeAFlushIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        SimulatedDisk older = world.image.copy();
        world.flush();
        assertRefused(older, otherFile(), "older copy");
    }

    @Test
    void copyFromBeforeAResetIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        SimulatedDisk older = world.image.copy();
        world.run(BlockOp.ZONE_RESET, 2);
        world.write(zone2, stamped(2, BLOCK));
        assertRefused(older, otherFile(), "older copy");
    }

    /** The zone's clusters keep their data, because a power cut may undo the reset. */
    @Test
    void copyThatStillMapsAZoneThatWasResetIsRefused() throws IOException {
        world.device().faults().expectPowerCut();
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        List<SimulatedDisk> copies = new ArrayList<>();
        world.image.listen((call, offset, length) -> {
            if (call == SimulatedDisk.Call.SYNC) {
                copies.add(world.image.copy());
            }
        });
        world.run(BlockOp.ZONE_RESET, 2);
        world.write(zone2, stamped(2, BLOCK));
        assertEquals(1, copies.size());
        assertRefused(copies.getFirst(), otherFile(), "older copy");
    }

    @Test
    void copyFromBeforeAFinishIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        SimulatedDisk older = world.image.copy();
        world.write(zone2 + BLOCK, stamped(2, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 2);
        assertRefused(older, otherFile(), "older copy");
    }

    @Test
    void copyFromBeforeAChangeOfConditionsIsRefused() throws IOException {
        SimulatedDisk older = world.image.copy();
        var change = world.device().changeCondition(3, 1, ZoneCondition.READ_ONLY);
        world.settle();
        assertTrue(change.isDone());
        assertRefused(older, otherFile(), "older copy");
    }

    @Test
    void copyWithoutTheClusterOfAnAcknowledgedWriteIsRefused() throws IOException {
        SimulatedDisk older = world.image.copy();
        world.write(zone2, stamped(1, BLOCK));
        assertRefused(older, otherFile(), "lacks data of zone 2");
    }

    @Test
    void copyWithTheClusterButWithoutTheDataIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        SimulatedDisk older = world.image.copy();
        world.write(zone2 + BLOCK, stamped(2, BLOCK));
        assertRefused(older, otherFile(), "lacks data of zone 2");
    }

    /** The copy has data at the place of the acknowledged write, but it belongs to another write. */
    @Test
    void copyWithRemainsOfAFailedWriteIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        world.port.hold();
        world.port.fail(world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, 2 * BLOCK)), BlockErrors.EIO);
        world.port.release();
        assertRefusedAfterAWrite(zone2 + BLOCK);
    }

    @Test
    void copyWithRemainsOfADeadServerIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        leaveRemains();
        world.killAndRecover();
        assertRefusedAfterAWrite(zone2 + BLOCK);
    }

    @Test
    void copyWithDataFromBeforeTheAttachIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        leaveRemains();
        world.killAndRecover();
        world.reopen();
        assertRefusedAfterAWrite(zone2 + BLOCK);
    }

    @Test
    void resetRemovesRemainsOfAFailedWrite() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        leaveRemains();
        world.killAndRecover();
        world.run(BlockOp.ZONE_RESET, 2);
        world.flush();
        world.write(zone2, stamped(1, BLOCK));
        world.replaceFile();
        world.killAndRecover();
        assertEquals(BLOCK, world.pointer(2));
    }

    /** Leaves the data of a second write without that of the first, so neither is acknowledged. */
    private void leaveRemains() {
        world.port.hold();
        world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, BLOCK));
        world.port.complete(world.submit(BlockOp.WRITE, zone2 + 2 * BLOCK, stamped(3, BLOCK)));
    }

    private void assertRefusedAfterAWrite(long offset) throws IOException {
        SimulatedDisk older = world.image.copy();
        world.write(offset, stamped(4, 2 * BLOCK));
        assertRefused(older, otherFile(), "has left data in zone 2");
    }

    @Test
    void completeCopyIsAccepted() throws IOException {
        world.write(zone2, stamped(1, 3 * BLOCK));
        world.flush();
        world.append(3, stamped(2, BLOCK));
        world.write(zone2 + 3 * BLOCK, stamped(3, BLOCK));
        world.run(BlockOp.ZONE_FINISH, 2);
        world.replaceFile();
        world.killAndRecover();

        assertEquals(ZoneCondition.FULL, world.condition(2));
        assertStamped(1, world.read(zone2, 3 * BLOCK));
        assertStamped(3, world.read(zone2 + 3 * BLOCK, BLOCK));
        assertStamped(2, world.read(world.start(3), BLOCK));
        world.append(3, stamped(4, BLOCK));
        world.killAndRecover();
        assertEquals(2 * BLOCK, world.pointer(3), "after the copy has become the image");
    }

    /** The state is not used, and the device continues with the file that was found. */
    @Test
    void copyOfAClosedImageBecomesTheImage() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        world.close();
        world.replaceFile();
        world.killAndRecover();
        assertEquals(world.file(), DeviceState.load(world.state).orElseThrow().image());
        world.write(zone2 + BLOCK, new byte[BLOCK]);
        world.killAndRecover();
        assertEquals(2 * BLOCK, world.pointer(2));
    }

    @Test
    void writtenZerosAreAcceptedInTheSameFile() throws IOException {
        world.write(zone2, new byte[BLOCK]);
        world.killAndRecover();
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void flushInterruptedByTheServersDeathIsAccepted() throws IOException {
        dieInAFlush();
    }

    private void dieInAFlush() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        world.image.listen((call, offset, length) -> {
            if (call == Call.WRITE && length == Long.BYTES) {
                throw new IllegalStateException("the server dies before its state counts the flush");
            }
        });
        world.flush();
        world.image.listen((call, offset, length) -> {});
        world.killAndRecover();
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void flushInterruptedByTheServersDeathAfterAFailedOneIsAccepted() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        world.image.failWhere(
                (call, offset, length) -> call == Call.WRITE && length == Long.BYTES ? BlockErrors.EIO : 0);
        assertEquals(-BlockErrors.EIO, world.flush());
        world.image.failNothing();
        dieInAFlush();
    }

    @Test
    void memoryOfAnotherVersionIsRefused() {
        world.state.store(0, 42);
        assertThrows(StateException.class, () -> DeviceState.load(world.state));
    }

    @Test
    void unpreparedMemoryIsNoState() throws IOException {
        assertTrue(DeviceState.load(StateMemory.onHeap(0)).isEmpty());
        assertTrue(DeviceState.load(StateMemory.onHeap(4096)).isEmpty());
    }

    private static void put(SimulatedDisk image, long offset, long value) {
        image.writeData(offset, ByteBuffer.allocate(Long.BYTES).putLong(value).array(), 0, Long.BYTES);
    }
}
