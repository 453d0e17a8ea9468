package io.ublkzoned.engine;

import io.ublkzoned.engine.fault.FaultRule;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** A fault rule in force, with what it has hit so far. It belongs to the data path, under the device's lock. */
final class ArmedRule {

    /** The wait of a request. A later wait of the same request is another object. */
    static final class Wait {
        private final BlockRequest request;

        private Wait(BlockRequest request) {
            this.request = request;
        }
    }

    final int id;
    final FaultRule rule;
    final FaultTimer timer;

    private final SplittableRandom random;
    private final List<Wait> waits = new ArrayList<>();
    private long matched;
    private long hits;

    ArmedRule(int id, FaultRule rule, FaultTimer timer) {
        this.id = id;
        this.rule = rule;
        this.timer = timer;
        random = new SplittableRandom(rule.seed());
    }

    /**
     * Returns whether a request is hit, and counts it.
     *
     * @param zone the number of its zone, -1 if the operation has none
     */
    boolean hits(BlockRequest request, int zone, boolean isSequential) {
        boolean matches = rule.match()
                .matches(request.op(), zone, request.offsetBytes(), request.lengthBytes(), request.forceUnitAccess());
        if (!matches || (rule.needsSequentialZone() && !isSequential)) {
            return false;
        }
        matched++;
        boolean hit = rule.frequency().hits(matched, hits, random);
        hits += hit ? 1 : 0;
        return hit;
    }

    /** Draws the time for which a request waits. */
    long drawDelayNanos() {
        return rule.delay().draw(random);
    }

    /** Makes a request wait until {@link #end}. */
    Wait add(BlockRequest request) {
        Wait wait = new Wait(request);
        waits.add(wait);
        return wait;
    }

    /** Restarts a request on its queue's thread, if it still waits. */
    void end(Wait wait) {
        if (waits.remove(wait)) {
            wait.request.queue().handOver(wait.request);
        }
    }

    /** Restarts all requests that wait. Returns their number. */
    int endAll() {
        int ended = waits.size();
        waits.forEach(wait -> wait.request.queue().handOver(wait.request));
        waits.clear();
        return ended;
    }

    DeviceFaults.Armed report() {
        return new DeviceFaults.Armed(id, rule, matched, hits, waits.size());
    }
}
