package io.ublkzoned.engine.qcow2;

/** A receiver of the progress of a check or a repair. It is called on the thread of the check. */
@FunctionalInterface
public interface CheckProgress {

    /** A receiver that ignores the progress. */
    CheckProgress UNSEEN = (done, total) -> {};

    /** Reports that {@code done} of {@code total} tables have been read. */
    void tables(long done, long total);
}
