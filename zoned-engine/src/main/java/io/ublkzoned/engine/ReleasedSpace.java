package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.ImageFile;
import java.io.IOException;

/**
 * The clusters on their way back to the allocator. A cluster is released, then punched, then free once a sync has made
 * the hole durable. It belongs to the metadata thread.
 */
final class ReleasedSpace {

    private final PendingWork work;
    private final ImageFile file;
    private final FailureLog failures;
    private final int clusterBits;

    private RunList punched = new RunList();

    /** Clusters that could not be punched. */
    private RunList refused = new RunList();

    ReleasedSpace(DeviceContext context, PendingWork work) {
        this.work = work;
        file = context.file();
        clusterBits = context.image().clusterBits();
        failures = context.failures();
    }

    /** Punches the released clusters. A cluster that cannot be punched is not allocated again. */
    void punch() {
        RunList runs = work.takeReleased();
        if (runs.isEmpty()) {
            return;
        }
        runs.forEach((first, count) -> {
            try {
                file.punchHole(first << clusterBits, (long) count << clusterBits);
                punched.add(first, count);
            } catch (IOException | RuntimeException | VirtualMachineError e) {
                failures.logAndGetErrno("punching released clusters", e);
                refused.add(first, count);
            }
        });
        if (punched.isEmpty()) {
            work.free(punched); // nothing, so that no request waits for it
        }
    }

    /** Frees the clusters whose holes a sync has made durable. */
    void freePunched() {
        if (!punched.isEmpty()) {
            work.free(punched);
            punched = new RunList();
        }
    }

    /** Frees all released clusters when no more will be allocated. Returns false if some cannot be punched. */
    boolean freeAll() {
        work.releaseAgain(refused);
        refused = new RunList();
        punch();
        freePunched();
        return refused.isEmpty();
    }
}
