package io.ublkzoned.engine.sim;

import static io.ublkzoned.engine.sim.Workload.NOT_FORCED;

import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.sim.Workload.Action;
import io.ublkzoned.engine.sim.Workload.Image;
import io.ublkzoned.engine.sim.Workload.Step;
import io.ublkzoned.engine.sim.Workload.Trait;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Lives for threads that interleave: those of one thread with two queues or more, and two further kinds in which
 * threads meet that rarely do otherwise.
 */
final class ThreadedWorkload {

    /** One life in this many is of each further kind. */
    private static final int KINDS = 10;

    private static final int QUEUES = 2;
    private static final int STEPS = 60;

    /** Resets of all zones, after which writes wait for the released space. */
    private static final List<Action> SCARCE = List.of(
            Action.WRITE,
            Action.APPEND,
            Action.APPEND,
            Action.APPEND,
            Action.APPEND,
            Action.MOVE,
            Action.MOVE,
            Action.PROCEED,
            Action.RESET,
            Action.RESET_ALL);

    private static final int SCARCE_ROUNDS = 3;

    /**
     * Writes to conventional zones, which allocate their space in parts, so that a mapping changes while it is written.
     */
    private static final List<Action> WIDE =
            List.of(Action.WRITE, Action.WRITE, Action.WRITE, Action.WRITE, Action.MOVE, Action.PROCEED, Action.FLUSH);

    private static final int WIDE_ZONES = 2;
    private static final int WIDE_ZONE_BYTES = 4 << 20;
    private static final int WIDE_CLUSTER_BYTES = 128 << 10;

    private ThreadedWorkload() {}

    /** Draws a workload. Everything follows from the seed. */
    static Workload draw(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Workload drawn = switch (random.nextInt(KINDS)) {
            case 0 -> drawScarce(random);
            case 1 -> drawWide(random);
            default -> drawAsOfOneThread(random);
        };
        return drawn.with(Trait.THREADS);
    }

    private static Workload drawAsOfOneThread(SplittableRandom random) {
        Workload drawn = Workload.draw(random.nextLong());
        while (drawn.queues() < QUEUES) {
            drawn = Workload.draw(random.nextLong());
        }
        return drawn;
    }

    /** Draws a workload in which all zones release their space together and allocate it again. */
    private static Workload drawScarce(SplittableRandom random) {
        List<Step> steps = new ArrayList<>();
        for (int round = 0; round < SCARCE_ROUNDS; round++) {
            for (int zone = 1; zone < Workload.FULL_ZONES; zone++) {
                steps.add(new Step(Action.APPEND, 0, zone, random.nextInt(1 << 20), NOT_FORCED));
            }
            steps.add(new Step(Action.CHECK, 0, 0, 0, 0));
            steps.add(new Step(Action.RESET_ALL, 0, 0, 0, random.nextLong()));
        }
        addSteps(steps, random, SCARCE, Workload.FULL_ZONES);
        return workload(random, Workload.fullOptions(), Image.WITH_WIDE_REFCOUNTS, steps);
    }

    private static Workload drawWide(SplittableRandom random) {
        List<Step> steps = new ArrayList<>();
        addSteps(steps, random, WIDE, WIDE_ZONES);
        FormatOptions.Builder options = FormatOptions.ofSize((long) WIDE_ZONES * WIDE_ZONE_BYTES)
                .zoneSize(WIDE_ZONE_BYTES)
                .conventionalZones(WIDE_ZONES - 1)
                .clusterSize(WIDE_CLUSTER_BYTES);
        return workload(random, options, Image.CREATED, steps);
    }

    private static void addSteps(List<Step> steps, SplittableRandom random, List<Action> actions, int zones) {
        for (int i = 0; i < STEPS; i++) {
            steps.add(new Step(
                    actions.get(random.nextInt(actions.size())),
                    random.nextInt(QUEUES),
                    random.nextInt(zones),
                    random.nextInt(Integer.MAX_VALUE),
                    random.nextLong()));
        }
    }

    private static Workload workload(
            SplittableRandom random, FormatOptions.Builder options, Image image, List<Step> steps) {
        return new Workload(
                options.build(),
                World.BLOCK,
                QUEUES,
                image,
                EnumSet.noneOf(Trait.class),
                InjectedFaults.none(),
                random.nextLong(),
                List.copyOf(steps));
    }
}
