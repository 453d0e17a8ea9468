package io.ublkzoned.backend.ublk;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.linux.LinuxProcess;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.bindings.ublk.UblkDeviceInfo;
import io.ublkzoned.bindings.ublk.UblkFeatures;
import io.ublkzoned.bindings.ublk.UblkParameters;
import io.ublkzoned.bindings.ublk.UblkSubmissions;
import io.ublkzoned.bindings.uring.IoUring;
import io.ublkzoned.bindings.uring.RingFlag;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * The control device of the driver: adds, starts, stops and deletes devices. One thread makes, uses and closes it.
 *
 * <p>No command has a time limit. Each method waits for the completion of its command, and reports to the {@link
 * WaitListener} every ten seconds what it waits for.
 */
public final class UblkControl implements AutoCloseable {

    private static final int RING_ENTRIES = 4;
    private static final long RECOVERY_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long BUSY_POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final long DELETED_NANOS = TimeUnit.SECONDS.toNanos(5);
    private static final long DELETED_POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(2);
    private static final int ENOTSUPP = 524; // internal to the kernel, but Linux 6.6 returns it for unknown commands

    /** The commands of the driver, by the names of the kernel. */
    private enum Command {
        GET_FEATURES(UblkCommands.GET_FEATURES),
        GET_DEV_INFO(UblkCommands.GET_DEV_INFO),
        ADD_DEV(UblkCommands.ADD_DEV),
        SET_PARAMS(UblkCommands.SET_PARAMS),
        GET_PARAMS(UblkCommands.GET_PARAMS),
        START_DEV(UblkCommands.START_DEV),
        START_USER_RECOVERY(UblkCommands.START_USER_RECOVERY),
        END_USER_RECOVERY(UblkCommands.END_USER_RECOVERY),
        STOP_DEV(UblkCommands.STOP_DEV),
        TRY_STOP_DEV(UblkCommands.TRY_STOP_DEV),
        DEL_DEV(UblkCommands.DEL_DEV),
        DEL_DEV_ASYNC(UblkCommands.DEL_DEV_ASYNC);

        final int code;

        Command(int code) {
            this.code = code;
        }
    }

    private final FileDescriptor device;
    private final IoUring ring;
    private final WaitListener listener;

    // The kernel writes to these until a command completes, so they live as long as the ring.
    private final Arena arena = Arena.ofConfined();
    private final UblkDeviceInfo info = new UblkDeviceInfo(arena);
    private final MemorySegment features = arena.allocate(ValueLayout.JAVA_LONG);

    private long commands; // submitted so far: the user data of the last one
    private long completed; // the user data of the last completion
    private int result; // of that completion

    private UblkControl(FileDescriptor device, IoUring ring, WaitListener listener) {
        this.device = device;
        this.ring = ring;
        this.listener = listener;
    }

    /** Opens the control device as {@link #open(WaitListener)} does. Reports of waits go to stderr. */
    public static UblkControl open() throws IOException {
        return open(sentence -> System.err.println("ublk-zoned: " + sentence));
    }

    /**
     * Opens the control device.
     *
     * @throws IOException with a sentence that says what to load, install or become
     */
    public static UblkControl open(WaitListener listener) throws IOException {
        FileDescriptor device;
        try {
            device = FileDescriptor.open(UblkCommands.CONTROL_DEVICE_PATH, FileFlags.O_RDWR);
        } catch (LinuxException e) {
            throw switch (e.errno()) {
                case Errno.ENOENT, Errno.ENXIO, Errno.ENODEV ->
                    new IOException(
                            UblkCommands.CONTROL_DEVICE_PATH
                                    + " does not exist: run 'modprobe ublk_drv' (Linux 6.6 or newer with CONFIG_BLK_DEV_UBLK),"
                                    + " or use a guest: scripts/vm",
                            e);
                case Errno.EACCES, Errno.EPERM ->
                    new IOException(
                            "no permission for " + UblkCommands.CONTROL_DEVICE_PATH
                                    + ": run as root, because zoned ublk devices need CAP_SYS_ADMIN",
                            e);
                default -> e;
            };
        }
        try {
            return new UblkControl(device, IoUring.create(RING_ENTRIES, 0, RingFlag.SQE128), listener);
        } catch (IOException | RuntimeException | Error e) {
            device.close();
            throw e;
        }
    }

    /** Returns the feature bits of the driver, see {@link UblkFeatures}. */
    public long features() throws IOException {
        int result = command(Command.GET_FEATURES, UblkCommands.ANY_DEVICE, features, 0);
        if (result == -Errno.EOPNOTSUPP || result == -Errno.EINVAL) {
            throw new IOException(
                    "this kernel's ublk driver is too old for zoned devices: Linux 6.6 or newer has them");
        }
        check(result, Command.GET_FEATURES, "");
        return features.get(ValueLayout.JAVA_LONG, 0);
    }

    /** Returns the information of the driver about a device, or null if no device has that number. */
    public @Nullable DeviceInfo info(int deviceId) throws IOException {
        int result = command(Command.GET_DEV_INFO, deviceId, info.segment(), 0);
        if (result == -Errno.ENODEV) {
            return null;
        }
        check(result, Command.GET_DEV_INFO, " of device " + deviceId);
        return DeviceInfo.of(info);
    }

    /**
     * Makes a device, which is not started yet.
     *
     * @param id its number
     * @param maxIoBytes the size of the largest request, a multiple of the page size
     * @return the device with the limits that the driver has set, which may be lower; null if a device has that number
     */
    @Nullable
    DeviceInfo add(int id, ServerOptions options, long features, int maxIoBytes) throws IOException {
        info.segment().fill((byte) 0);
        info.deviceId(id)
                .queues(options.queues())
                .queueDepth(options.queueDepth())
                .bufferBytesMax(maxIoBytes)
                .features(features);
        int result = command(Command.ADD_DEV, id, info.segment(), 0);
        if (result == -Errno.EEXIST) {
            return null;
        }
        if (result == -Errno.EPERM || result == -Errno.EACCES) {
            throw new IOException("no permission to add a zoned ublk device: run as root (CAP_SYS_ADMIN)");
        }
        check(result, Command.ADD_DEV, "");
        return DeviceInfo.of(info);
    }

    /** Sets the limits of a device before it is started. */
    void setParameters(int deviceId, UblkParameters parameters) throws IOException {
        check(command(Command.SET_PARAMS, deviceId, parameters.segment(), 0), Command.SET_PARAMS, "");
    }

    /** Reads the limits of a device. */
    void parameters(int deviceId, UblkParameters parameters) throws IOException {
        check(command(Command.GET_PARAMS, deviceId, parameters.segment(), 0), Command.GET_PARAMS, "");
    }

    /**
     * Starts a device. Before that, this process must have fetched all its tags, and its queues must answer, since the
     * kernel reads the zones before this returns.
     */
    void start(int deviceId) throws IOException {
        int pid = LinuxProcess.processId();
        int result = command(Command.START_DEV, deviceId, MemorySegment.NULL, pid);
        check(result, Command.START_DEV, ": 'dmesg' has the kernel's reason");
    }

    /**
     * Begins to take over a device whose server died. Waits up to a minute until the kernel has noticed its death.
     *
     * @throws IOException also if the device still has a server then
     */
    void startRecovery(int deviceId) throws IOException {
        long deadline = System.nanoTime() + RECOVERY_NANOS;
        int result = command(Command.START_USER_RECOVERY, deviceId, MemorySegment.NULL, 0);
        while (result == -Errno.EBUSY && System.nanoTime() < deadline) {
            LockSupport.parkNanos(BUSY_POLL_NANOS);
            result = command(Command.START_USER_RECOVERY, deviceId, MemorySegment.NULL, 0);
        }
        check(result, Command.START_USER_RECOVERY, "");
    }

    /** Makes a device live again. Before that, this process must have fetched all its tags. */
    void endRecovery(int deviceId) throws IOException {
        int pid = LinuxProcess.processId();
        check(command(Command.END_USER_RECOVERY, deviceId, MemorySegment.NULL, pid), Command.END_USER_RECOVERY, "");
    }

    /**
     * Ends the block device of a device. A device that is not live stays as it is. The driver waits until the server
     * has completed the requests that it holds. A server that stops its own device must not hold any: if it were killed
     * during the command, its end and the command would wait for each other.
     */
    public void stop(int deviceId) throws IOException {
        int result = command(Command.STOP_DEV, deviceId, MemorySegment.NULL, 0);
        if (result != -Errno.ENODEV) {
            check(result, Command.STOP_DEV, "");
        }
    }

    /**
     * Ends the block device of a device unless anyone has it open, in user space or in the kernel. Needs Linux 7.0 or
     * newer, see {@link UblkFeatures#SAFE_STOP_DEV}.
     *
     * @return false if the device is in use, in which case it still works
     */
    public boolean tryStop(int deviceId) throws IOException {
        int result = command(Command.TRY_STOP_DEV, deviceId, MemorySegment.NULL, 0);
        if (result == -Errno.EBUSY) {
            return false;
        }
        if (result != -Errno.ENODEV) {
            check(result, Command.TRY_STOP_DEV, "");
        }
        return true;
    }

    /**
     * Removes a device. Does nothing if no device has that number. The driver keeps the number until the last user has
     * closed the block device. This method waits for that, but not long, because a file system may stay mounted.
     *
     * @return whether the number is free
     */
    public boolean delete(int deviceId) throws IOException {
        int result = command(Command.DEL_DEV_ASYNC, deviceId, MemorySegment.NULL, 0);
        if (result == -Errno.EOPNOTSUPP || result == -ENOTSUPP) { // before Linux 6.9
            result = command(Command.DEL_DEV, deviceId, MemorySegment.NULL, 0);
        }
        if (result != -Errno.ENODEV) {
            check(result, Command.DEL_DEV, "");
        }
        long deadline = System.nanoTime() + DELETED_NANOS;
        while (info(deviceId) != null) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            LockSupport.parkNanos(DELETED_POLL_NANOS);
        }
        return true;
    }

    /** Sends a command, and returns its result when it has completed. */
    private int command(Command command, int deviceId, MemorySegment buffer, long data) throws IOException {
        commands++;
        UblkSubmissions.queueControl(
                ring.submissions(),
                device.value(),
                command.code,
                deviceId,
                buffer.address(),
                (int) buffer.byteSize(),
                data,
                commands);
        WaitClock clock = new WaitClock();
        while (completed != commands) {
            int ready = ring.submitAndWait(1, clock.untilNextNanos());
            if (ready < 0 && ready != -Errno.EAGAIN && ready != -Errno.EBUSY) {
                throw new LinuxException("io_uring_enter", -ready);
            }
            ring.completions().drain(this::onCompletion, RING_ENTRIES);
            if (completed != commands && clock.isDue()) {
                listener.waiting("%s of device %d has not completed for %d s: %s"
                        .formatted(command, deviceId, clock.seconds(), RequestsInKernel.of(deviceId)));
            }
        }
        return result;
    }

    private void onCompletion(long userData, int result, int flags) {
        completed = userData;
        this.result = result;
    }

    private static void check(int result, Command command, String detail) throws IOException {
        if (result < 0) {
            throw new IOException(command + " failed with " + Errno.name(-result) + detail);
        }
    }

    @Override
    public void close() {
        ring.close();
        device.close();
        if (completed == commands) {
            arena.close();
        }
    }
}
