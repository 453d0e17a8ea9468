package io.ublkzoned.engine;

/**
 * A range of a zone's L2 entries that is being written to the file. It is reused, and belongs to the metadata thread.
 */
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
