package io.ublkzoned.engine;

/** A range of the L2 entries of a zone, on their way to the file. Reused; belongs to the metadata thread. */
final class MapEntries {

    /** The first entry, counted from the start of the zone. */
    int from;

    /** The end of the range. */
    int to;

    /** The host cluster of each entry from {@link #from}. */
    final long[] hostClusters;

    MapEntries(int clusters) {
        hostClusters = new long[clusters];
    }
}
