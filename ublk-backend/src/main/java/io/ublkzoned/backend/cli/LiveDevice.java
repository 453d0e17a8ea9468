package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.ublk.BlkZone;
import io.ublkzoned.bindings.ublk.BlkZoneIoctls;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;

/** A block device of this program, accessed through the kernel. */
record LiveDevice(int id) {

    private static final int ZONES_PER_CALL = 4096;

    /** Finds the device whose image is this file, if its block device exists. */
    static OptionalInt of(Path image) throws IOException {
        OptionalInt id = RunDirectory.deviceOf(image);
        return id.isPresent() && new LiveDevice(id.getAsInt()).exists() ? id : OptionalInt.empty();
    }

    String path() {
        return DeviceName.path(id);
    }

    boolean exists() {
        return Files.exists(Path.of(path()));
    }

    /** Returns the cache mode with which its image was attached. */
    CacheMode cacheMode() throws IOException {
        return new RunDirectory(id).cacheMode();
    }

    /** Returns all zones in their current state. */
    List<ReportedZone> zones() throws IOException {
        List<ReportedZone> zones = new ArrayList<>();
        try (FileDescriptor device = open(FileFlags.O_RDONLY);
                Arena arena = Arena.ofConfined()) {
            long sector = 0;
            while (true) {
                MemorySegment report = BlkZoneIoctls.report(arena, sector, ZONES_PER_CALL);
                int result = Libc.ioctl(device.value(), BlkZoneIoctls.BLKREPORTZONE, report);
                LinuxException.check(result, "BLKREPORTZONE", path());
                int count = BlkZoneIoctls.reportedZones(report);
                MemorySegment entries = BlkZoneIoctls.zones(report);
                for (int i = 0; i < count; i++) {
                    zones.add(zone(zones.size(), entries, i));
                }
                if (count < ZONES_PER_CALL) {
                    return zones;
                }
                sector = zones.getLast().end() / DeviceGeometry.SECTOR_BYTES;
            }
        }
    }

    /**
     * Lets the kernel carry out an operation on zones.
     *
     * @param request BLKOPENZONE and the like
     * @return 0 or -errno
     */
    int operate(int request, long startBytes, long lengthBytes) throws IOException {
        try (FileDescriptor device = open(FileFlags.O_RDWR);
                Arena arena = Arena.ofConfined()) {
            MemorySegment range = BlkZoneIoctls.range(
                    arena, startBytes / DeviceGeometry.SECTOR_BYTES, lengthBytes / DeviceGeometry.SECTOR_BYTES);
            return Libc.ioctl(device.value(), request, range);
        }
    }

    private FileDescriptor open(int flags) throws IOException {
        try {
            return FileDescriptor.open(path(), flags);
        } catch (LinuxException e) {
            throw switch (e.errno()) {
                case Errno.ENOENT, Errno.ENXIO, Errno.ENODEV -> noDevice(id);
                case Errno.EACCES, Errno.EPERM ->
                    new CommandFailure(path() + ": no permission: run as root, or as a member of its group", e);
                default -> e;
            };
        }
    }

    static CommandFailure noDevice(int id) {
        return new CommandFailure("there is no device %d of ublk-zoned: see ublk-zoned list".formatted(id));
    }

    private static ReportedZone zone(int index, MemorySegment entries, int i) throws IOException {
        long writePointer = BlkZone.writePointerSector(entries, i);
        return new ReportedZone(
                index,
                BlkZone.startSector(entries, i) * DeviceGeometry.SECTOR_BYTES,
                BlkZone.lengthSectors(entries, i) * DeviceGeometry.SECTOR_BYTES,
                BlkZone.capacitySectors(entries, i) * DeviceGeometry.SECTOR_BYTES,
                writePointer < 0 ? ReportedZone.UNKNOWN : writePointer * DeviceGeometry.SECTOR_BYTES,
                condition(BlkZone.condition(entries, i)));
    }

    private static ZoneCondition condition(int code) throws IOException {
        return ZoneCondition.ofCode(code)
                .orElseThrow(() -> new IOException("the kernel reports a zone condition that is not known: " + code));
    }
}
