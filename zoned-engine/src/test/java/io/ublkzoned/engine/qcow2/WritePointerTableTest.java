package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import org.junit.jupiter.api.Test;

class WritePointerTableTest {

    @Test
    void entriesAreLittleEndianAddressesWithAFlagForConventionalZones() throws IOException {
        SparseImage file = Images.image();
        long at = Images.pointers(file);
        assertEquals(Long.reverseBytes(1L << 59), file.getLong(at));
        assertEquals(Long.reverseBytes(Images.MIB | 1L << 59), file.getLong(at + 8));
        assertEquals(Long.reverseBytes(2 * Images.MIB), file.getLong(at + 16));
    }

    @Test
    void onlyChangedPagesAreWritten() throws IOException {
        SparseImage file = Images.create(
                FormatOptions.ofSize(4 * Images.GIB).zoneSize(Images.MIB).clusterSize(4096));
        Qcow2Image image = Qcow2Image.open(file, Access.READ_WRITE);
        WritePointerTable pointers = image.writePointers();
        assertFalse(pointers.writeDirtyPages(file));
        pointers.set(5, 5 * Images.MIB + 512);
        pointers.set(7, 8 * Images.MIB);
        pointers.set(4095, 4095 * Images.MIB + 4096);
        int writes = file.writes;
        assertTrue(pointers.writeDirtyPages(file));
        assertEquals(2, file.writes - writes);
        assertFalse(pointers.writeDirtyPages(file));
        WritePointerTable read = Qcow2Image.open(file, Access.READ_ONLY).writePointers();
        assertEquals(5 * Images.MIB + 512, read.get(5));
        assertEquals(8 * Images.MIB, read.get(7));
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
