package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class WritePointerTableTest {

    @Test
    void entriesAreBigEndianAddressesWithAFlagForConventionalZones() throws IOException {
        SparseImage file = Images.image();
        long at = Images.pointers(file);
        assertEquals(1L << 63, file.getLong(at));
        assertEquals(Images.MIB | 1L << 63, file.getLong(at + 8));
        assertEquals(2 * Images.MIB, file.getLong(at + 16));
    }

    @Test
    void onlyChangedPagesAreWritten() throws IOException {
        SparseImage file = Images.create(
                FormatOptions.ofSize(4 * Images.GIB).zoneSize(Images.MIB).clusterSize(4096));
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        WritePointerTable pointers = image.writePointers();
        assertFalse(pointers.writeDirtyPages(file));
        pointers.set(5, 5 * Images.MIB + 512);
        pointers.set(7, 8 * Images.MIB - 512);
        pointers.set(4095, 4095 * Images.MIB + 4096);
        int writes = file.writes;
        assertTrue(pointers.writeDirtyPages(file));
        assertEquals(2, file.writes - writes);
        assertFalse(pointers.writeDirtyPages(file));
        WritePointerTable read = Qcow2Image.open(file, Access.READ_ONLY).writePointers();
        assertEquals(5 * Images.MIB + 512, read.get(5));
        assertEquals(8 * Images.MIB - 512, read.get(7));
        assertEquals(4095 * Images.MIB + 4096, read.get(4095));
        assertEquals(6 * Images.MIB, read.get(6));
    }

    @Test
    void failedWriteIsTriedAgain() throws IOException {
        SparseImage file = Images.image();
        WritePointerTable pointers = Qcow2Image.open(file, Access.READ_WRITE).writePointers();
        pointers.set(3, 3 * Images.MIB + 512);
        file.writesUntilFailure = 0;
        assertThrows(IOException.class, () -> pointers.writeDirtyPages(file));
        file.writesUntilFailure = -1;
        assertTrue(pointers.writeDirtyPages(file));
        assertEquals(
                3 * Images.MIB + 512,
                Qcow2Image.open(file, Access.READ_ONLY).writePointers().get(3));
    }

    @Test
    void conventionalZoneKeepsItsFlag() throws IOException {
        SparseImage file = Images.image();
        WritePointerTable pointers = Qcow2Image.open(file, Access.READ_WRITE).writePointers();
        pointers.set(1, Images.MIB);
        pointers.writeDirtyPages(file);
        assertEquals(
                Images.MIB,
                Qcow2Image.open(file, Access.READ_ONLY).writePointers().get(1));
    }

    /** Stores the table of an image of 16 zones of 1 MiB, 2 of them conventional, in another encoding. */
    private static SparseImage stored(ZonedLayout layout, boolean bigEndian, int flagBit) throws IOException {
        SparseImage file = Images.create(Images.small().layout(layout));
        long table = Images.pointers(file, layout);
        for (int zone = 0; zone < 16; zone++) {
            long entry = zone * Images.MIB | (zone < 2 ? 1L << flagBit : 0);
            file.putLong(table + 8L * zone, bigEndian ? entry : Long.reverseBytes(entry));
        }
        return file;
    }

    @ParameterizedTest
    @EnumSource
    void foreignByteOrderAndFlagAreDetectedAndKept(ZonedLayout layout) throws IOException {
        for (int flagBit : new int[] {59, 63}) {
            for (boolean bigEndian : new boolean[] {false, true}) {
                SparseImage file = stored(layout, bigEndian, flagBit);
                SparseImage before = file.copy();
                WritePointerTable pointers =
                        Qcow2Image.open(file, Access.READ_WRITE).writePointers();
                for (int zone = 0; zone < 16; zone++) {
                    assertEquals(zone * Images.MIB, pointers.get(zone));
                }
                pointers.set(1, Images.MIB);
                pointers.set(5, 5 * Images.MIB + 4096);
                pointers.writeDirtyPages(file);
                long entry = 5 * Images.MIB + 4096;
                before.putLong(Images.pointers(file, layout) + 8 * 5, bigEndian ? entry : Long.reverseBytes(entry));
                assertTrue(file.sameBytes(before));
            }
        }
    }

    @Test
    void oneBadEntryIsNamedInTheByteOrderOfTheOthers() throws IOException {
        SparseImage file = stored(ZonedLayout.V6, true, 59);
        file.putLong(Images.pointers(file, ZonedLayout.V6) + 8 * 7, 7 * Images.MIB - 512);
        Images.assertRefused(
                "the write pointer of zone 7 is 7339520, outside of the zone: run ublk-zoned check",
                file,
                Access.READ_WRITE);
    }

    /** Creates a device of one zone of 4 GiB, which may exist but which {@code create} does not make. */
    private static SparseImage singleZone(long entry) throws IOException {
        SparseImage file = Images.create(
                FormatOptions.ofSize(16 * Images.GIB).zoneSize(4 * Images.GIB).layout(ZonedLayout.V8));
        file.putLong(24, 4 * Images.GIB).putInt(Images.ZONED + 24, 1).putLong(Images.ZONED + 40, 8);
        return file.putLong(Images.pointers(file, ZonedLayout.V8), entry);
    }

    @Test
    void pointerValidInBothByteOrdersIsRefusedUnlessItIsTheSame() throws IOException {
        Images.assertRefused(
                "the write pointers are valid in both byte orders, and that of zone 0 is 4294967296 in one and 16777216 in the other: restore the image from a copy",
                singleZone(16 * Images.MIB),
                Access.READ_ONLY);
        assertEquals(
                0,
                Qcow2Image.open(singleZone(0), Access.READ_ONLY).writePointers().get(0));
        assertEquals(
                8192,
                Qcow2Image.open(singleZone(8192), Access.READ_ONLY)
                        .writePointers()
                        .get(0));
    }

    @Test
    void pointersCutTo32BitsAreRefusedAsSuch() throws IOException {
        for (ZonedLayout layout : new ZonedLayout[] {ZonedLayout.V4, ZonedLayout.V6}) {
            SparseImage file = Images.create(
                    FormatOptions.ofSize(16 * Images.GIB).zoneSize(Images.GIB).layout(layout));
            long table = Images.pointers(file, layout);
            for (int zone = 0; zone < 16; zone++) {
                file.putLong(table + 8L * zone, Long.reverseBytes(zone * Images.GIB & 0xffff_ffffL));
            }
            // Zone 4 was written afterwards, which made its write pointer valid.
            file.putLong(table + 8 * 4, Long.reverseBytes(4 * Images.GIB + 4096));
            Images.assertRefused(
                    "the write pointer of zone 5 is 1073741824, which is its start 5368709120 cut to 32 bits, as QEMU's patches did before revision 8: copy its data to an image made with ublk-zoned create",
                    file,
                    Access.READ_WRITE);
        }
    }

    @Test
    void fullZoneHasTheWritePointerThatReadersOfItsLayoutExpect() throws IOException {
        for (ZonedLayout layout : ZonedLayout.values()) {
            SparseImage file = Images.create(Images.small().layout(layout));
            WritePointerTable pointers =
                    Qcow2Image.open(file, Access.READ_WRITE).writePointers();
            pointers.set(3, 4 * Images.MIB);
            pointers.writeDirtyPages(file);
            boolean atCapacity = layout == ZonedLayout.BE48 || layout == ZonedLayout.BE44;
            assertEquals(
                    atCapacity ? 3 * Images.MIB + (768 << 10) : 4 * Images.MIB,
                    Qcow2Image.open(file, Access.READ_ONLY).writePointers().get(3));
        }
    }

    @Test
    void finishedAndFilledZonesMayPointAnywherePastTheirCapacity() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + (768 << 10), 4 * Images.MIB);
        WritePointerTable pointers = Qcow2Image.open(file, Access.READ_ONLY).writePointers();
        assertEquals(2 * Images.MIB + (768 << 10), pointers.get(2));
        assertEquals(4 * Images.MIB, pointers.get(3));
        assertFalse(pointers.isPastData(3 * Images.MIB + (768 << 10) - 1));
        assertTrue(pointers.isPastData(3 * Images.MIB + (768 << 10)));
        assertFalse(pointers.isPastData(0));
    }
}
