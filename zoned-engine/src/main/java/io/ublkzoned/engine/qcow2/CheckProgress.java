package io.ublkzoned.engine.qcow2;

/** Is told how far a check or a repair has come, on its thread. */
@FunctionalInterface
public interface CheckProgress {

    /** For who does not want to know. */
    CheckProgress UNSEEN = (done, total) -> {};

    /** So many of the tables have been looked at. */
    void tables(long done, long total);
}
