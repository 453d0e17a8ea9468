package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ClusterAllocator;
import java.io.IOException;

/**
 * Clusters on their way back to the allocator: given up, then punched, then free once a sync has made the hole durable.
 *
 * <p>{@link #release} and {@link #isPending} are called under the device's lock; the rest without it by the metadata
 * thread.
 */
final class ReleasedSpace {

    private final Object lock;
    private final ImageFile file;
    private final FailureLog failures;
    private final ClusterAllocator allocator;
    private final int clusterBits;

    // Under the lock; only the metadata thread adds to what is punched.
    private RunList released = new RunList();
    private RunList punched = new RunList();
    private boolean punching;

    /** Could not be punched; of the metadata thread. */
    private RunList refused = new RunList();

    ReleasedSpace(DeviceContext context) {
        lock = context.lock();
        file = context.file();
        failures = context.failures();
        allocator = context.image().allocator();
        clusterBits = context.image().clusterBits();
    }

    void release(long firstCluster, int count) {
        released.add(firstCluster, count);
    }

    /** Whether a punch, or the end of the one that is under way, and a sync would make clusters free. */
    boolean isPending() {
        return !released.isEmpty() || punching || !punched.isEmpty();
    }

    /** Punches what was given up. Clusters that cannot be punched are not handed out again. */
    void punch() {
        RunList runs;
        synchronized (lock) {
            runs = released;
            released = new RunList();
            punching = !runs.isEmpty();
        }
        RunList done = new RunList();
        runs.forEach((first, count) -> {
            try {
                file.punchHole(first << clusterBits, (long) count << clusterBits);
                done.add(first, count);
            } catch (IOException | RuntimeException | VirtualMachineError e) {
                failures.logAndGetErrno("punching given-up clusters", e);
                refused.add(first, count);
            }
        });
        synchronized (lock) {
            done.forEach(punched::add);
            punching = false;
        }
    }

    /** The holes are durable: their clusters are free. */
    void freePunched() {
        synchronized (lock) {
            if (!punched.isEmpty()) {
                punched.forEach(allocator::free);
                punched = new RunList();
            }
        }
    }

    /** Frees all that was given up, when nothing will be handed out any more; false if some of it cannot be punched. */
    boolean freeAll() {
        synchronized (lock) {
            refused.forEach(released::add);
        }
        refused = new RunList();
        punch();
        freePunched();
        return refused.isEmpty();
    }
}
