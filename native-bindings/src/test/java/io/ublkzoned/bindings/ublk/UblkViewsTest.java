package io.ublkzoned.bindings.ublk;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Values at the offsets that the kernel's documentation gives; {@code AbiTest} covers the layouts themselves. */
class UblkViewsTest {
    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void closeArena() {
        arena.close();
    }

    @Test
    void commandsAreNarrowedWithTheirSign() {
        assertEquals(0xc0207504, UblkCommands.ADD_DEV);
        assertEquals(0x80207513, UblkCommands.GET_FEATURES);
        assertEquals(0xc0107520, UblkCommands.IO_FETCH_REQ);
        assertEquals(0xc0101282, BlkZoneIoctls.BLKREPORTZONE);
        assertEquals(0x80081272, BlkZoneIoctls.BLKGETSIZE64);
    }

    @Test
    void userCopyOffsetsDoNotOverlap() {
        assertEquals(0x80000000L, UblkCommands.userCopyOffset(0, 0));
        assertEquals(0x80000000L + (5L << 41) + (7L << 25), UblkCommands.userCopyOffset(5, 7));
        assertEquals(
                0x80000000L + (4095L << 41) + (4095L << 25),
                UblkCommands.userCopyOffset(UblkCommands.QUEUES_MAX - 1, UblkCommands.QUEUE_DEPTH_MAX - 1));
    }

    @Test
    void featuresAreNamedByBit() {
        long features = UblkFeatures.ZONED | UblkFeatures.USER_COPY | UblkFeatures.IO_DESC_SIZE | 1L << 40;
        assertEquals(List.of("USER_COPY", "ZONED", "IO_DESC_SIZE", "bit 40"), UblkFeatures.names(features));
    }

    @Test
    void descriptorsAreReadByTagAndStride() {
        for (int stride : new int[] {24, 64}) {
            MemorySegment entries = arena.allocate(4L * stride, 8);
            entries.set(JAVA_INT, 3L * stride, 13 | UblkOperations.FLAG_FUA);
            entries.set(JAVA_INT, 3L * stride + 4, 8);
            entries.set(JAVA_LONG, 3L * stride + 8, 1L << 40);
            entries.set(JAVA_LONG, 3L * stride + 16, 77);
            UblkIoDescriptors descriptors = new UblkIoDescriptors(entries, stride);
            assertEquals(UblkOperations.ZONE_APPEND, descriptors.operation(3));
            assertEquals(UblkOperations.FLAG_FUA, descriptors.flags(3));
            assertEquals(8, descriptors.sectors(3));
            assertEquals(1L << 40, descriptors.startSector(3));
            assertEquals(77, descriptors.address(3));
            assertEquals(0, descriptors.operation(2));
        }
    }

    @Test
    void descriptorsAreMappedInWholePages() {
        assertEquals(4096, UblkIoDescriptors.mappingBytes(1, 24));
        assertEquals(4096, UblkIoDescriptors.mappingBytes(170, 24));
        assertEquals(8192, UblkIoDescriptors.mappingBytes(171, 24));
        assertEquals(2 * 4096 * 24, UblkIoDescriptors.mappingOffset(2, 24));
    }

    @Test
    void deviceInfoKeepsSetValues() {
        UblkDeviceInfo info = new UblkDeviceInfo(arena)
                .queues(4096)
                .queueDepth(128)
                .bufferBytesMax(1 << 20)
                .deviceId(UblkCommands.ANY_DEVICE)
                .features(UblkFeatures.ZONED)
                .serverFlags(9);
        MemorySegment segment = info.segment();
        assertEquals(64, segment.byteSize());
        assertEquals(4096, segment.get(JAVA_SHORT, 0));
        assertEquals(128, segment.get(JAVA_SHORT, 2));
        assertEquals(1 << 20, segment.get(JAVA_INT, 8));
        assertEquals(-1, segment.get(JAVA_INT, 12));
        assertEquals(1L << 8, segment.get(JAVA_LONG, 24));
        assertEquals(9, segment.get(JAVA_LONG, 32));
        segment.set(JAVA_SHORT, 4, (short) UblkDeviceInfo.STATE_QUIESCED);
        segment.set(JAVA_INT, 16, 4711);
        assertEquals(UblkDeviceInfo.STATE_QUIESCED, info.state());
        assertEquals(4711, info.serverPid());
        assertEquals(4096, info.queues());
    }

    @Test
    void parametersSetTheirTypes() {
        UblkParameters parameters = new UblkParameters(arena)
                .basic(UblkParameters.ATTR_VOLATILE_CACHE | UblkParameters.ATTR_FUA, 12, 12, 2048, 1 << 17, 1L << 33)
                .zoned(14, 28, 2048);
        MemorySegment segment = parameters.segment();
        assertEquals(segment.byteSize(), segment.get(JAVA_INT, 0));
        assertEquals(UblkParameters.TYPE_BASIC | UblkParameters.TYPE_ZONED, segment.get(JAVA_INT, 4));
        assertEquals(12, segment.get(JAVA_INT, 8));
        assertEquals(12, segment.get(JAVA_BYTE, 12));
        assertEquals(2048, segment.get(JAVA_INT, 16));
        assertEquals(1 << 17, segment.get(JAVA_INT, 20));
        assertEquals(1L << 33, segment.get(JAVA_LONG, 24));
        assertEquals(14, segment.get(JAVA_INT, 76));
        assertEquals(28, segment.get(JAVA_INT, 80));
        assertEquals(2048, segment.get(JAVA_INT, 84));
    }

    @Test
    void writtenZoneHasTheLayoutOfTheKernel() {
        MemorySegment zones = arena.allocate(2L * BlkZone.BYTES, 8).fill((byte) 0xee);
        BlkZone.set(zones, 1, 1000, 512, 1004, BlkZone.TYPE_SEQWRITE_REQ, BlkZone.COND_CLOSED, 500);
        assertEquals(1000, zones.get(JAVA_LONG, 64));
        assertEquals(512, zones.get(JAVA_LONG, 72));
        assertEquals(1004, zones.get(JAVA_LONG, 80));
        assertEquals(2, zones.get(JAVA_BYTE, 88));
        assertEquals(4, zones.get(JAVA_BYTE, 89));
        assertEquals(0, zones.get(JAVA_SHORT, 90));
        assertEquals(500, zones.get(JAVA_LONG, 96));
        assertEquals(0, zones.get(JAVA_LONG, 120));
        assertEquals((byte) 0xee, zones.get(JAVA_BYTE, 63));

        assertEquals(1000, BlkZone.startSector(zones, 1));
        assertEquals(512, BlkZone.lengthSectors(zones, 1));
        assertEquals(1004, BlkZone.writePointerSector(zones, 1));
        assertEquals(BlkZone.TYPE_SEQWRITE_REQ, BlkZone.type(zones, 1));
        assertEquals(BlkZone.COND_CLOSED, BlkZone.condition(zones, 1));
        assertEquals(500, BlkZone.capacitySectors(zones, 1));
    }

    @Test
    void zoneReportHasRoomForItsZones() {
        MemorySegment report = BlkZoneIoctls.report(arena, 4096, 3);
        assertEquals(16 + 3 * 64, report.byteSize());
        assertEquals(4096, report.get(JAVA_LONG, 0));
        assertEquals(3, BlkZoneIoctls.reportedZones(report));
        assertEquals(3 * 64, BlkZoneIoctls.zones(report).byteSize());
        MemorySegment range = BlkZoneIoctls.range(arena, 8, 16);
        assertEquals(8, range.get(JAVA_LONG, 0));
        assertEquals(16, range.get(JAVA_LONG, 8));
    }
}
