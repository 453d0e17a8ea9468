package io.ublkzoned.engine;

import static io.ublkzoned.engine.sim.TestData.assertStamped;
import static io.ublkzoned.engine.sim.TestData.stamped;
import static io.ublkzoned.engine.sim.World.BLOCK;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockErrors;
import io.ublkzoned.engine.zone.BlockOp;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The errno of a request whose call on the image failed: one that the block layer neither retries nor misreads. */
final class FailedIoTest {

    private static final int EDQUOT = 122;
    private static final int ERRNO_MAX = 133; // EHWPOISON, the last of errno.h

    private final World world = World.small();

    static IntStream everyErrno() {
        return IntStream.rangeClosed(1, ERRNO_MAX);
    }

    private static int expected(int errno) {
        return errno == BlockErrors.ENOSPC || errno == EDQUOT ? -BlockErrors.ENOSPC : -BlockErrors.EIO;
    }

    @ParameterizedTest
    @MethodSource("everyErrno")
    void failedTransferIsNoSpaceOrAnIoError(int errno) {
        world.open();
        world.write(world.start(2), stamped(1, BLOCK));
        world.port.hold();
        IoCall write = world.submit(BlockOp.WRITE, world.start(2) + BLOCK, stamped(2, BLOCK));
        IoCall read = world.submit(BlockOp.READ, world.start(2), new byte[BLOCK]);
        world.step();
        world.port.fail(write, errno);
        world.port.fail(read, errno);
        world.step();

        assertEquals(expected(errno), write.result);
        assertEquals(expected(errno), read.result);
        world.port.release();
        assertEquals(BLOCK, world.write(world.start(2) + BLOCK, stamped(3, BLOCK)));
        assertStamped(3, world.read(world.start(2) + BLOCK, BLOCK));
    }

    @ParameterizedTest
    @MethodSource("everyErrno")
    void failedCallOnTheImageIsNoSpaceOrAnIoError(int errno) {
        world.open();
        world.write(world.start(2), stamped(1, BLOCK));
        world.image.failWhere((call, offset, length) -> call == Call.WRITE ? errno : 0);

        assertEquals(expected(errno), world.flush());
        assertEquals(expected(errno), world.write(world.start(3), stamped(2, BLOCK)));
        assertEquals(expected(errno), world.run(BlockOp.ZONE_RESET, 2));
    }
}
