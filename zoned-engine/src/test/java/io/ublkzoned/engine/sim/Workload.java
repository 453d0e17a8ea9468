package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ZonedLayout;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * A life of a device. It is drawn completely before it begins, so that parts can be removed. It consists of the device,
 * its possible faults, and the steps.
 *
 * @param blockBytes the logical block of the device
 * @param queues the number of queues that send requests
 * @param image the first image
 * @param traits the peculiarities
 * @param faults the faults that the device shows
 * @param dice decides everything that the steps do not
 */
@SuppressWarnings("EnumOrdinal") // ordinals only within one run
record Workload(
        FormatOptions options,
        int blockBytes,
        int queues,
        Image image,
        Set<Trait> traits,
        InjectedFaults faults,
        long dice,
        List<Step> steps) {

    /** A peculiarity of a life. */
    enum Trait {
        /** Every fourth part of a request is much slower than the others. */
        SLOW,
        /** Calls on the image and transfers of data sometimes fail. */
        FAULTY,
        /** The file system cannot make holes. */
        WITHOUT_HOLES,
        /** The kernel takes results late, and sends unanswered requests to the next server again. */
        RESENDS,
        /** The kernel sends them with other tags. */
        OTHER_TAGS,
        /** All appends have the same data. */
        ALIKE,
        /** Queues work while the metadata thread is in a call on the image. */
        OVERLAPS,
        /** Other programs write to the image between two attaches. */
        FOREIGN,
        /** The threads of the server interleave; see {@link ThreadedWorkload}. */
        THREADS
    }

    /** The first image. */
    enum Image {
        CREATED,
        /** The machine dies while the image is created, possibly at the end. */
        CREATED_IN_A_CRASH,
        /** Like an image of another program: its L2 table is missing. */
        WITHOUT_TABLES,
        /** Like an image of another program: a cluster has space and is marked as zeros. */
        WITH_ZERO_CLUSTER,
        /** Like an image of another program: refcounts of 64 bits, with room for little more than the device. */
        WITH_WIDE_REFCOUNTS
    }

    /** The action of a step. */
    enum Action {
        WRITE,
        APPEND,
        READ,
        OPEN,
        CLOSE,
        FINISH,
        RESET,
        RESET_ALL,
        FLUSH,
        /** A part of a request moves its data. */
        MOVE,
        /** A part of a request moves half of its data and fails. */
        FAIL,
        /** A request that was handed over continues. */
        PROCEED,
        /** The kernel takes the results of a queue. */
        TAKE,
        /** The kernel sends one of the last server's requests again. */
        SEND_AGAIN,
        /** Zones become read-only, offline, or good again. */
        WEAR,
        /** A change of conditions that has not begun is withdrawn. */
        WITHDRAW,
        /** The metadata thread works. */
        MAINTAIN,
        /** Everything ends, and all zones are compared with the model. */
        CHECK,
        /** A user copies the image. */
        COPY,
        /** A call on the image will fail. */
        BREAK,
        POWER_CUT,
        KILL,
        /** The device is closed and opened again. */
        REOPEN,
        /** The machine or the server dies at one of the next calls on the image. */
        CRASH_SOON;

        /** Returns whether queues' threads or the control thread play this action. */
        boolean belongsToQueues() {
            return compareTo(MAINTAIN) < 0;
        }

        /** Returns whether the thread of one queue plays this action. */
        boolean belongsToOneQueue() {
            return compareTo(WEAR) < 0;
        }

        /** Returns whether threads can share this action: it stops no thread of the server, or ends all. */
        boolean isShareable() {
            return this != CHECK && this != COPY && this != REOPEN;
        }
    }

    /** One step. The action interprets the numbers in the state that it finds. */
    record Step(Action action, int queue, int zone, int number, long dice) {}

    private static final int SECTOR = TestData.SECTOR;
    /** The die of a write that is not forced to the disk, which would free released space. */
    static final long NOT_FORCED = 7;

    private static final List<ZonedLayout> LAYOUTS = List.of(ZonedLayout.values());
    static final int FULL_ZONES = 6;
    private static final long FULL_ZONE_BYTES = 256 << 10;
    private static final int[][] LIMITS = {{0, 0}, {0, 0}, {0, 0}, {1, 1}, {1, 2}, {2, 2}, {2, 3}, {1, 0}};

    /** The frequency of each action, in the order of the actions. */
    @SuppressWarnings("ImmutableEnumChecker") // weights that are never changed
    private enum Mix {
        BALANCED(12, 14, 7, 2, 2, 3, 7, 1, 5, 18, 0, 10, 10, 6, 1, 0, 14, 1, 3, 0, 1, 1, 1, 1),
        /** Space is released and allocated again, with few flushes in between. */
        RESETS(14, 22, 3, 1, 1, 3, 18, 2, 1, 18, 0, 8, 8, 4, 1, 0, 16, 1, 0, 0, 1, 1, 0, 1),
        CRASHES(10, 14, 2, 1, 1, 3, 10, 2, 6, 14, 0, 8, 8, 6, 1, 0, 14, 0, 4, 0, 2, 4, 2, 8),
        /** Zones fail and recover while they are written and reset. */
        WEARING(8, 12, 4, 2, 2, 4, 10, 1, 3, 14, 0, 8, 8, 4, 12, 3, 10, 1, 1, 0, 1, 1, 1, 2);

        private final int[] weights;
        private final int total;

        Mix(int... weights) {
            this.weights = weights;
            total = IntStream.of(weights).sum();
        }

        Action draw(SplittableRandom random) {
            int number = random.nextInt(total);
            int action = 0;
            while (number >= weights[action]) {
                number -= weights[action++];
            }
            return Action.values()[action];
        }
    }

    /** Draws a workload. Everything follows from the seed. */
    static Workload draw(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Image image = drawImage(random);
        Mix mix = Mix.values()[random.nextInt(Mix.values().length)];
        boolean full = image == Image.WITH_WIDE_REFCOUNTS;
        int blockBytes = full || random.nextBoolean() ? World.BLOCK : SECTOR;
        ZonedLayout layout = LAYOUTS.get(random.nextInt(LAYOUTS.size()));
        FormatOptions options = (full ? fullOptions() : drawOptions(random, mix, blockBytes))
                .layout(layout)
                .build();
        int queues = 1 + random.nextInt(4);
        Set<Trait> traits = drawTraits(random, full);
        long dice = random.nextLong();
        List<Step> steps = full ? fullSteps(random) : new ArrayList<>();
        for (int i = 30 + random.nextInt(70); i > 0; i--) {
            Action action = mix.draw(random);
            if (traits.contains(Trait.FAULTY) && random.nextInt(20) == 0) {
                action = random.nextInt(3) == 0 ? Action.BREAK : Action.FAIL;
            }
            steps.add(new Step(
                    action,
                    random.nextInt(queues),
                    random.nextInt(options.geometry().zoneCount()),
                    random.nextInt(Integer.MAX_VALUE),
                    random.nextLong()));
        }
        return new Workload(
                options, blockBytes, queues, image, traits, drawFaults(seed, options, blockBytes), dice, steps);
    }

    private static InjectedFaults drawFaults(long seed, FormatOptions options, int blockBytes) {
        SplittableRandom random = new SplittableRandom(Trace.mix(seed));
        return random.nextInt(3) == 0 ? InjectedFaults.draw(random, options, blockBytes) : InjectedFaults.none();
    }

    private static Set<Trait> drawTraits(SplittableRandom random, boolean full) {
        Set<Trait> traits = EnumSet.noneOf(Trait.class);
        for (Trait trait : Trait.values()) {
            boolean drawn = switch (trait) {
                case SLOW, FAULTY, OTHER_TAGS, FOREIGN -> random.nextInt(3) == 0;
                case RESENDS, OVERLAPS -> random.nextBoolean();
                case THREADS -> false;
                case ALIKE -> random.nextInt(4) == 0;
                case WITHOUT_HOLES ->
                    full ? random.nextBoolean() : traits.contains(Trait.FAULTY) && random.nextInt(4) == 0;
            };
            if (drawn) {
                traits.add(trait);
            }
        }
        return traits;
    }

    private static Image drawImage(SplittableRandom random) {
        return switch (random.nextInt(32)) {
            case 0 -> Image.CREATED_IN_A_CRASH;
            case 1 -> Image.WITHOUT_TABLES;
            case 2 -> Image.WITH_ZERO_CLUSTER;
            case 3 -> Image.WITH_WIDE_REFCOUNTS;
            default -> Image.CREATED;
        };
    }

    private static FormatOptions.Builder drawOptions(SplittableRandom random, Mix mix, int blockBytes) {
        int clusterBytes = 4096 << random.nextInt(3);
        int zoneBytes = Math.max(clusterBytes, 8192 << random.nextInt(4));
        int zones = mix == Mix.RESETS ? 2 + random.nextInt(2) : 2 + random.nextInt(5);
        int capacity =
                random.nextBoolean() ? zoneBytes : zoneBytes - blockBytes * random.nextInt(zoneBytes / blockBytes / 2);
        int[] limits = LIMITS[random.nextInt(LIMITS.length)];
        return FormatOptions.ofSize((long) zones * zoneBytes)
                .zoneSize(zoneBytes)
                .capacity(capacity)
                .conventionalZones(random.nextInt(Math.min(3, zones)))
                .maxOpenZones(Math.min(limits[0], zones))
                .maxActiveZones(Math.min(limits[1], zones))
                .clusterSize(clusterBytes);
    }

    /**
     * Returns options with zones of 64 clusters. One refcount block covers six zones, one spare zone, the tables, and
     * 56 clusters more.
     */
    static FormatOptions.Builder fullOptions() {
        return FormatOptions.ofSize(FULL_ZONES * FULL_ZONE_BYTES)
                .zoneSize(FULL_ZONE_BYTES)
                .conventionalZones(1)
                .clusterSize(4096);
    }

    /**
     * Returns steps in which the zones are written, reset, and written again, which allocates the released space; then
     * the power is cut.
     */
    private static List<Step> fullSteps(SplittableRandom random) {
        List<Step> steps = new ArrayList<>();
        for (int round = 0; round < 2; round++) {
            for (int zone = 1; zone < FULL_ZONES; zone++) {
                steps.add(new Step(Action.APPEND, 0, zone, random.nextInt(1 << 20), NOT_FORCED));
            }
            steps.add(new Step(Action.CHECK, 0, 0, 0, 0));
            steps.add(new Step(round == 0 ? Action.RESET_ALL : Action.WRITE, 0, 0, 0, random.nextLong() | NOT_FORCED));
            steps.add(new Step(Action.CHECK, 0, 0, 0, 0));
        }
        steps.add(new Step(Action.CRASH_SOON, 0, 0, random.nextInt(1 << 20), 1));
        steps.add(new Step(Action.FLUSH, 0, 0, 0, 0));
        steps.add(new Step(Action.MAINTAIN, 0, 0, 0, random.nextLong()));
        return steps;
    }

    boolean is(Trait trait) {
        return traits.contains(trait);
    }

    Workload with(Trait trait) {
        Set<Trait> all = EnumSet.of(trait);
        all.addAll(traits);
        return new Workload(options, blockBytes, queues, image, all, faults, dice, steps);
    }

    Workload with(List<Step> other) {
        return new Workload(options, blockBytes, queues, image, traits, faults, dice, other);
    }

    /** Returns the workloads without one of the peculiarities each. */
    List<Workload> simpler() {
        List<Workload> simpler = new ArrayList<>();
        if (queues > 1) {
            simpler.add(new Workload(options, blockBytes, 1, image, traits, faults, dice, steps));
        }
        if (image != Image.CREATED) {
            simpler.add(new Workload(options, blockBytes, queues, Image.CREATED, traits, faults, dice, steps));
        }
        if (!faults.rules().isEmpty()) {
            simpler.add(new Workload(options, blockBytes, queues, image, traits, InjectedFaults.none(), dice, steps));
        }
        for (Trait trait : traits) {
            Set<Trait> others = EnumSet.copyOf(traits);
            others.remove(trait);
            simpler.add(new Workload(options, blockBytes, queues, image, others, faults, dice, steps));
        }
        return simpler;
    }
}
