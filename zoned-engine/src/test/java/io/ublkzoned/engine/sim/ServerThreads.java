package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.sim.Workload.Action;
import io.ublkzoned.engine.sim.Workload.Step;
import java.util.List;
import java.util.function.Consumer;

/**
 * The threads of a server, under a {@link Scheduler}: one for each queue, the metadata thread, and a control thread
 * that changes the conditions of zones, lets calls fail and kills the server. Each plays its own part of the same
 * steps.
 */
final class ServerThreads {

    /** After this many steps all requests end before the next steps begin. */
    private static final int STEPS_MAX = 40;

    private final World world;
    private final Resender resender;
    private final Consumer<Step> player;
    private final Scheduler scheduler;
    private final long seed;

    /** The number of queue steps that have begun. */
    private int begun;

    private int queuesAtWork;
    private boolean controlEnded;

    /** @param player plays a step on the thread that it belongs to */
    ServerThreads(World world, Resender resender, Consumer<Step> player, long seed, Trace trace) {
        this.world = world;
        this.resender = resender;
        this.player = player;
        this.seed = seed;
        scheduler = new Scheduler(seed, trace);
    }

    /** Returns the first steps that threads can share: up to one that needs them at rest or that kills the server. */
    static List<Step> shareable(List<Step> steps) {
        int end = 0;
        boolean alive = true;
        while (alive
                && end < Math.min(steps.size(), STEPS_MAX)
                && steps.get(end).action().isShareable()) {
            Action action = steps.get(end++).action();
            alive = action != Action.KILL && action != Action.POWER_CUT;
        }
        return steps.subList(0, end);
    }

    /** Plays the steps, and ends all requests. Throws the error that ends the server, if any. */
    void play(List<Step> steps) {
        queuesAtWork = world.queues.length;
        for (int i = 0; i < world.queues.length; i++) {
            int number = i;
            List<Step> own = steps.stream()
                    .filter(step -> step.action().belongsToOneQueue() && step.queue() % world.queues.length == number)
                    .toList();
            scheduler.add("queue " + number, () -> serve(world.queues[number], own));
        }
        scheduler.add("metadata", this::maintain);
        scheduler.add("control", () -> control(steps));
        scheduler.run();
    }

    private void serve(FakeQueue queue, List<Step> steps) {
        for (Step step : steps) {
            begun++;
            player.accept(step);
            YieldPoints.pause();
        }
        boolean sends = true;
        while (sends) {
            sends = resender.sendOneOf(queue);
        }
        end(queue);
        queuesAtWork--;
    }

    /** Ends all requests of a queue, in any order. */
    private void end(FakeQueue queue) {
        long dice = seed;
        queue.takeAnswers();
        while (!queue.isIdle()) {
            dice = Trace.mix(dice);
            int held = queue.port.heldParts();
            boolean proceeds = held == 0 || Dice.proceeds(dice);
            if (proceeds && queue.hasHandedOver()) {
                queue.proceedWithNext();
            } else if (held > 0) {
                queue.port.complete((int) Long.remainderUnsigned(dice >>> 1, held));
            } else {
                Scheduler.await("requests to be handed over to it", queue::hasHandedOver);
            }
            queue.takeAnswers();
        }
    }

    private void maintain() {
        while (queuesAtWork > 0 || !controlEnded || world.isWoken()) {
            Scheduler.await("a wake-up", () -> world.isWoken() || (queuesAtWork == 0 && controlEnded));
            world.maintain();
        }
    }

    /**
     * Plays the steps of the control thread. Each step waits until the queues have reached its position among theirs.
     */
    private void control(List<Step> steps) {
        int before = 0;
        for (Step step : steps) {
            if (step.action().belongsToOneQueue()) {
                before++;
            } else if (step.action() != Action.MAINTAIN) {
                int after = before;
                Scheduler.await("the queues", () -> begun >= after);
                player.accept(step);
            }
        }
        controlEnded = true;
    }
}
