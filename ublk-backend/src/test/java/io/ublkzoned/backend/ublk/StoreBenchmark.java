package io.ublkzoned.backend.ublk;

import static java.util.Objects.requireNonNull;

import io.ublkzoned.backend.image.AttachedImage;
import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/**
 * A benchmark of image I/O without ublk, like {@code qemu-img bench} on a stock image: see {@code scripts/bench
 * --store}. Engine, data port, ring and metadata thread are those of a server.
 */
final class StoreBenchmark {

    private static final double NANOS = 1e9;

    private final DeviceGeometry geometry;
    private final StoreQueue queue;
    private final int blockBytes;
    private long at;
    private long nanos;
    private long cpuNanos;

    private StoreBenchmark(DeviceGeometry geometry, StoreQueue queue, int blockBytes) {
        this.geometry = geometry;
        this.queue = queue;
        this.blockBytes = blockBytes;
    }

    /**
     * Prints the seconds and the CPU seconds that the requests took, without the start and the end of the program.
     *
     * @param arguments the image; the file that replaces {@code /dev/ublkcN}; read, write or append; the bytes of a
     *     request; the depth; the number of passes; for read, the requests per pass and the bytes from one to the next
     */
    public static void main(String[] arguments) throws IOException {
        Path image = Path.of(arguments[0]);
        BlockOp op = switch (arguments[2]) {
            case "read" -> BlockOp.READ;
            case "write" -> BlockOp.WRITE;
            case "append" -> BlockOp.ZONE_APPEND;
            default -> throw new IllegalArgumentException("no such workload: " + arguments[2]);
        };
        int blockBytes = Integer.parseInt(arguments[3]);
        int depth = Integer.parseInt(arguments[4]);
        int passes = Integer.parseInt(arguments[5]);
        MetadataThread metadata = new MetadataThread();
        Path stateFile = Files.createTempDirectory(Path.of("/dev/shm"), "store").resolve("state");
        try (AttachedImage attached = AttachedImage.open(image, CacheMode.WRITEBACK);
                FileDescriptor requestData = FileDescriptor.open(arguments[1], FileFlags.O_RDWR)) {
            FileDescriptor file = attached.data();
            ZonedDevice device = ZonedDevice.open(new FdImageFile(file), metadata::wakeUp);
            requireNonNull(attached.windows()).permitWrites();
            DeviceShape shape = new DeviceShape(device.geometry(), 4096, depth);
            try (StateFile state = StateFile.create(stateFile, DeviceState.sizeBytes(shape))) {
                device.begin(DeviceState.prepare(
                        state.memory(), shape, ImageIdentities.newAttachId(), ImageIdentities.of(file)));
                metadata.start(device);
                try (StoreQueue queue =
                        new StoreQueue(device, attached, requestData, depth, Math.max(blockBytes, 4096))) {
                    StoreBenchmark benchmark = new StoreBenchmark(device.geometry(), queue, blockBytes);
                    for (int i = 0; i < passes; i++) {
                        switch (op) {
                            case READ -> benchmark.reads(Long.parseLong(arguments[6]), Long.parseLong(arguments[7]));
                            case WRITE -> benchmark.overwrites();
                            default -> benchmark.appends();
                        }
                    }
                    System.out.printf("%.3f %.2f%n", benchmark.nanos / NANOS, benchmark.cpuNanos / NANOS);
                } finally {
                    metadata.close();
                }
                device.close();
            }
        } finally {
            Files.deleteIfExists(stateFile);
            Files.delete(stateFile.getParent());
        }
    }

    private void reads(long count, long stepBytes) {
        measure(count, request -> {
            request.set(BlockOp.READ, at, blockBytes, false);
            at = (at + stepBytes) % geometry.sizeBytes();
        });
    }

    private void overwrites() {
        long end = geometry.conventionalZones() * geometry.zoneSizeBytes();
        at = 0;
        measure(end / blockBytes, request -> {
            request.set(BlockOp.WRITE, at, blockBytes, false);
            at += blockBytes;
        });
    }

    private void appends() {
        queue.run(1, request -> request.set(BlockOp.ZONE_RESET_ALL, 0, 0, false));
        at = geometry.conventionalZones() * geometry.zoneSizeBytes();
        measure((geometry.sizeBytes() - at) / blockBytes, request -> {
            request.set(BlockOp.ZONE_APPEND, at & -geometry.zoneSizeBytes(), blockBytes, false);
            at += blockBytes;
        });
    }

    private void measure(long count, StoreQueue.Source source) {
        long cpuBefore = cpuNanos();
        long before = System.nanoTime();
        queue.run(count, source);
        nanos += System.nanoTime() - before;
        cpuNanos += cpuNanos() - cpuBefore;
    }

    private static long cpuNanos() {
        return ProcessHandle.current()
                .info()
                .totalCpuDuration()
                .orElse(Duration.ZERO)
                .toNanos();
    }
}
