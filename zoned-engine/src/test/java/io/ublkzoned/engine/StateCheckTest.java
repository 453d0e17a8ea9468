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
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A saved state is believed only with the image that it belongs to, and an image that is refused is left as it was. */
final class StateCheckTest {

    private static final int AUTOCLEAR = 88;
    private static final int INCOMPATIBLE = 72;

    private final World world = World.small();
    private final long zone2 = world.start(2);

    private DeviceState left() throws IOException {
        return DeviceState.load(world.state).orElseThrow();
    }

    /** The server has died, and another one finds this image, which is refused. */
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
        // A reader that does not know the autoclear bit clears it; here it has also closed the image.
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
    void copyWithTheClusterAndWithoutTheDataIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        SimulatedDisk older = world.image.copy();
        world.write(zone2 + BLOCK, stamped(2, BLOCK));
        assertRefused(older, otherFile(), "lacks data of zone 2");
    }

    /** The copy has data where the acknowledged write went, and it is another's. */
    @Test
    void copyWithWhatAFailedWriteLeftIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        world.flush();
        world.port.hold();
        world.port.fail(world.submit(BlockOp.WRITE, zone2 + BLOCK, stamped(2, 2 * BLOCK)), BlockErrors.EIO);
        world.port.release();
        assertRefusedAfterAWrite(zone2 + BLOCK);
    }

    @Test
    void copyWithWhatADeadServerLeftIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        leaveRemains();
        world.killAndRecover();
        assertRefusedAfterAWrite(zone2 + BLOCK);
    }

    @Test
    void copyWithWhatWasThereBeforeTheAttachIsRefused() throws IOException {
        world.write(zone2, stamped(1, BLOCK));
        leaveRemains();
        world.killAndRecover();
        world.reopen();
        assertRefusedAfterAWrite(zone2 + BLOCK);
    }

    @Test
    void resetRemovesWhatAFailedWriteLeft() throws IOException {
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

    /** The data of a second write is there, that of the first is not, and so neither is acknowledged. */
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
    void copyThatHasEverythingIsBelieved() throws IOException {
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

    /** Nothing of the state counts, and the device goes on with the file that was found. */
    @Test
    void copyOfAnImageThatWasClosedBecomesTheImage() throws IOException {
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
    void zerosThatWereWrittenAreBelievedInTheSameFile() throws IOException {
        world.write(zone2, new byte[BLOCK]);
        world.killAndRecover();
        assertEquals(BLOCK, world.pointer(2));
    }

    @Test
    void flushThatTheServerDiedInIsBelieved() throws IOException {
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
    void flushThatTheServerDiedInAfterOneThatFailedIsBelieved() throws IOException {
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
    void memoryThatWasNotPreparedIsNoState() throws IOException {
        assertTrue(DeviceState.load(StateMemory.onHeap(0)).isEmpty());
        assertTrue(DeviceState.load(StateMemory.onHeap(4096)).isEmpty());
    }

    private static void put(SimulatedDisk image, long offset, long value) {
        image.writeData(offset, ByteBuffer.allocate(Long.BYTES).putLong(value).array(), 0, Long.BYTES);
    }
}
