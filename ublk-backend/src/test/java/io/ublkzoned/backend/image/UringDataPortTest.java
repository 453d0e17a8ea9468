package io.ublkzoned.backend.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.ublk.UblkCommands;
import io.ublkzoned.bindings.uring.IoUring;
import io.ublkzoned.bindings.uring.RingFeatures;
import io.ublkzoned.bindings.uring.SubmissionQueue;
import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ImageIdentity;
import io.ublkzoned.engine.RequestQueue;
import io.ublkzoned.engine.StateMemory;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.zone.BlockOp;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Queue;
import java.util.Random;
import java.util.UUID;
import java.util.function.IntUnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The port for request data, on an image file. A sparse file replaces {@code /dev/ublkcN}: the data of requests are at
 * the offsets of user copy.
 */
@Tag("native")
class UringDataPortTest {

    private static final int KIB = 1 << 10;
    private static final int ZONE = 4 << 20;
    private static final int BUFFER = 512 * KIB;
    private static final int TAG = 1;
    private static final long IMAGE = 1L << 48;
    private static final long REGISTRATION = 2L << 48;
    private static final int DRIVER_FILE = 0;
    private static final int IMAGE_FILE = 1;
    private static final int PENDING = Integer.MIN_VALUE;
    private static final byte UNTOUCHED = 0x55;
    private static final long PATIENCE_NANOS = 10_000_000;

    @TempDir
    private Path folder;

    private final Arena arena = Arena.ofConfined();
    private final ImageIdentity identity = new ImageIdentity(new UUID(0, 1), 2, 3);
    private final Queue<BlockRequest> inbox = new ArrayDeque<>();
    private FileDescriptor image;
    private FileDescriptor driver;
    private ImageWindows windows;
    private IoUring ring;
    private ZonedDevice device;
    private StateMemory memory;
    private TagBuffers buffers;
    private BlockRequest[] requests;
    private UringDataPort port;
    private int outcome;
    private int registrationsFailed;

    /** Replaces the result of an operation on registered pages, because no driver registers them. */
    private IntUnaryOperator fixedResult = IntUnaryOperator.identity();

    private final RequestQueue queue = new RequestQueue() {
        @Override
        public DataPort dataPort() {
            return port;
        }

        @Override
        public void completed(BlockRequest request, int result) {
            outcome = result;
            port.release(request.tag());
        }

        @Override
        public void handOver(BlockRequest request) {
            inbox.add(request);
        }
    };

    @BeforeEach
    void openDevice() throws IOException {
        RingFeatures features = RingFeatures.ofThisKernel();
        assumeTrue(features.available(), () -> "SKIPPED: " + features.unavailableReason());
        image = newFile("disk.qcow2");
        driver = newFile("driver");
        FdImageFile file = new FdImageFile(image);
        ImageFormatter.format(
                file,
                FormatOptions.ofSize(8L * ZONE)
                        .zoneSize(ZONE)
                        .conventionalZones(2)
                        .build());
        device = ZonedDevice.open(file, () -> {});
        DeviceShape shape = new DeviceShape(device.geometry(), 4096, TAG + 1);
        memory = StateMemory.onHeap(DeviceState.sizeBytes(shape));
        device.begin(DeviceState.prepare(memory, shape, ImageIdentities.newAttachId(), identity));
        windows = new ImageWindows(image);
        ring = IoUring.create(8, 0);
        ring.registerFiles(driver.value(), image.value());
        buffers = new TagBuffers(arena, driver.value(), 0, TAG + 1, BUFFER);
        begin();
    }

    private void begin() {
        requests = new BlockRequest[TAG + 1];
        Arrays.setAll(requests, tag -> new BlockRequest(queue, tag, tag));
        port = newPort(null);
    }

    /** Resumes the device as after the death of a server that had not answered its last request. */
    private void resume() throws IOException {
        DeviceState left = DeviceState.load(memory).orElseThrow();
        device = ZonedDevice.reopen(new FdImageFile(image), left, identity, () -> {});
        device.begin(left);
        begin();
    }

    private UringDataPort newPort(@Nullable RequestPages pages) {
        CachedImage cachedImage = new CachedImage(image, windows, arena);
        return newPort(ring.submissions(), image, cachedImage, pages);
    }

    private UringDataPort newPort(
            SubmissionQueue submissions,
            FileDescriptor data,
            @Nullable CachedImage cachedImage,
            @Nullable RequestPages pages) {
        return new UringDataPort(
                submissions,
                new RingImage(IMAGE_FILE, data, cachedImage),
                new RequestMemory(buffers, pages),
                requests,
                IMAGE);
    }

    private FileDescriptor newFile(String name) throws LinuxException {
        return FileDescriptor.open(
                folder.resolve(name).toString(), FileFlags.O_RDWR | FileFlags.O_CREAT | FileFlags.O_EXCL, 0600);
    }

    @AfterEach
    void closeDevice() throws IOException {
        if (ring != null) {
            device.close();
            ring.close();
            driver.close();
            windows.close();
            image.close();
        }
        arena.close();
    }

    /** Carries out a request, and waits until it is done. */
    private int serve(BlockOp op, long offsetBytes, int lengthBytes) {
        requests[TAG].set(op, offsetBytes, lengthBytes, false);
        port.received(TAG);
        outcome = PENDING;
        device.submit(requests[TAG]);
        while (outcome == PENDING) {
            device.maintain();
            while (!inbox.isEmpty()) {
                device.proceed(inbox.remove());
            }
            if (outcome == PENDING) {
                ring.submitAndWait(1, PATIENCE_NANOS);
                ring.completions().drain(this::onCompletion, 8);
            }
        }
        return outcome;
    }

    private void onCompletion(long userData, int result, int flags) {
        if (userData == REGISTRATION) {
            registrationsFailed++;
        } else {
            int moved = port.completed(userData, result == -Errno.EFAULT ? fixedResult.applyAsInt(result) : result);
            if (moved != DataPort.PENDING) {
                device.partCompleted(port.request(userData), moved);
            }
        }
    }

    private void send(byte[] data) {
        Libc.pwriteFully(
                driver.value(), arena.allocateFrom(ValueLayout.JAVA_BYTE, data), UblkCommands.userCopyOffset(0, TAG));
    }

    private long append(byte[] data) {
        send(data);
        assertEquals(data.length, serve(BlockOp.ZONE_APPEND, 2 * ZONE, data.length));
        return requests[TAG].offsetBytes();
    }

    private void write(long offsetBytes, byte[] data) {
        send(data);
        assertEquals(data.length, serve(BlockOp.WRITE, offsetBytes, data.length));
    }

    private byte[] read(long offsetBytes, int lengthBytes) {
        MemorySegment data = arena.allocate(lengthBytes).fill(UNTOUCHED);
        Libc.pwriteFully(driver.value(), data, UblkCommands.userCopyOffset(0, TAG));
        assertEquals(lengthBytes, serve(BlockOp.READ, offsetBytes, lengthBytes));
        Libc.preadFully(driver.value(), data, UblkCommands.userCopyOffset(0, TAG));
        return data.toArray(ValueLayout.JAVA_BYTE);
    }

    private static byte[] random(int lengthBytes) {
        byte[] data = new byte[lengthBytes];
        new Random(lengthBytes).nextBytes(data);
        return data;
    }

    private void writeAndReadEverySize() {
        int at = 2 * ZONE;
        for (int size : new int[] {4 * KIB, 16 * KIB, 68 * KIB, BUFFER}) {
            write(at, random(size));
            assertArrayEquals(random(size), read(at, size), "of " + size);
            at += size;
        }
    }

    @Test
    void requestsOfEverySizeAreReadBack() {
        writeAndReadEverySize();
    }

    @Test
    void resentAppendIsComparedWithTheDataAtItsPlace() throws IOException {
        append(random(8 * KIB));
        long place = append(random(68 * KIB));
        resume();
        assertEquals(place, append(random(68 * KIB)));

        resume();
        byte[] other = random(68 * KIB);
        other[other.length - 1] ^= 1;
        assertEquals(place + other.length, append(other));
    }

    @Test
    void resentAppendFailsIfTheImageCannotBeRead() throws IOException {
        long place = append(random(4 * KIB));
        resume();
        try (FileDescriptor unreadable = FileDescriptor.open(image.name(), FileFlags.O_WRONLY)) {
            port = newPort(ring.submissions(), unreadable, null, null);
            assertEquals(-Errno.EIO, serve(BlockOp.ZONE_APPEND, 2 * ZONE, 4 * KIB));
        }
        port = newPort(null);
        assertEquals(place + 4 * KIB, append(random(8 * KIB)));
    }

    @Test
    void dataThatBypassThePageCacheAreReadBack() throws IOException {
        try (AttachedImage direct = AttachedImage.open(folder.resolve("disk.qcow2"), CacheMode.NONE)) {
            direct.requireBlocks(4 * KIB, device.clusterSizeBytes());
            ring.unregisterFiles();
            ring.registerFiles(driver.value(), direct.data().value());
            port = newPort(ring.submissions(), direct.data(), null, null);
            writeAndReadEverySize();
        }
    }

    @Test
    void overwrittenBytesAreReadWithZerosPastTheEndOfTheFile() {
        byte[] data = random(4 * KIB);
        Libc.pwriteFully(image.value(), arena.allocateFrom(ValueLayout.JAVA_BYTE, data), 1L << 30);
        byte[] found = new byte[12 * KIB];
        Arrays.fill(found, UNTOUCHED);

        assertEquals(found.length, port.readImage(1L << 30, found));
        assertArrayEquals(Arrays.copyOf(data, found.length), found);
    }

    @Test
    void dataBeyondTheEndOfTheImageFileAreZeros() {
        write(0, random(4 * KIB));
        assertArrayEquals(Arrays.copyOf(random(4 * KIB), 64 * KIB), read(0, 64 * KIB));
        assertArrayEquals(new byte[64 * KIB], read(64 * KIB, 64 * KIB));
    }

    @Test
    void readWaitsForDataThatAreNotCached() {
        write(0, random(4 * KIB));
        write(256 * KIB, random(4 * KIB));
        // The hole between the two has never been in the page cache.
        byte[] expected = Arrays.copyOf(random(4 * KIB), 260 * KIB);
        System.arraycopy(random(4 * KIB), 0, expected, 256 * KIB, 4 * KIB);
        assertArrayEquals(expected, read(0, 260 * KIB));
        assertArrayEquals(new byte[8 * KIB], read(128 * KIB, 8 * KIB));
    }

    @Test
    void partsWithoutClustersAreZeros() {
        write(2 * ZONE, random(4 * KIB));
        assertArrayEquals(Arrays.copyOf(random(4 * KIB), 32 * KIB), read(2 * ZONE, 32 * KIB));
        assertArrayEquals(new byte[32 * KIB], read(3 * ZONE, 32 * KIB));
    }

    @Test
    void requestWhoseTransferThrowsFailsAndTheNextOneIsServed() throws IOException {
        write(2 * ZONE, random(4 * KIB));
        UringDataPort whole = port;
        IoUring closed = IoUring.create(8, 0);
        SubmissionQueue unusable = closed.submissions();
        closed.close();
        try (FileDescriptor readOnly = FileDescriptor.open(image.name(), FileFlags.O_RDONLY);
                ImageWindows unmappable = new ImageWindows(readOnly)) {
            CachedImage unwritable = new CachedImage(readOnly, unmappable, arena);
            port = newPort(unusable, readOnly, unwritable, null);
            for (int i = 0; i < 2; i++) {
                assertEquals(-Errno.EIO, serve(BlockOp.WRITE, 2 * ZONE + 4 * KIB, 4 * KIB));
                assertEquals(4 * KIB, serve(BlockOp.READ, 2 * ZONE, 4 * KIB));
            }
        }
        port = whole;
        write(2 * ZONE + 4 * KIB, random(8 * KIB));
        assertArrayEquals(random(8 * KIB), read(2 * ZONE + 4 * KIB, 8 * KIB));
    }

    @Test
    void failureOfTheCopyIsAnIoError() {
        write(2 * ZONE, random(4 * KIB));
        driver.close();
        assertEquals(-Errno.EIO, serve(BlockOp.WRITE, 2 * ZONE + 4 * KIB, 4 * KIB));
        assertEquals(-Errno.EIO, serve(BlockOp.READ, 2 * ZONE, 4 * KIB));
    }

    @Test
    void pagesThatCannotBeRegisteredAreCopied() throws LinuxException {
        // An ordinary file refuses the driver's command.
        port = newPort(new RequestPages(ring, DRIVER_FILE, 0, TAG + 1, REGISTRATION));
        writeAndReadEverySize();
        assertTrue(registrationsFailed >= 2 * 3, "only " + registrationsFailed + " registrations failed");
    }

    @Test
    void pagesThatTheDiskDoesNotTakeAreCopied() throws LinuxException {
        port = newPort(new RequestPages(ring, DRIVER_FILE, 0, TAG + 1, REGISTRATION));
        fixedResult = result -> -Errno.EINVAL;
        writeAndReadEverySize();
    }

    @Test
    void copyingOnePartLeavesOthersOnTheirPages() throws LinuxException {
        // A conventional zone gets clusters in units of 1 MiB, so this request has two parts.
        int half = 64 * KIB;
        int middle = 1 << 20;
        write(middle, random(half));
        write(middle - half, random(half));
        port = newPort(new RequestPages(ring, DRIVER_FILE, 0, TAG + 1, REGISTRATION));
        // The disk refuses the pages of the first part. The second part moves in two operations.
        Iterator<Integer> results =
                List.of(-Errno.EINVAL, 4 * KIB, half - 4 * KIB).iterator();
        fixedResult = result -> results.next();
        byte[] found = read(middle - half, 2 * half);
        assertFalse(results.hasNext());
        assertArrayEquals(random(half), Arrays.copyOf(found, half));
        byte[] pages = new byte[half];
        Arrays.fill(pages, UNTOUCHED);
        assertArrayEquals(pages, Arrays.copyOfRange(found, half, 2 * half));
    }
}
