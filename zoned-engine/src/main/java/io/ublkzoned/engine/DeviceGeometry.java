package io.ublkzoned.engine;

/**
 * The shape of a zoned device: conventional zones first, then sequential ones, all of one size. An instance always
 * satisfies the rules of the kernel's ublk driver and of the block layer's zoned mode, because the constructor checks
 * them.
 *
 * @param sizeBytes the device's size, a whole number of zones
 * @param zoneSizeBytes the distance from one zone's start to the next, a power of two
 * @param capacityBytes how much of each sequential zone can be written, from its start
 * @param conventionalZones how many zones, counted from the first, take writes anywhere
 * @param maxOpenZones the most zones that may be open at a time, 0 for no limit
 * @param maxActiveZones the most zones that may be open or closed at a time, 0 for no limit
 */
public record DeviceGeometry(
        long sizeBytes,
        long zoneSizeBytes,
        long capacityBytes,
        int conventionalZones,
        int maxOpenZones,
        int maxActiveZones) {

    /** The power of two that {@link #SECTOR_BYTES} is. */
    public static final int SECTOR_SHIFT = 9;

    /** The unit of all sizes and write pointers: a sector of the block layer. */
    public static final int SECTOR_BYTES = 1 << SECTOR_SHIFT;

    /** Zones whose report fits one ublk request: 32 MiB (UBLK_MAX_IO_BUF_BYTES) / 64 B (struct blk_zone). */
    public static final int ZONES_MAX = (32 << 20) / 64;

    /** Clusters of a zone: its map is read as a whole, so this is 32 MiB of L2 tables. */
    public static final int ZONE_CLUSTERS_MAX = (32 << 20) / Long.BYTES;

    /**
     * Checks the rules.
     *
     * @throws GeometryException if one is broken
     */
    public DeviceGeometry {
        if (sizeBytes <= 0) {
            throw new GeometryException("the device size %d is not positive".formatted(sizeBytes));
        }
        if (zoneSizeBytes < SECTOR_BYTES || Long.bitCount(zoneSizeBytes) != 1) {
            throw new GeometryException("the zone size %s is not a power of two: %s"
                    .formatted(text(zoneSizeBytes), zoneSizeThatWorks(zoneSizeBytes)));
        }
        if (sizeBytes % zoneSizeBytes != 0) {
            throw new GeometryException("the device size %s is not a whole number of zones of %s: use %s"
                    .formatted(text(sizeBytes), text(zoneSizeBytes), nearestSizes(sizeBytes, zoneSizeBytes)));
        }
        if (sizeBytes / zoneSizeBytes > ZONES_MAX) {
            throw new GeometryException(
                    "the device has %d zones, and a zone report holds %d at most: use zones of %s or more"
                            .formatted(
                                    sizeBytes / zoneSizeBytes, ZONES_MAX, text(powerOfTwoFrom(sizeBytes / ZONES_MAX))));
        }
        if (capacityBytes <= 0 || capacityBytes % SECTOR_BYTES != 0) {
            throw new GeometryException("the zone capacity %s is not a positive multiple of %d bytes"
                    .formatted(text(capacityBytes), SECTOR_BYTES));
        }
        if (capacityBytes > zoneSizeBytes) {
            throw new GeometryException("the zone capacity %s is larger than the zone size %s: use %2$s or less"
                    .formatted(text(capacityBytes), text(zoneSizeBytes)));
        }
        checkCounts((int) (sizeBytes / zoneSizeBytes), conventionalZones, maxOpenZones, maxActiveZones);
    }

    private static void checkCounts(int zones, int conventional, int maxOpen, int maxActive) {
        if (conventional < 0 || conventional >= zones) {
            throw new GeometryException(
                    "%s of the %d zones would be conventional, and at least one has to be sequential: use %d or less"
                            .formatted(Integer.toUnsignedString(conventional), zones, zones - 1));
        }
        checkLimit("open", maxOpen, zones);
        checkLimit("active", maxActive, zones);
        if (maxActive != 0 && maxOpen > maxActive) {
            throw new GeometryException(
                    "the limit of %d open zones is over the limit of %d active zones: an open zone is active, use %2$d or less"
                            .formatted(maxOpen, maxActive));
        }
    }

    private static void checkLimit(String name, int limit, int zones) {
        if (limit < 0 || limit > zones) {
            throw new GeometryException(
                    "the limit of %s %s zones is over the number of zones: use %d or less, or 0 for no limit"
                            .formatted(Integer.toUnsignedString(limit), name, zones));
        }
    }

    /**
     * Checks the rules that tie zones to an image: a zone is a whole number of clusters, so that resetting it never
     * touches its neighbour, and not of more than {@link #ZONE_CLUSTERS_MAX}.
     *
     * @throws GeometryException if one is broken
     */
    public void requireClusterSize(int clusterSizeBytes) {
        if (zoneSizeBytes % clusterSizeBytes != 0) {
            throw new GeometryException(
                    "the zone size %s is not a multiple of the cluster size %s: use larger zones or smaller clusters"
                            .formatted(text(zoneSizeBytes), text(clusterSizeBytes)));
        }
        if (zoneSizeBytes / clusterSizeBytes > ZONE_CLUSTERS_MAX) {
            throw new GeometryException(
                    "the zone size %s is more than %d clusters of %s: use smaller zones or larger clusters"
                            .formatted(text(zoneSizeBytes), ZONE_CLUSTERS_MAX, text(clusterSizeBytes)));
        }
    }

    public int zoneCount() {
        return (int) (sizeBytes >>> zoneShift());
    }

    /** The power of two that is the zone size. */
    public int zoneShift() {
        return Long.numberOfTrailingZeros(zoneSizeBytes);
    }

    /** Where a zone starts on the device, in bytes. */
    public long zoneStart(int zone) {
        return (long) zone << zoneShift();
    }

    /** The zone that holds an address on the device. */
    public int zoneIndex(long offsetBytes) {
        return (int) (offsetBytes >>> zoneShift());
    }

    public boolean isConventional(int zone) {
        return zone < conventionalZones;
    }

    private static String nearestSizes(long sizeBytes, long zoneSizeBytes) {
        long below = sizeBytes / zoneSizeBytes * zoneSizeBytes;
        if (below > Long.MAX_VALUE - zoneSizeBytes) {
            return text(below);
        }
        String above = text(below + zoneSizeBytes);
        return below == 0 ? above : text(below) + " or " + above;
    }

    private static String zoneSizeThatWorks(long zoneSizeBytes) {
        if (zoneSizeBytes < SECTOR_BYTES) {
            return "use %d or more".formatted(SECTOR_BYTES);
        }
        long below = Long.highestOneBit(zoneSizeBytes);
        return below == 1L << 62 ? "use " + text(below) : "use %s or %s".formatted(text(below), text(2 * below));
    }

    private static long powerOfTwoFrom(long value) {
        long highest = Long.highestOneBit(value);
        return highest == value ? value : 2 * highest;
    }

    /** A size as a user would type it: the largest unit that divides it. */
    private static String text(long bytes) {
        String units = "KMGT";
        for (int i = units.length(); i > 0; i--) {
            long unit = 1L << (10 * i);
            if (bytes >= unit && bytes % unit == 0) {
                return bytes / unit + units.substring(i - 1, i);
            }
        }
        return Long.toString(bytes);
    }
}
