package io.ublkzoned.engine;

/**
 * Counts of a device and its zones at one moment.
 *
 * @param open the zones that count against the open limit
 * @param active the zones that count against the active limit
 * @param implicitCloses the zones that were closed since the attach to make room for another one
 * @param resets the zones that were reset since the attach
 * @param allocatedBytes the bytes of the image that are in use, metadata included
 */
public record ZoneCounts(int open, int active, long implicitCloses, long resets, long allocatedBytes) {}
