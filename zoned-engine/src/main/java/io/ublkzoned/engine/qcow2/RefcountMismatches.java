package io.ublkzoned.engine.qcow2;

/** A collector of wrong refcounts. It makes one finding of adjacent clusters with the same fault. */
final class RefcountMismatches {

    private enum Fault {
        NONE,
        TOO_LOW,
        TOO_HIGH
    }

    private final Findings findings;
    private final boolean dirty;
    private final boolean complete;
    private Fault fault = Fault.NONE;
    private long start;
    private long end;

    /**
     * @param dirty whether the image will be recovered, so refcounts may be too low
     * @param complete whether all references are known; otherwise no refcount is known to be too high
     */
    RefcountMismatches(Findings findings, boolean dirty, boolean complete) {
        this.findings = findings;
        this.dirty = dirty;
        this.complete = complete;
    }

    /** Adds the refcount of a cluster. Clusters must be added in ascending order. */
    void add(long cluster, long refcount, boolean used) {
        if (used && refcount == 0) {
            add(cluster, Fault.TOO_LOW);
        } else if (complete && refcount != (used ? 1 : 0)) {
            add(cluster, Fault.TOO_HIGH);
        }
    }

    /** Adds a range of clusters whose refcounts are all 0. */
    void addUsed(ClusterBitmap used, long first, long limit) {
        for (long c = used.nextPresent(first, limit); c < limit; c = used.nextPresent(c + 1, limit)) {
            add(c, Fault.TOO_LOW);
        }
    }

    private void add(long cluster, Fault found) {
        if (found != fault || cluster != end) {
            finish();
            fault = found;
            start = cluster;
        }
        end = cluster + 1;
    }

    /** Ends the pending finding, because the next fault differs or no cluster follows. */
    void finish() {
        String clusters = end - start == 1
                ? "host cluster " + start
                : "each of the host clusters %d to %d".formatted(start, end - 1);
        switch (fault) {
            case NONE -> {}
            case TOO_LOW -> {
                if (dirty) {
                    findings.leaks(
                            clusters + " is in use but not yet marked as used: recovery will mark it", end - start);
                } else {
                    findings.corruptions(clusters + " is in use but marked as free", end - start);
                }
            }
            case TOO_HIGH -> findings.leaks(clusters + " is marked for more owners than it has", end - start);
        }
        fault = Fault.NONE;
    }
}
