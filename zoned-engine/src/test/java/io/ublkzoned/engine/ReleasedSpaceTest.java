package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.World;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Clusters on their way back to the allocator. */
final class ReleasedSpaceTest {

    /** Otherwise a write that needs them would fail with ENOSPC at that moment, on a device that has space. */
    @Test
    void clustersArePendingUntilTheyAreFreeAlsoWhileTheyArePunched() throws IOException {
        SimulatedDisk disk = new SimulatedDisk();
        ImageFormatter.format(disk, World.smallOptions().build());
        SyncGuard file = new SyncGuard(disk);
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        ReleasedSpace space = new ReleasedSpace(new DeviceContext(new Object(), image, file, new FailureLog()));
        image.allocator().allocate(4);
        List<Boolean> whilePunching = new ArrayList<>();
        disk.failWhere((call, offset, length) -> {
            if (call == SimulatedDisk.Call.PUNCH) {
                whilePunching.add(space.isPending());
            }
            return 0;
        });

        assertFalse(space.isPending());
        space.release(image.allocator().runStart(), 4);
        assertTrue(space.isPending());
        space.punch();
        assertEquals(List.of(true), whilePunching);
        assertTrue(space.isPending());
        space.freePunched();
        assertFalse(space.isPending());
    }
}
