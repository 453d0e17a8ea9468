package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import io.ublkzoned.engine.qcow2.StockTools;
import io.ublkzoned.engine.qcow2.ZonedLayout;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Samples of the images that simulations leave, given to the stock tools without the feature bit that the tools do not
 * know.
 */
@Tag("native")
final class StockToolsTest {

    private static final int SEEDS = 20;
    private static final int INCOMPATIBLE = 72;
    private static final long ZONED = 1L << 5;

    @TempDir
    Path directory;

    @BeforeAll
    static void stockToolsAreThere() {
        StockTools.require();
    }

    @Test
    void stockToolsMissOnlyTheWritePointerTable() throws IOException {
        for (long seed = 1; seed <= SEEDS; seed++) {
            Workload workload = Workload.draw(seed);
            Simulation simulation = new Simulation(workload, null, new Trace(false));
            simulation.run();
            SimulatedDisk disk = simulation.closedImage();
            ByteBuffer bytes = ByteBuffer.wrap(disk.peek(0, Math.toIntExact(disk.sizeBytes())));
            assertEquals(workload.options().layout() == ZonedLayout.V4 ? 0 : ZONED, bytes.getLong(INCOMPATIBLE));
            bytes.putLong(INCOMPATIBLE, 0);
            Path file = Files.write(directory.resolve("stock.qcow2"), bytes.array());
            StockTools.Outcome check = StockTools.run("qemu-img", "check", file.toString());
            String output = "seed " + seed + ": " + check.output();
            assertEquals(1, check.leaks().size(), output);
            assertFalse(check.output().contains("ERROR"), output);
            assertEquals(3, check.exit(), output);
        }
    }
}
