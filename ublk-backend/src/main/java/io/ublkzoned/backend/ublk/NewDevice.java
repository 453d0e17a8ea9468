package io.ublkzoned.backend.ublk;

import io.ublkzoned.bindings.ublk.UblkFeatures;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A device that the driver has just made, and that is not started yet.
 *
 * @param lock of its run directory, held by this process
 */
record NewDevice(DeviceInfo info, ServerLock lock) {

    private static final int ZONE_BYTES = 64; // struct blk_zone in a report
    private static final int IO_BYTES_MIN = 512 << 10;
    private static final int IO_BYTES_MAX = 32 << 20; // UBLK_IO_BUF_BITS is 25

    private static final long CLOSED_POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    /**
     * A request for a device.
     *
     * @param image the real path of its image
     * @param features those of {@link #negotiate}
     */
    record Request(ServerOptions options, Path image, long features, DeviceGeometry geometry) {

        private @Nullable DeviceInfo send(UblkControl control, int id) throws IOException {
            return control.add(id, options, features, ioBytes(geometry));
        }
    }

    /**
     * Returns the features to ask for, out of those that the driver offers.
     *
     * @throws IOException with a sentence if the driver has no zoned devices
     */
    static long negotiate(long offered, ServerOptions options) throws IOException {
        long needed = UblkFeatures.ZONED | UblkFeatures.USER_COPY;
        if ((offered & needed) != needed) {
            throw new IOException("this kernel's ublk driver has no zoned devices: Linux 6.6 or newer with"
                    + " CONFIG_BLK_DEV_ZONED has them");
        }
        long wanted = UblkFeatures.NO_AUTO_PART_SCAN | (options.zeroCopy() ? UblkFeatures.SUPPORT_ZERO_COPY : 0);
        return needed | options.recovery().features() | (offered & wanted);
    }

    /** Makes a device with the requested number, or else with the first free one. */
    static NewDevice make(UblkControl control, Request request) throws IOException {
        int wanted = request.options.deviceId();
        boolean any = wanted == ServerOptions.ANY_ID;
        int id = any ? 0 : wanted;
        NewDevice made = makeIfFree(control, request, id);
        while (made == null && any) {
            id++;
            made = makeIfFree(control, request, id);
        }
        if (made == null) {
            throw new IOException(
                    "device id " + id + " is in use: choose another id, or omit it to get the first free one");
        }
        return made;
    }

    /**
     * Refuses the name of another device.
     *
     * @param ownId the number of the device that gets the name, or {@link ServerOptions#ANY_ID}
     */
    static void requireFreeName(String name, int ownId) throws IOException {
        for (int id : RunDirectory.ids()) {
            RunDirectory directory = new RunDirectory(id);
            if (!name.isEmpty() && id != ownId && directory.deviceName().equals(name)) {
                throw new IOException("device %d has the name '%s': %s"
                        .formatted(
                                id,
                                name,
                                ServerLock.holder(directory) == null
                                        ? "its server died: run 'ublk-zoned del " + id + "' first"
                                        : "choose another one"));
            }
        }
    }

    /**
     * Makes the device of one number, or returns null if that is in use. The run directory is created before the device
     * and removed after it, so {@code del} finds the device no matter when this process is killed.
     */
    private static @Nullable NewDevice makeIfFree(UblkControl control, Request request, int id) throws IOException {
        RunDirectory directory = new RunDirectory(id);
        ServerLock lock = directory.create(request.image, request.options.cacheMode(), request.options.name());
        if (lock == null) {
            return null;
        }
        DeviceInfo info = null;
        try {
            requireFreeName(request.options.name(), id); // after other processes can see that this device has it
            info = request.send(control, id);
        } finally {
            if (info == null) {
                directory.remove();
                lock.close();
            }
        }
        return info == null ? null : new NewDevice(info, lock);
    }

    /**
     * Makes a device again after it was deleted, with its number and in its run directory. The kernel keeps the number
     * until the last user has closed the old device, and this method waits for that.
     *
     * @param lock of the run directory, held by this process
     * @param stopped whether to give up
     * @throws InterruptedIOException if it was stopped
     */
    static NewDevice makeAgain(UblkControl control, Request request, ServerLock lock, BooleanSupplier stopped)
            throws IOException {
        int id = request.options.deviceId();
        new RunDirectory(id).setImage(request.image);
        DeviceInfo info = request.send(control, id);
        if (info == null) {
            lock.enter(ServerLock.Phase.OFF);
        }
        while (info == null) {
            if (stopped.getAsBoolean()) {
                throw new InterruptedIOException("device " + id + " was deleted before it came back");
            }
            LockSupport.parkNanos(CLOSED_POLL_NANOS);
            info = request.send(control, id);
        }
        lock.enter(ServerLock.Phase.STARTING);
        return new NewDevice(info, lock);
    }

    /**
     * Returns the size of the largest request. One report of all zones must fit in it, because the driver numbers zones
     * wrongly if it needs a second request. The maximum is large enough for the zones that
     * {@link DeviceGeometry#requireAttachable} allows.
     */
    private static int ioBytes(DeviceGeometry geometry) {
        long needed = Math.max(IO_BYTES_MIN, (long) geometry.zoneCount() * ZONE_BYTES);
        return (int) Math.min(IO_BYTES_MAX, Long.highestOneBit(2 * needed - 1));
    }
}
