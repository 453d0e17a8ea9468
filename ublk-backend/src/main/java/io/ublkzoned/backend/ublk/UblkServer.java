package io.ublkzoned.backend.ublk;

import static java.util.Objects.requireNonNull;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.bindings.ublk.UblkFeatures;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ZoneVisitor;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * The server of one image as one ublk device. It brings the device up, and takes it down in the reverse order. A device
 * that comes back after a power cut has a new server in the same process.
 *
 * <p>One thread calls {@link #add}, {@link #recover}, {@link #awaitStop} and {@link #comeBack}; any thread may call
 * {@link #stop}.
 */
public final class UblkServer {

    private static final long NODE_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final long NODE_POLL_NANOS = TimeUnit.MILLISECONDS.toNanos(2);

    private final Teardown teardown = new Teardown();
    private final List<QueueThread> queues = new ArrayList<>();
    private @Nullable ServerLock lock; // held until the process ends
    private volatile @Nullable ServedDevice served;
    private volatile AfterCut afterCut = AfterCut.STOP;
    private volatile boolean stopped;
    private @Nullable ServerOptions next; // those of the device that comes back
    private int deviceId;

    private UblkServer() {}

    /**
     * Attaches an image, and returns when its block device is live.
     *
     * @throws IOException with a sentence for the user. In that case no device is left behind, and an intact image is
     *     still intact.
     */
    public static UblkServer add(ServerOptions options) throws IOException {
        return bringUp((server, control) -> server.addNew(options, control));
    }

    /**
     * Takes over a device whose server died, and returns when it is live again.
     *
     * @param elsewhere the current path of its image, null if it is at its old path
     * @throws IOException with a sentence for the user. A device that waited for a server still waits.
     */
    public static UblkServer recover(int deviceId, @Nullable Path elsewhere) throws IOException {
        return bringUp((server, control) -> server.recoverDevice(deviceId, elsewhere, InitialFaults.NONE, control));
    }

    /**
     * Takes over the device of the image if its server died; otherwise attaches the image. So the caller need not know
     * whether a server died.
     *
     * @throws IOException as {@link #add} and {@link #recover} do
     */
    public static UblkServer resume(ServerOptions options) throws IOException {
        return bringUp((server, control) -> {
            OptionalInt left = DeadDevice.await(control, options.image());
            if (left.isEmpty()) {
                server.addNew(options, control);
                return;
            }
            int id = left.getAsInt();
            if (options.deviceId() != ServerOptions.ANY_ID && options.deviceId() != id) {
                throw new IOException("%s is that of device %d, whose server died: it cannot become device %d"
                        .formatted(options.image(), id, options.deviceId()));
            }
            DeviceInfo info = control.info(id);
            if (info != null && info.isWaiting()) {
                NewDevice.requireFreeName(options.name(), id);
                server.recoverDevice(id, options.image(), options.faults(), control);
                server.rename(options.name());
            } else {
                DeadDevice.delete(control, id, options.image());
                server.addNew(options, control);
            }
        });
    }

    /** Gives a device that has been recovered another name, and lets udev know. */
    private void rename(String name) throws IOException {
        RunDirectory directory = new RunDirectory(deviceId());
        if (!name.isEmpty() && !name.equals(directory.deviceName())) {
            directory.setDeviceName(name);
            Files.writeString(Path.of("/sys/block/ublkb" + deviceId(), "uevent"), "change\n");
        }
    }

    /** The steps by which a server brings its device up. */
    private interface Startup {
        void run(UblkServer server, UblkControl control) throws IOException;
    }

    private static UblkServer bringUp(Startup startup) throws IOException {
        try (UblkControl control = UblkControl.open()) {
            MemoryPressure.prepare(); // after open has shown that this is permitted
            UblkServer server = new UblkServer();
            try {
                startup.run(server, control);
            } catch (IOException | RuntimeException | Error e) {
                server.stop();
                server.queues.forEach(QueueThread::join);
                server.teardown.runAfter(e);
                throw e;
            }
            return server;
        }
    }

    /** A way to make the device in the driver. */
    private interface Making {
        NewDevice make(NewDevice.Request request) throws IOException;
    }

    private void addNew(ServerOptions options, UblkControl control) throws IOException {
        addDevice(options, control, request -> {
            NewDevice made = NewDevice.make(control, request);
            teardown.addForFailure(new RunDirectory(made.info().id())::remove);
            return made;
        });
    }

    private void addDevice(ServerOptions options, UblkControl control, Making making) throws IOException {
        long offered = control.features();
        long features = NewDevice.negotiate(offered, options);
        AttachedImage image = AttachedImage.open(options.image(), options.cacheMode());
        teardown.add(image);
        DeadDevice.requireNone(options.image(), image.data());
        MetadataThread metadata = new MetadataThread();
        OverlappedSyncs file = new OverlappedSyncs(new FdImageFile(image.metadata()));
        teardown.add(file);
        ZonedDevice device = ZonedDevice.open(file, metadata::wakeUp);
        requireBlockSize(device, options.blockSizeBytes());
        options.faults().requireFit(device.geometry(), options.blockSizeBytes());
        image.requireBlocks(options.blockSizeBytes(), device.clusterSizeBytes());

        NewDevice made = making.make(new NewDevice.Request(options, image.realPath(), features, device.geometry()));
        DeviceInfo info = made.info();
        lock = made.lock();
        deviceId = info.id();
        teardown.add(() -> delete(info.id()));
        requireZoned(info);
        DeviceShape shape =
                new DeviceShape(device.geometry(), options.blockSizeBytes(), info.queues() * info.queueDepth());
        DeviceParameters.set(control, info, shape);
        StateFile stateFile = StateFile.create(new RunDirectory(deviceId).stateFile(), DeviceState.sizeBytes(shape));
        teardown.add(stateFile);
        if (options.record().isPresent()) {
            Recording recording = Recording.begin(options.record().get(), device, image, options.blockSizeBytes());
            teardown.addForFailure(recording::discard);
            teardown.addForEnd(recording);
        }
        teardown.add(device);
        device.begin(DeviceState.prepare(
                stateFile.memory(), shape, ImageIdentities.newAttachId(), ImageIdentities.of(image.data())));
        permitMappedWrites(offered, image);
        options.faults().addTo(device);
        serve(new ServedDevice(info, shape, device, image), metadata);
        control.start(deviceId);
        awaitNode(Path.of(devicePath()));
        if (info.queues() == 1 && options.recovery() == Recovery.REISSUE) {
            DeviceScheduler.setNone(deviceId);
        }
        requireNonNull(lock).enter(ServerLock.Phase.STARTED);
    }

    /** Takes over a device. Everything that the dead server left stays as it is until the device is live again. */
    private void recoverDevice(int id, @Nullable Path elsewhere, InitialFaults faults, UblkControl control)
            throws IOException {
        deviceId = id;
        DeviceInfo info = DeadDevice.requireWaiting(control, id);
        lock = ServerLock.take(new RunDirectory(id).path());
        MetadataThread metadata = new MetadataThread();
        Takeover left = new Takeover(id, elsewhere, metadata::wakeUp);
        teardown.add(left);
        DeviceShape shape = left.state().shape();
        DeviceParameters.requireShape(control, info, shape);
        faults.requireFit(shape.geometry(), shape.blockBytes());
        control.startRecovery(id);
        teardown.addForEnd(() -> delete(id));
        teardown.addForEnd(left.device());
        permitMappedWrites(control.features(), left.image());
        faults.addTo(left.device());
        serve(new ServedDevice(info, shape, left.device(), left.image()), metadata);
        control.endRecovery(id);
        requireNonNull(lock).enter(ServerLock.Phase.STARTED);
    }

    private static void permitMappedWrites(long offered, AttachedImage image) {
        if (image.windows() != null && (offered & UblkFeatures.SAFE_STOP_DEV) != 0) {
            image.windows().permitWrites();
        }
    }

    /** Starts the threads, and returns when all tags have been fetched. */
    private void serve(ServedDevice serving, MetadataThread metadata) throws IOException {
        served = serving;
        DeviceInfo info = serving.info();
        ZonedDevice device = serving.device();
        device.faults()
                .whenPowerIsCut(then ->
                        Thread.ofPlatform().daemon().name("ublk-power-cut").start(() -> losePower(then)));
        List<RequestStatistics> statistics = Stream.generate(() -> new RequestStatistics(info.queueDepth()))
                .limit(info.queues())
                .toList();
        ControlSocket control = ControlSocket.start(new RunDirectory(info.id()), new DeviceControl(device, statistics));
        metadata.start(device);
        teardown.add(metadata);
        teardown.add(control);
        teardown.addForEnd(this::stopDevice);
        FileDescriptor deviceFile = openDevice(info.id());
        teardown.add(deviceFile);
        for (int i = 0; i < info.queues(); i++) {
            queues.add(new QueueThread(i, serving, deviceFile, statistics.get(i)));
        }
        for (QueueThread queue : queues) {
            queue.awaitFetched();
        }
        control.awaitListening();
    }

    private static void requireZoned(DeviceInfo info) throws IOException {
        if ((info.flags() & UblkFeatures.ZONED) == 0) {
            throw new IOException("the ublk driver refused a zoned device: the kernel needs CONFIG_BLK_DEV_ZONED");
        }
    }

    /** A search for write pointers and zone ends that are not on a boundary of a block. */
    private static final class MisalignedPlaces implements ZoneVisitor {

        private final int blockSizeBytes;
        private boolean found;

        MisalignedPlaces(int blockSizeBytes) {
            this.blockSizeBytes = blockSizeBytes;
        }

        void look(long placeBytes) {
            found |= placeBytes % blockSizeBytes != 0;
        }

        @Override
        public void zone(
                int index, long startBytes, long capacityBytes, long writePointerBytes, ZoneCondition condition) {
            look(writePointerBytes);
        }
    }

    /**
     * Requires that every write pointer and the capacity are on a boundary of a block of the device. Otherwise the
     * kernel could not write there.
     */
    private static void requireBlockSize(ZonedDevice device, int blockSizeBytes) throws IOException {
        MisalignedPlaces misaligned = new MisalignedPlaces(blockSizeBytes);
        misaligned.look(device.geometry().capacityBytes());
        device.report(0, device.geometry().zoneCount(), misaligned);
        if (misaligned.found) {
            throw new IOException("the image was written in blocks of 512 bytes: add it with --block-size 512");
        }
    }

    private static FileDescriptor openDevice(int id) throws IOException {
        String path = UblkCommands.CHAR_DEVICE_PATH_PREFIX + id;
        awaitNode(Path.of(path));
        return FileDescriptor.open(path, FileFlags.O_RDWR);
    }

    private static void awaitNode(Path node) throws IOException {
        long deadline = System.nanoTime() + NODE_NANOS;
        while (!Files.exists(node)) {
            if (System.nanoTime() > deadline) {
                throw new IOException(node + " did not appear: is /dev a devtmpfs, or udev running?");
            }
            LockSupport.parkNanos(NODE_POLL_NANOS);
        }
    }

    /**
     * Ends the block device if it still exists. The queues have ended, so this process holds no request for which the
     * kernel would wait.
     */
    private void stopDevice() throws IOException {
        try (UblkControl control = UblkControl.open(ServerLog.LOG::warn)) {
            control.stop(deviceId);
        }
    }

    private static void delete(int id) throws IOException {
        try (UblkControl control = UblkControl.open(ServerLog.LOG::warn)) {
            if (!control.delete(id)) {
                ServerLog.LOG.warn(
                        "device {} is still open, so the kernel keeps its number until its last user closes it", id);
            }
        }
    }

    public int deviceId() {
        return deviceId;
    }

    /** Returns the path of the block device, such as {@code /dev/ublkb0}. */
    public String devicePath() {
        return UblkCommands.BLOCK_DEVICE_PATH_PREFIX + deviceId;
    }

    /**
     * Serves until the device is stopped: by {@link #stop}, by another process, or because its power was cut. Then closes
     * the image and removes the device. {@link #comeBack} follows.
     *
     * @throws IOException if the image could not be closed cleanly. It is recovered at its next open, and the run
     *     directory with the log stays.
     */
    public void awaitStop() throws IOException {
        queues.forEach(QueueThread::join);
        if (afterCut == AfterCut.CONTINUE && !stopped) {
            next = requireNonNull(served).options(); // while the image is open
        }
        teardown.run();
        RunDirectory directory = new RunDirectory(deviceId);
        if (next == null) {
            directory.remove();
        } else {
            Files.deleteIfExists(directory.stateFile()); // the image is closed and does not need it
        }
    }

    /**
     * Brings the device back if its power was cut and shall come back. Waits until the last user has closed the old
     * device, or until {@link #stop}. The faults have ended.
     *
     * @return the server of the live device, or null if the device is gone for good
     * @throws IOException with a sentence if the device cannot come back. The run directory with the log and this
     *     sentence stays.
     */
    public @Nullable UblkServer comeBack() throws IOException {
        ServerOptions options = next;
        if (options == null) {
            return null;
        }
        RunDirectory directory = new RunDirectory(deviceId);
        ServerLock held = requireNonNull(lock);
        try {
            return bringUp((server, control) -> server.addDevice(
                    options, control, request -> NewDevice.makeAgain(control, request, held, () -> stopped)));
        } catch (InterruptedIOException e) {
            directory.remove();
            return null;
        } catch (IOException | RuntimeException | Error e) {
            directory.setFailure(String.valueOf(e.getMessage()));
            throw e;
        }
    }

    /** Makes the device work without faults from now on, so that a sync of its file systems can end. */
    public void endFaults() {
        ServedDevice serving = served;
        if (serving != null) {
            serving.device().faults().end();
        }
    }

    /**
     * Makes {@link #awaitStop} return, and keeps a device without power from coming back. The queues begin no more
     * requests and complete those that have begun; then the kernel stops the device. This order allows the process to
     * be killed at any time. If it still held requests when it is killed while the kernel stops its device, it would
     * never end.
     */
    public void stop() {
        stopped = true;
        leave();
    }

    private void losePower(AfterCut then) {
        afterCut = then;
        leave();
    }

    private void leave() {
        endFaults();
        queues.forEach(QueueThread::leave);
    }
}
