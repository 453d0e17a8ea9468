package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.Access;
import io.ublkzoned.engine.qcow2.CheckProgress;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.ImageRepair;
import io.ublkzoned.engine.qcow2.LayoutConverter;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.RepairExtent;
import io.ublkzoned.engine.qcow2.RepairResult;
import io.ublkzoned.engine.qcow2.ZonedLayout;
import io.ublkzoned.engine.sim.IoCall;
import io.ublkzoned.engine.sim.SimulatedDisk;
import io.ublkzoned.engine.sim.SimulatedDisk.Call;
import io.ublkzoned.engine.sim.World;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;
import io.ublkzoned.engine.zone.ZoneTable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A fuzzer that does everything with a hostile image that can be done with an image. The image is refused or used, a
 * refused one is not written to, and a repair changes nothing that was readable. It is the entry point of Jazzer, which
 * {@code scripts/fuzz} runs. Its findings are in {@code src/test/fuzz}, which {@link HostileImageFuzzerTest} runs.
 */
public final class HostileImageFuzzer {

    private static final int BLOCK = 4096;
    private static final int ZONES_SEEN = 6;
    private static final long SEEN_BYTES = 256 << 10;
    private static final long UNREADABLE = -2;
    private static final List<ZonedLayout> LAYOUTS = List.of(ZonedLayout.values());

    private HostileImageFuzzer() {}

    /** Runs one input, which is a list of patches to one of a few images: see {@link PatchedImage}. */
    public static void fuzzerTestOneInput(byte[] input) throws IOException {
        SimulatedDisk image = PatchedImage.of(input);
        check(image.copy());
        repair(image.copy(), RepairExtent.LEAKS);
        repair(image.copy(), RepairExtent.ALL);
        convert(image.copy(), LAYOUTS.get(input.length % LAYOUTS.size()));
        attach(image);
    }

    private static void check(SimulatedDisk image) throws IOException {
        try {
            ImageChecker.check(image);
        } catch (ImageFormatException e) {
            // The image cannot be checked.
        }
        requireUnwritten(image);
    }

    private static void requireUnwritten(SimulatedDisk image) {
        EnumSet<Call> writes = EnumSet.of(Call.WRITE, Call.PUNCH, Call.SET_SIZE);
        if (image.events.stream().anyMatch(event -> writes.contains(event.call()))) {
            throw new AssertionError("written to");
        }
    }

    private static void repair(SimulatedDisk image, RepairExtent extent) throws IOException {
        CheckResult before;
        View viewBefore;
        RepairResult repaired;
        try {
            before = ImageChecker.check(image);
            viewBefore = View.of(image);
            repaired = ImageRepair.repair(image, extent, (offset, old, now) -> {}, CheckProgress.UNSEEN);
        } catch (ImageFormatException e) {
            requireUnwritten(image);
            return;
        }
        if (repaired.after().corruptions() > before.corruptions()) {
            throw new AssertionError("more damage after the repair: " + repaired.after());
        }
        if (viewBefore != null) {
            viewBefore.requireSame(View.of(image));
        }
        ImageRepair.repair(
                image,
                extent,
                (offset, old, now) -> {
                    throw new AssertionError("repaired twice at %#x: %#x %#x".formatted(offset, old, now));
                },
                CheckProgress.UNSEEN);
    }

    /** The data that a reader sees: the write pointers, and the places of some zones' first clusters. */
    private record View(List<Long> pointers, List<Long> hostClusters) {

        static @Nullable View of(SimulatedDisk file) throws IOException {
            Qcow2Image image;
            try {
                image = Qcow2Image.open(file, Access.READ_ONLY);
            } catch (ImageFormatException e) {
                return null;
            }
            DeviceGeometry geometry = image.geometry();
            View view = new View(new ArrayList<>(), new ArrayList<>());
            for (int zone = 0; zone < Math.min(geometry.zoneCount(), ZONES_SEEN); zone++) {
                long start = geometry.zoneStart(zone);
                long pointer = image.writePointers().get(zone);
                boolean conventional = geometry.isConventional(zone);
                long seenEnd = start + Math.min(SEEN_BYTES, geometry.zoneCapacityBytes(zone));
                view.pointers.add(pointer);
                long end = conventional ? seenEnd : Math.min(pointer, seenEnd);
                for (long at = start; at < end; at += image.clusterSizeBytes()) {
                    view.hostClusters.add(lookUp(image, at >>> image.clusterBits()));
                }
            }
            return view;
        }

        /** Returns the first and last zones, as they are after a power cycle. */
        static List<String> zones(SimulatedDisk file) throws IOException {
            Qcow2Image image = Qcow2Image.open(file, Access.READ_ONLY);
            ZoneTable table =
                    new ZoneTable(image.geometry(), image.writePointers()::get, image.failedZones()::condition);
            List<String> zones = new ArrayList<>();
            for (int zone = 0; zone < table.size(); zone++) {
                if (zone < ZONES_SEEN || zone >= table.size() - ZONES_SEEN) {
                    zones.add(table.zone(zone).condition() + " at "
                            + table.zone(zone).writePointerBytes());
                }
            }
            return zones;
        }

        private static long lookUp(Qcow2Image image, long guestCluster) throws IOException {
            long[] found = new long[1];
            try {
                image.readMapping(guestCluster, 1, found);
                return found[0];
            } catch (ImageFormatException e) {
                return UNREADABLE;
            }
        }

        void requireSame(@Nullable View after) {
            if (!equals(after)) {
                throw new AssertionError("a reader saw %s, and sees %s after the repair".formatted(this, after));
            }
        }
    }

    private static void convert(SimulatedDisk image, ZonedLayout layout) throws IOException {
        List<String> zones;
        boolean converted = false;
        try {
            zones = View.zones(image);
            converted = LayoutConverter.convert(image, layout, CheckProgress.UNSEEN);
        } catch (ImageFormatException | GeometryException e) {
            zones = List.of();
        }
        if (!converted) {
            requireUnwritten(image);
            return;
        }
        if (!zones.equals(View.zones(image))) {
            throw new AssertionError(
                    "the zones were %s, and are %s in layout %s".formatted(zones, View.zones(image), layout.label()));
        }
        CheckResult result = ImageChecker.check(image);
        if (result.dirty() || result.status() != CheckResult.Status.CLEAN) {
            throw new AssertionError("damaged by the conversion: " + result.findings());
        }
    }

    private static void attach(SimulatedDisk hostile) throws IOException {
        if (zones(hostile) > World.ZONES_MAX) {
            return;
        }
        SimulatedDisk[] image = {hostile};
        World world;
        try {
            world = new World(file -> {
                file.copyFrom(hostile);
                image[0] = file;
            });
        } catch (UncheckedIOException e) {
            if (!(e.getCause() instanceof ImageFormatException)) {
                throw e;
            }
            requireUnwritten(image[0]);
            return;
        }
        int zones = world.geometry().zoneCount();
        for (int zone : new int[] {0, 1, 2, 3, zones - 1}) {
            if (zone < zones) {
                use(world, zone);
            }
        }
        submit(world, BlockOp.FLUSH, 0, 0);
        submit(world, BlockOp.ZONE_RESET_ALL, 0, 0);
        world.close();
        check(world.image.copy());
    }

    private static int zones(SimulatedDisk file) throws IOException {
        try {
            return Qcow2Image.open(file, Access.READ_ONLY).geometry().zoneCount();
        } catch (ImageFormatException e) {
            return 0;
        }
    }

    private static void use(World world, int zone) {
        long start = world.start(zone);
        submit(world, BlockOp.READ, start, BLOCK);
        submit(world, BlockOp.WRITE, world.report(zone).writePointer(), BLOCK);
        submit(world, BlockOp.ZONE_APPEND, start, BLOCK);
        submit(world, zone % 2 == 0 ? BlockOp.ZONE_FINISH : BlockOp.ZONE_RESET, start, 0);
        submit(world, BlockOp.WRITE, start, BLOCK);
    }

    private static void submit(World world, BlockOp op, long offset, int length) {
        IoCall call = world.submit(op, offset, new byte[length]);
        world.settle();
        if (!call.done) {
            throw new AssertionError("never completed: " + op);
        }
    }
}
