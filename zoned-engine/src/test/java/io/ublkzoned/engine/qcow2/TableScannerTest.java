package io.ublkzoned.engine.qcow2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TableScannerTest {

    private static final int CLUSTER = 4096;

    @Test
    void everyTableIsVisitedInOrderAndHolesAreNotRead() throws IOException {
        SparseImage file = new SparseImage();
        file.setSize(1L << 40);
        long[] offsets = {0, 8 * CLUSTER, 9 * CLUSTER, 1L << 30, 2 * CLUSTER, 3 * CLUSTER, (1L << 40) - CLUSTER};
        file.putLong(9 * CLUSTER + 8, 5).putLong(3 * CLUSTER, 6);
        List<String> visited = new ArrayList<>();
        TableScanner.scan(
                file,
                offsets,
                offsets.length,
                CLUSTER,
                (index, table, allZero) -> visited.add(index + " " + allZero + " " + table.get(BigEndian.LONG, 0) + " "
                        + table.get(BigEndian.LONG, 8)));
        assertEquals(
                List.of(
                        "0 true 0 0",
                        "1 true 0 0",
                        "2 false 0 5",
                        "3 true 0 0",
                        "4 true 0 0",
                        "5 false 6 0",
                        "6 true 0 0"),
                visited);
        assertEquals(2 * CLUSTER, file.bytesRead);
    }

    @Test
    void checkOfALargeEmptyImageReadsOnlyAllocatedData() throws IOException {
        SparseImage file = Images.create(FormatOptions.ofSize(1L << 40).zoneSize(256 << 20));
        assertEquals(CheckResult.Status.CLEAN, ImageChecker.check(file).status());
        assertTrue(file.bytesRead < 12 << 20, file.bytesRead + " bytes read");
    }
}
