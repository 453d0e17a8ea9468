package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ImageRepairTest {

    private static final int CLUSTER = 4096;

    private record Change(long offset, long before, long after) {}

    private final List<Change> changes = new ArrayList<>();

    /**
     * Creates an image in which ten clusters of zone 2 are in use, all below its write pointer, and five of
     * conventional zone 0.
     */
    private static SparseImage used() throws IOException {
        SparseImage file = Images.image(2 * Images.MIB + 10 * CLUSTER);
        Images.map(file, 512, 10);
        Images.map(file, 20, 5);
        return file;
    }

    private static long host(SparseImage file, long guestCluster) throws IOException {
        return (file.getLong(Images.l2Entry(file, guestCluster)) & Long.MAX_VALUE) / CLUSTER;
    }

    private RepairResult repair(SparseImage file, RepairExtent extent) throws IOException {
        changes.clear();
        return ImageRepair.repair(
                file,
                extent,
                (offset, before, after) -> changes.add(new Change(offset, before, after)),
                CheckProgress.UNSEEN);
    }

    private static void assertClean(CheckResult result) {
        assertEquals(
                CheckResult.Status.CLEAN, result.status(), result.findings().toString());
    }

    /** Checks that the log restores the file. */
    private void assertUndoable(SparseImage repaired, SparseImage before) throws IOException {
        SparseImage undone = repaired.copy();
        for (Change change : changes.reversed()) {
            assertEquals(change.after, undone.getLong(change.offset));
            undone.putLong(change.offset, change.before);
        }
        assertTrue(undone.sameBytes(before), "the log does not lead back");
    }

    /** Adds five unreferenced clusters with data at the end of the file. */
    private static long leak(SparseImage file) throws IOException {
        long first = file.sizeBytes() / CLUSTER;
        for (int i = 0; i < 5; i++) {
            file.putByte(Images.refcount(file, first + i) + 1, 1).putLong((first + i) * CLUSTER, -1);
        }
        file.setSize((first + 5) * CLUSTER);
        return first;
    }

    @Test
    void imageWithoutDamageIsNotWrittenTo() throws IOException {
        SparseImage file = used();
        SparseImage before = file.copy();
        RepairResult result = repair(file, RepairExtent.ALL);
        assertClean(result.after());
        assertTrue(file.sameBytes(before));
        assertEquals(List.of(), changes);
    }

    @Test
    void leakedClustersAreFreedAndBecomeHoles() throws IOException {
        SparseImage file = used();
        file.putByte(Images.refcount(file, host(file, 513)) + 1, 7);
        long first = leak(file);
        RepairResult result = repair(file, RepairExtent.LEAKS);
        assertClean(result.after());
        assertEquals(6, result.leaksFixed());
        assertEquals(0, result.corruptionsFixed());
        assertEquals(0x20, file.getLong(Images.INCOMPATIBLE));
        assertArrayEquals(new byte[5 * CLUSTER], file.bytes(first * CLUSTER, 5 * CLUSTER));
    }

    @Test
    void everyChangeIsLoggedSoThatItCanBeUndone() throws IOException {
        SparseImage file = used();
        file.putByte(Images.refcount(file, host(file, 513)) + 1, 7)
                .putByte(Images.refcount(file, host(file, 514)) + 1, 0);
        Images.setPointer(file, 2, 2 * Images.MIB + 6 * CLUSTER + 5);
        Images.setPointer(file, 7, 3);
        SparseImage before = file.copy();
        repair(file, RepairExtent.ALL);
        assertUndoable(file, before);
        assertEquals(new Change(Images.INCOMPATIBLE, 0x20, 0x22), changes.getFirst());
        assertEquals(new Change(Images.INCOMPATIBLE, 0x22, 0x20), changes.getLast());
    }

    @Test
    void spacePastAWritePointerIsReleased() throws IOException {
        SparseImage file = used();
        Images.setPointer(file, 2, 2 * Images.MIB + 8 * CLUSTER - 512);
        long lost = host(file, 520);
        file.putLong(lost * CLUSTER, 5);
        RepairResult result = repair(file, RepairExtent.LEAKS);
        assertClean(result.after());
        assertEquals(2, result.leaksFixed());
        assertEquals(0, file.getLong(Images.l2Entry(file, 520)));
        assertEquals(0, file.getLong(lost * CLUSTER));
        assertEquals(13, result.after().allocatedClusters());
    }

    @Test
    void leaksAreRepairedNextToOtherDamage() throws IOException {
        SparseImage file = used();
        leak(file);
        file.putByte(Images.refcount(file, host(file, 514)) + 1, 0);
        RepairResult result = repair(file, RepairExtent.LEAKS);
        assertEquals(5, result.leaksFixed());
        assertEquals(1, result.after().corruptions());
        assertEquals(0x20, file.getLong(Images.INCOMPATIBLE), "an image stays usable that was");
        assertClean(repair(file, RepairExtent.ALL).after());
    }

    @Test
    void refcountsAndOwnerFlagsAreCorrected() throws IOException {
        SparseImage file = used();
        file.putByte(Images.refcount(file, host(file, 514)) + 1, 0).putByte(Images.refcount(file, 1) + 1, 0);
        long entry = Images.l2Entry(file, 515);
        file.putLong(entry, file.getLong(entry) & Long.MAX_VALUE);
        long l1 = file.getLong(Images.L1_OFFSET) + 16;
        file.putLong(l1, file.getLong(l1) & Long.MAX_VALUE);
        RepairResult result = repair(file, RepairExtent.ALL);
        assertClean(result.after());
        assertEquals(4, result.corruptionsFixed());
        Qcow2Image.open(file, Access.READ_WRITE);
    }

    @Test
    void mappingsThatMayHaveHeldDataAreLeftAlone() throws IOException {
        SparseImage file = used();
        long elsewhere = file.getLong(Images.l2Entry(file, 20));
        file.putLong(Images.l2Entry(file, 512), file.sizeBytes() | 1L << 63);
        file.putLong(Images.l2Entry(file, 513), elsewhere);
        SparseImage before = file.copy();
        RepairResult result = repair(file, RepairExtent.ALL);
        assertEquals(2, result.after().corruptions());
        assertEquals(file.sizeBytes() | 1L << 63, file.getLong(Images.l2Entry(file, 512)));
        assertEquals(elsewhere, file.getLong(Images.l2Entry(file, 513)));
        // The two clusters that the entries name no more were leaked.
        assertEquals(2, result.leaksFixed());
        assertUndoable(file, before);
    }

    @Test
    void nothingIsFreedWhileAReferenceIsUnreadable() throws IOException {
        SparseImage file = used();
        leak(file);
        file.putLong(Images.l2Entry(file, 512), 1L << 63 | 0x200);
        file.putByte(Images.refcount(file, host(file, 514)) + 1, 0);
        RepairResult result = repair(file, RepairExtent.ALL);
        assertEquals(0, result.leaksFixed());
        assertEquals(1, result.corruptionsFixed());
        assertEquals(1, result.after().corruptions());
        SparseImage once = file.copy();
        repair(file, RepairExtent.ALL);
        assertTrue(file.sameBytes(once));
    }

    @Test
    void invalidMappingsPastDataAreDropped() throws IOException {
        SparseImage file = used();
        file.putLong(Images.l2Entry(file, 600), 1L << 63 | 0x200);
        RepairResult result = repair(file, RepairExtent.ALL);
        assertClean(result.after());
        assertEquals(0, file.getLong(Images.l2Entry(file, 600)));
        file.putLong(Images.l2Entry(file, 601), 1L << 62 | 0x5000);
        assertEquals(1, repair(file, RepairExtent.ALL).after().corruptions());
        assertEquals(1L << 62 | 0x5000, file.getLong(Images.l2Entry(file, 601)));
    }

    @Test
    void writePointersAreRepairedFromTheMapping() throws IOException {
        SparseImage file = used();
        Images.setPointer(file, 1, Images.MIB); // conventional, without its flag
        Images.setPointer(file, 2, 2 * Images.MIB + 9 * CLUSTER + 777);
        Images.setPointer(file, 5, 5 * Images.MIB | Images.CONVENTIONAL);
        Images.setPointer(file, 6, -1);
        RepairResult result = repair(file, RepairExtent.ALL);
        assertClean(result.after());
        assertEquals(4, result.corruptionsFixed());
        WritePointerTable pointers = Qcow2Image.open(file, Access.READ_WRITE).writePointers();
        assertEquals(2 * Images.MIB + 9 * CLUSTER + 512, pointers.get(2));
        assertEquals(5 * Images.MIB, pointers.get(5));
        assertEquals(6 * Images.MIB, pointers.get(6));
    }

    @Test
    void unknownWritePointerIsLeftAlone() throws IOException {
        for (long pointer : new long[] {
            3 * Images.MIB + 512, // past the zone
            2 * Images.MIB + 8 * CLUSTER + 777, // ends before its clusters do
            2 * Images.MIB + 10 * CLUSTER + 777, // has no cluster for its last bytes
            2 * Images.MIB | Images.CONVENTIONAL,
            -1
        }) {
            SparseImage file = used();
            Images.setPointer(file, 2, pointer);
            SparseImage before = file.copy();
            RepairResult result = repair(file, RepairExtent.ALL);
            assertEquals(1, result.after().corruptions());
            assertTrue(file.sameBytes(before), "write pointer " + pointer);
        }
    }

    @Test
    void corruptMarkIsClearedWithTheCorruption() throws IOException {
        SparseImage file = used();
        file.putLong(Images.INCOMPATIBLE, 0x22);
        RepairResult result = repair(file, RepairExtent.LEAKS);
        assertClean(result.after());
        assertEquals(1, result.corruptionsFixed());
        assertEquals(0x20, file.getLong(Images.INCOMPATIBLE));

        file.putLong(Images.INCOMPATIBLE, 0x22).putLong(Images.l2Entry(file, 512), 3);
        assertEquals(1, repair(file, RepairExtent.ALL).after().corruptions());
        assertEquals(0x22, file.getLong(Images.INCOMPATIBLE));
    }

    @Test
    void unclosedImageStaysUnclosedAndLosesWhatRecoveryWouldDrop() throws IOException {
        SparseImage file = used();
        Images.setPointer(file, 2, 2 * Images.MIB + 8 * CLUSTER);
        file.putByte(Images.refcount(file, host(file, 514)) + 1, 0).putLong(Images.INCOMPATIBLE, 0x21);
        SparseImage recovered = file.copy();
        Qcow2Image.open(recovered, Access.READ_WRITE).markClosed();
        RepairResult result = repair(file, RepairExtent.LEAKS);
        assertClean(result.after());
        assertEquals(0x21, file.getLong(Images.INCOMPATIBLE));
        Qcow2Image.open(file, Access.READ_WRITE).markClosed();
        assertEquals(
                ImageChecker.check(recovered),
                ImageChecker.check(file),
                "a repair and then a recovery, and a recovery alone");
    }

    @Test
    void repairInterruptedAnywhereEndsTheSame() throws IOException {
        SparseImage damaged = used();
        Images.setPointer(damaged, 2, 2 * Images.MIB + 8 * CLUSTER);
        Images.setPointer(damaged, 5, 5);
        leak(damaged);
        damaged.putByte(Images.refcount(damaged, host(damaged, 514)) + 1, 0);
        SparseImage complete = damaged.copy();
        assertClean(repair(complete, RepairExtent.ALL).after());
        for (int writes = 0; ; writes++) {
            SparseImage file = damaged.copy();
            file.writesUntilFailure = writes;
            boolean done = true;
            try {
                repair(file, RepairExtent.ALL);
            } catch (IOException e) {
                done = false;
            }
            file.writesUntilFailure = -1;
            assertFalse(!done && writes > 0 && (file.getLong(Images.INCOMPATIBLE) & 2) == 0, "attachable half-way");
            assertClean(repair(file, RepairExtent.ALL).after());
            assertTrue(file.sameBytes(complete), "interrupted before write " + writes);
            if (done) {
                assertTrue(writes >= 5, "the repair wrote %d times only".formatted(writes));
                return;
            }
        }
    }
}
