package io.ublkzoned.backend.client;

import io.ublkzoned.backend.client.ZonedClient.Zone;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.LinuxException;
import io.ublkzoned.bindings.ublk.BlkZone;
import io.ublkzoned.bindings.ublk.BlkZoneIoctls;
import io.ublkzoned.bindings.uring.IoUring;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A test of the kernel's promises to users of a zoned block device. It runs in the guest as root on a device of this
 * program, and resets all its sequential zones. It prints one line per case. The exit status is 1 if a case fails.
 */
public final class ContractMain {

    private static final int EIO = -Errno.EIO;

    private final ZonedClient device;
    private final int block;
    private final List<Zone> sequential = new ArrayList<>();
    private final List<Zone> all;

    private ContractMain(ZonedClient device, int block) throws LinuxException {
        this.device = device;
        this.block = block;
        all = Arrays.asList(device.report(0, device.zoneCount()));
        all.stream().filter(Zone::isSequential).forEach(sequential::add);
    }

    /**
     * Runs all cases.
     *
     * @param args the block device, and the size of its blocks
     */
    public static void main(String[] args) throws IOException {
        int failures = 0;
        try (ZonedClient device = new ZonedClient(args[0])) {
            ContractMain cases = new ContractMain(device, Integer.parseInt(args[1]));
            failures += run("sizes agree", cases::sizesAgree);
            failures += run("reports begin anywhere and end with the device", cases::reports);
            failures += run("reports from the kernel's cache", cases::cachedReports);
            failures += run("operations take whole zones of the device", cases::ranges);
            failures += run("each operation in each condition", cases::operationsInConditions);
            failures += run("writes off the write pointer", cases::writesOffTheWritePointer);
            failures += run("reads while their zone is reset", cases::readsDuringResets);
            failures += run("writers in many zones at once", cases::writersInManyZones);
        }
        System.exit(failures == 0 ? 0 : 1);
    }

    private interface Case {
        void run() throws IOException;
    }

    private static int run(String name, Case test) {
        try {
            test.run();
            System.out.println("ok " + name);
            return 0;
        } catch (UnsupportedOperationException e) {
            System.out.println("not run " + name + ": " + e.getMessage());
            return 0;
        } catch (IOException | RuntimeException | AssertionError e) {
            System.out.println("FAILED " + name + ": " + e);
            return 1;
        }
    }

    private static void expect(String what, Object actual, Object expected) {
        if (!actual.equals(expected)) {
            throw new AssertionError(what + " is " + actual + ", and should be " + expected);
        }
    }

    private void sizesAgree() throws LinuxException {
        expect("zones x size", device.zoneCount() * device.zoneSize(), device.size());
        expect("the block size", device.blockSize(), block);
        for (int i = 0; i < all.size(); i++) {
            expect("the start of zone " + i, all.get(i).start(), i * device.zoneSize());
            expect("the length of zone " + i, all.get(i).length(), device.zoneSize());
        }
    }

    private void reports() throws LinuxException {
        int count = all.size();
        expect("the number of zones", count, device.zoneCount());
        Zone middle = all.get(count / 2);
        expect("one zone", Arrays.asList(device.report(middle.start(), 1)), List.of(middle));
        expect("one zone from within it", Arrays.asList(device.report(middle.start() + block, 1)), List.of(middle));
        expect("zones to the end", device.report(middle.start(), count).length, count - count / 2);
        expect("the last zone", device.report(device.size() - block, count).length, 1);
        expect("zones past the end", device.report(device.size(), count).length, 0);
    }

    private void cachedReports() throws LinuxException {
        int[] conditions = {EMPTY, IMPLICIT, EXPLICIT, CLOSED, FULL};
        for (int i = 0; i < conditions.length; i++) {
            bring(sequential.get(i), conditions[i]);
        }
        Zone[] cached = device.cachedReport();
        if (cached == null) {
            throw new UnsupportedOperationException("this kernel has none");
        }
        Zone[] reported = device.report(0, all.size());
        expect("the number of zones", cached.length, reported.length);
        for (int i = 0; i < cached.length; i++) {
            Zone zone = reported[i];
            boolean active = List.of(IMPLICIT, EXPLICIT, CLOSED).contains(zone.condition());
            expect("the cached start of zone " + i, cached[i].start(), zone.start());
            expect("the cached capacity of zone " + i, cached[i].capacity(), zone.capacity());
            expect(
                    "the cached condition of zone " + i,
                    cached[i].condition(),
                    active ? BlkZone.COND_ACTIVE : zone.condition());
            if (active || zone.condition() == EMPTY) {
                expect("the cached write pointer of zone " + i, cached[i].writePointer(), zone.writePointer());
            }
        }
        for (int i = 0; i < conditions.length; i++) {
            operate(BlkZoneIoctls.BLKRESETZONE, sequential.get(i));
        }
    }

    private void ranges() throws LinuxException {
        long size = device.zoneSize();
        long start = sequential.getFirst().start();
        expect("a reset of half a zone", device.operate(BlkZoneIoctls.BLKRESETZONE, start, size / 2), -Errno.EINVAL);
        expect(
                "a reset from within a zone",
                device.operate(BlkZoneIoctls.BLKRESETZONE, start + block, size),
                -Errno.EINVAL);
        expect("a reset past the end", device.operate(BlkZoneIoctls.BLKRESETZONE, device.size(), size), -Errno.EINVAL);
        expect(
                "an operation that ends past the end",
                device.operate(BlkZoneIoctls.BLKFINISHZONE, device.size() - size, 2 * size),
                -Errno.EINVAL);
        if (!all.getFirst().isSequential()) {
            expect("the reset of a conventional zone", device.operate(BlkZoneIoctls.BLKRESETZONE, 0, size), EIO);
        }
    }

    /** An operation: its request, and its result in each condition. */
    private record Operation(
            String name, int request, int empty, int implicitOpen, int explicitOpen, int closed, int full) {
        /** Returns the condition that follows, or -errno. */
        int of(int condition) {
            return switch (condition) {
                case BlkZone.COND_EMPTY -> empty;
                case BlkZone.COND_IMP_OPEN -> implicitOpen;
                case BlkZone.COND_EXP_OPEN -> explicitOpen;
                case BlkZone.COND_CLOSED -> closed;
                default -> full;
            };
        }
    }

    private static final int EMPTY = BlkZone.COND_EMPTY;
    private static final int IMPLICIT = BlkZone.COND_IMP_OPEN;
    private static final int EXPLICIT = BlkZone.COND_EXP_OPEN;
    private static final int CLOSED = BlkZone.COND_CLOSED;
    private static final int FULL = BlkZone.COND_FULL;

    private static final List<Operation> OPERATIONS = List.of(
            new Operation("open", BlkZoneIoctls.BLKOPENZONE, EXPLICIT, EXPLICIT, EXPLICIT, EXPLICIT, EIO),
            new Operation("close", BlkZoneIoctls.BLKCLOSEZONE, EIO, CLOSED, CLOSED, CLOSED, EIO),
            new Operation("finish", BlkZoneIoctls.BLKFINISHZONE, FULL, FULL, FULL, FULL, FULL),
            new Operation("reset", BlkZoneIoctls.BLKRESETZONE, EMPTY, EMPTY, EMPTY, EMPTY, EMPTY));

    private void operationsInConditions() throws LinuxException {
        Zone zone = sequential.getFirst();
        for (Operation operation : OPERATIONS) {
            for (int condition : new int[] {EMPTY, IMPLICIT, EXPLICIT, CLOSED, FULL}) {
                bring(zone, condition);
                String what = operation.name + " in condition " + condition;
                int expected = operation.of(condition);
                expect(what, operate(operation.request, zone), Math.min(expected, 0));
                Zone after = device.zone(zone.start());
                expect("the condition after " + what, after.condition(), expected < 0 ? condition : expected);
                long written = after.condition() == EMPTY || condition == EMPTY ? 0 : block;
                expect(
                        "the write pointer after " + what,
                        after.writePointer() - zone.start(),
                        after.condition() == FULL ? zone.length() : written);
            }
        }
        operate(BlkZoneIoctls.BLKRESETZONE, zone);
    }

    private int operate(int request, Zone zone) {
        return device.operate(request, zone.start(), zone.length());
    }

    private void bring(Zone zone, int condition) throws LinuxException {
        operate(BlkZoneIoctls.BLKRESETZONE, zone);
        if (condition != EMPTY) {
            expect("a write", device.write(device.buffer(block), zone.start()), (long) block);
        }
        switch (condition) {
            case EXPLICIT -> operate(BlkZoneIoctls.BLKOPENZONE, zone);
            case CLOSED -> operate(BlkZoneIoctls.BLKCLOSEZONE, zone);
            case FULL -> operate(BlkZoneIoctls.BLKFINISHZONE, zone);
            default -> {}
        }
        expect("the condition", device.zone(zone.start()).condition(), condition);
    }

    private void writesOffTheWritePointer() throws LinuxException {
        Zone zone = sequential.get(1);
        operate(BlkZoneIoctls.BLKRESETZONE, zone);
        MemorySegment one = device.buffer(block);
        long end = zone.start() + zone.capacity();
        expectRefused("into an empty zone past its start", one, zone.start() + block, zone.start());
        expect("a write at the start", device.write(one, zone.start()), (long) block);
        expectRefused("past the write pointer", one, zone.start() + 2L * block, zone.start() + block);
        expectRefused("below the write pointer", one, zone.start(), zone.start() + block);
        MemorySegment rest = device.buffer((int) zone.capacity() - 2 * block);
        expect("the rest", writeAll(rest, zone.start() + block), rest.byteSize());
        if (zone.capacity() < zone.length()) {
            expectRefused("across the capacity", device.buffer(2 * block), end - block, end - block);
        }
        expect("the last block", device.write(one, end - block), (long) block);
        expect("the condition", device.zone(zone.start()).condition(), FULL);
        expectRefused("into a full zone", one, zone.start(), zone.start() + zone.length());
        operate(BlkZoneIoctls.BLKRESETZONE, zone);
    }

    /** After a failed write the kernel fails all other writes to that zone until it has read the write pointer. */
    private void expectRefused(String where, MemorySegment buffer, long offset, long writePointer)
            throws LinuxException {
        long result = device.write(buffer, offset);
        if (result != EIO && result != -Errno.ENOSPC) {
            throw new AssertionError("a write " + where + " is " + result + ", and should fail");
        }
        expect("the write pointer after a write " + where, device.zone(offset).writePointer(), writePointer);
    }

    private long writeAll(MemorySegment buffer, long offset) {
        long written = 0;
        while (written < buffer.byteSize()) {
            long result = device.write(buffer.asSlice(written), offset + written);
            if (result <= 0) {
                return result;
            }
            written += result;
        }
        return written;
    }

    private static final int READS = 64;

    /** A read returns the data from before the reset or zeros, but no mix of both. */
    private void readsDuringResets() throws IOException {
        Zone zone = sequential.get(2);
        MemorySegment data = device.buffer(WRITE_BYTES);
        try (IoUring ring = IoUring.create(READS, 0)) {
            for (int round = 0; round < READS; round++) {
                operate(BlkZoneIoctls.BLKRESETZONE, zone);
                ZonedClient.stamp(data, zone.start(), round);
                expect("a write", device.write(data, zone.start()), (long) WRITE_BYTES);
                MemorySegment[] found = new MemorySegment[4];
                for (int i = 0; i < found.length; i++) {
                    found[i] = device.buffer(WRITE_BYTES);
                    device.read(ring, found[i], zone.start(), i);
                }
                ring.submit();
                expect("a reset", operate(BlkZoneIoctls.BLKRESETZONE, zone), 0);
                int left = found.length;
                while (left > 0) {
                    ring.submitAndWait(1);
                    left -= ring.completions()
                            .drain(
                                    (read, result, flags) -> {
                                        expect("a read", result, WRITE_BYTES);
                                        MemorySegment bytes = found[(int) read];
                                        MemorySegment expected = bytes.get(ValueLayout.JAVA_LONG, 0) == 0
                                                ? MemorySegment.ofArray(new byte[WRITE_BYTES])
                                                : data;
                                        expect("the first byte that differs", bytes.mismatch(expected), -1L);
                                    },
                                    found.length);
                }
            }
        }
    }

    private static final int WRITERS = 8;
    private static final int WRITE_BYTES = 16 << 10;
    private static final int WRITES = 64;

    /** Each zone gets its next write when its last one is done. All writes use one ring. */
    private void writersInManyZones() throws IOException {
        int writers = Math.min(WRITERS, sequential.size());
        MemorySegment[] buffers = new MemorySegment[writers];
        int[] done = new int[writers];
        try (IoUring ring = IoUring.create(2 * writers, 0)) {
            for (int i = 0; i < writers; i++) {
                operate(BlkZoneIoctls.BLKRESETZONE, sequential.get(i));
                buffers[i] = device.buffer(WRITE_BYTES);
                next(ring, buffers, i, 0);
            }
            while (Arrays.stream(done).anyMatch(writes -> writes < WRITES)) {
                ring.submitAndWait(1);
                ring.completions()
                        .drain(
                                (writer, result, flags) -> {
                                    expect("a write", result, WRITE_BYTES);
                                    if (++done[(int) writer] < WRITES) {
                                        next(ring, buffers, (int) writer, done[(int) writer]);
                                    }
                                },
                                writers);
            }
        }
        MemorySegment expected = device.buffer(WRITE_BYTES);
        for (int i = 0; i < writers; i++) {
            Zone zone = device.zone(sequential.get(i).start());
            expect("the write pointer", zone.writePointer() - zone.start(), (long) WRITES * WRITE_BYTES);
            for (int write = 0; write < WRITES; write++) {
                long offset = zone.start() + (long) write * WRITE_BYTES;
                ZonedClient.stamp(expected, offset, i);
                expect("a read", device.read(buffers[i], offset), (long) WRITE_BYTES);
                expect("the first byte that differs at " + offset, buffers[i].mismatch(expected), -1L);
            }
        }
    }

    private void next(IoUring ring, MemorySegment[] buffers, int writer, int write) {
        long offset = sequential.get(writer).start() + (long) write * WRITE_BYTES;
        ZonedClient.stamp(buffers[writer], offset, writer);
        device.write(ring, buffers[writer], offset, writer);
    }
}
