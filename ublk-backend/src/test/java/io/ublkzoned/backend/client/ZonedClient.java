package io.ublkzoned.backend.client;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.ublk.BlkZone;
import io.ublkzoned.bindings.ublk.BlkZoneIoctls;
import io.ublkzoned.bindings.uring.IoUring;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/** A zoned block device, used by raw ioctls and io_uring requests. One thread uses it. */
final class ZonedClient implements AutoCloseable {

    static final int SECTOR = 512;

    private static final int PAGE = 4096;

    /** A zone of a report, in bytes. */
    record Zone(long start, long length, long capacity, long writePointer, int type, int condition) {
        boolean isSequential() {
            return type == BlkZone.TYPE_SEQWRITE_REQ;
        }
    }

    private final FileDescriptor device;
    private final Arena arena = Arena.ofShared();

    ZonedClient(String path) throws LinuxException {
        device = FileDescriptor.open(path, FileFlags.O_RDWR | FileFlags.O_DIRECT);
    }

    int zoneCount() throws LinuxException {
        return number(BlkZoneIoctls.BLKGETNRZONES);
    }

    long zoneSize() throws LinuxException {
        return (long) number(BlkZoneIoctls.BLKGETZONESZ) * SECTOR;
    }

    int blockSize() throws LinuxException {
        return number(BlkZoneIoctls.BLKSSZGET);
    }

    private int number(int request) throws LinuxException {
        MemorySegment result = arena.allocate(ValueLayout.JAVA_INT);
        LinuxException.check(Libc.ioctl(device.value(), request, result), "ioctl", "");
        return result.get(ValueLayout.JAVA_INT, 0);
    }

    long size() throws LinuxException {
        MemorySegment result = arena.allocate(ValueLayout.JAVA_LONG);
        LinuxException.check(Libc.ioctl(device.value(), BlkZoneIoctls.BLKGETSIZE64, result), "BLKGETSIZE64", "");
        return result.get(ValueLayout.JAVA_LONG, 0);
    }

    /** Returns up to {@code count} zones, starting with the one that contains {@code offset}. */
    Zone[] report(long offset, int count) throws LinuxException {
        MemorySegment report = BlkZoneIoctls.report(arena, offset / SECTOR, count);
        LinuxException.check(Libc.ioctl(device.value(), BlkZoneIoctls.BLKREPORTZONE, report), "BLKREPORTZONE", "");
        return zones(report);
    }

    /** Returns all zones from the kernel's cache, or null if the kernel has no such report. */
    Zone @Nullable [] cachedReport() throws LinuxException {
        MemorySegment report = BlkZoneIoctls.report(arena, 0, zoneCount());
        BlkZoneIoctls.askForCache(report);
        int result = Libc.ioctl(device.value(), BlkZoneIoctls.BLKREPORTZONEV2, report);
        if (result == -Errno.ENOTTY) {
            return null;
        }
        LinuxException.check(result, "BLKREPORTZONEV2", "");
        return zones(report);
    }

    private static Zone[] zones(MemorySegment report) {
        MemorySegment entries = BlkZoneIoctls.zones(report);
        Zone[] zones = new Zone[BlkZoneIoctls.reportedZones(report)];
        for (int i = 0; i < zones.length; i++) {
            zones[i] = new Zone(
                    BlkZone.startSector(entries, i) * SECTOR,
                    BlkZone.lengthSectors(entries, i) * SECTOR,
                    BlkZone.capacitySectors(entries, i) * SECTOR,
                    BlkZone.writePointerSector(entries, i) * SECTOR,
                    BlkZone.type(entries, i),
                    BlkZone.condition(entries, i));
        }
        return zones;
    }

    Zone zone(long start) throws LinuxException {
        return report(start, 1)[0];
    }

    /** Sends BLKRESETZONE or the like. Returns 0 or -errno. */
    int operate(int request, long start, long length) {
        return Libc.ioctl(device.value(), request, BlkZoneIoctls.range(arena, start / SECTOR, length / SECTOR));
    }

    /** Returns a buffer that is aligned for direct I/O. */
    MemorySegment buffer(int bytes) {
        return arena.allocate(bytes, PAGE);
    }

    /** Fills a buffer with blocks that contain their position and the round in which they are written. */
    static void stamp(MemorySegment buffer, long offset, long round) {
        for (long at = 0; at < buffer.byteSize(); at += Long.BYTES) {
            buffer.set(ValueLayout.JAVA_LONG, at, (offset + at) * 0x9e3779b97f4a7c15L + round);
        }
    }

    /** Writes a buffer. Returns bytes written, or -errno. */
    long write(MemorySegment buffer, long offset) {
        return Libc.pwrite(device.value(), buffer, offset);
    }

    /** Reads into a buffer. Returns bytes read, or -errno. */
    long read(MemorySegment buffer, long offset) {
        return Libc.pread(device.value(), buffer, offset);
    }

    /** Queues a write. */
    void write(IoUring ring, MemorySegment buffer, long offset, long userData) {
        ring.submissions().write(device.value(), buffer.address(), (int) buffer.byteSize(), offset, userData, 0);
    }

    /** Queues a read. */
    void read(IoUring ring, MemorySegment buffer, long offset, long userData) {
        ring.submissions().read(device.value(), buffer.address(), (int) buffer.byteSize(), offset, userData, 0);
    }

    @Override
    public void close() throws IOException {
        device.close();
        arena.close();
    }
}
