package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.ZoneStateMachine;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The requests of the data path and the reports of the metadata thread. */
final class PendingWorkTest {

    private final Object lock = new Object();
    private final SimulatedDisk disk = new SimulatedDisk();
    private Qcow2Image image;
    private DeviceContext context;
    private DeviceZones zones;
    private RequestMapper mapper;
    private UnflushedResets resets;
    private PendingWork work;

    @BeforeEach
    void openImage() throws IOException {
        ImageFormatter.format(disk, World.smallOptions().build());
        SyncGuard file = new SyncGuard(disk);
        image = Qcow2Image.open(file, Access.READ_WRITE);
        context = new DeviceContext(image, file, new FailureLog(), new OverwriteJournal(lock, 0));
        zones = new DeviceZones(lock, image.geometry(), image.writePointers()::get, image.failedZones()::condition);
        ZoneStateMachine rules = new ZoneStateMachine(zones.table(), image.geometry());
        mapper = new RequestMapper(image.allocator(), image.clusterBits());
        FailureLog failures = context.failures();
        resets = new UnflushedResets(mapper);
        ZoneChanges changes = new ZoneChanges(zones, rules, mapper, resets, new Recorder(failures), failures);
        work = new PendingWork(lock, mapper, image.allocator(), resets, changes, () -> {});
    }

    private boolean isSpaceOnItsWay() {
        synchronized (lock) {
            return work.awaitSpace(zones.active(2));
        }
    }

    /**
     * Released clusters count as pending even while they are punched. Otherwise a write that needs them would fail with
     * ENOSPC at that moment, on a device that has space.
     */
    @Test
    void releasedClustersArePendingUntilTheyAreFree() {
        ReleasedSpace space = new ReleasedSpace(context, work);
        image.allocator().allocate(4);
        List<Boolean> whilePunching = new ArrayList<>();
        disk.failWhere((call, offset, length) -> {
            if (call == SimulatedDisk.Call.PUNCH) {
                whilePunching.add(isSpaceOnItsWay());
            }
            return 0;
        });

        assertFalse(isSpaceOnItsWay());
        mapper.release(image.allocator().runStart(), 4);
        assertTrue(isSpaceOnItsWay());
        space.punch();
        assertEquals(List.of(true), whilePunching);
        assertTrue(isSpaceOnItsWay());
        space.freePunched();
        assertFalse(isSpaceOnItsWay());
    }

    @Test
    void writeThatNeedsSpaceGetsTheClustersOfUnflushedResets() throws IOException {
        ActiveZone zone;
        synchronized (lock) {
            zone = zones.active(2);
            resets.switchOn(true);
        }
        new ZoneMapIo(context, work).load(zone);
        image.allocator().allocate(4);
        Objects.requireNonNull(zone.map).map(0, image.allocator().runStart(), 4);
        zone.completedBytes += World.BLOCK;
        synchronized (lock) {
            assertTrue(resets.keep(zone, zone.zone.startBytes()));
        }

        assertFalse(mapper.hasReleased());
        assertTrue(isSpaceOnItsWay());
        assertTrue(mapper.hasReleased());
    }

    @Test
    void clustersThatCannotBePunchedAreNotPending() {
        ReleasedSpace space = new ReleasedSpace(context, work);
        image.allocator().allocate(4);
        disk.failWhere((call, offset, length) -> BlockErrors.EOPNOTSUPP);
        mapper.release(image.allocator().runStart(), 4);
        space.punch();
        assertFalse(isSpaceOnItsWay());
    }

    @Test
    void workIsRequestedUnderTheLock() {
        ActiveZone zone;
        synchronized (lock) {
            zone = zones.active(2);
        }
        assertThrows(AssertionError.class, () -> work.markDirty(zone));
        assertThrows(AssertionError.class, () -> work.awaitMap(zone));
        assertThrows(AssertionError.class, () -> work.awaitSpace(zone));
        assertThrows(AssertionError.class, work::dataWritten);
        assertThrows(AssertionError.class, () -> zones.active(3));
    }
}
