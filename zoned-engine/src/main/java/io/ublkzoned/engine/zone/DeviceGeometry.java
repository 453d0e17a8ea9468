package io.ublkzoned.engine.zone;

/**
 * The geometry of a zoned device. Conventional zones come first, then sequential ones. All have the same size except
 * the last, which may be smaller. The constructor checks the rules of the format, so every instance satisfies them. The
 * kernel's ublk driver has more rules: {@link #requireAttachable}.
 *
 * @param sizeBytes the device's size
 * @param zoneSizeBytes the distance from the start of one zone to the next, a power of two
 * @param capacityBytes the writable bytes of each sequential zone, from its start; a smaller last zone is writable up
 *     to its end
 * @param conventionalZones the number of zones, counted from the first, that take writes anywhere
 * @param maxOpenZones the maximum number of open zones, 0 for no limit
 * @param maxActiveZones the maximum number of open and closed zones, 0 for no limit
 */
public record DeviceGeometry(
        long sizeBytes,
        long zoneSizeBytes,
        long capacityBytes,
        int conventionalZones,
        int maxOpenZones,
        int maxActiveZones) {

    /** The binary logarithm of {@link #SECTOR_BYTES}. */
    public static final int SECTOR_SHIFT = 9;

    /** The unit of all sizes and write pointers: a sector of the block layer. */
    public static final int SECTOR_BYTES = 1 << SECTOR_SHIFT;

    /** The maximum number of zones of an image, as in QEMU: a write pointer table of 8 MiB. */
    public static final int ZONES_MAX = (8 << 20) / Long.BYTES;

    /**
     * The maximum number of zones whose report fits one ublk request: 32 MiB (UBLK_MAX_IO_BUF_BYTES) / 64 B (struct
     * blk_zone).
     */
    public static final int ATTACHED_ZONES_MAX = (32 << 20) / 64;

    /**
     * The size of the largest zone of an attached device: the largest power of two of sectors in 32 bits
     * (chunk_sectors).
     */
    public static final long ATTACHED_ZONE_BYTES_MAX = (1L << 31) << SECTOR_SHIFT;

    /**
     * The maximum number of clusters in a zone of an attached device. A zone's map is read as a whole, so this is 32
     * MiB of L2 tables.
     */
    public static final int ATTACHED_ZONE_CLUSTERS_MAX = (32 << 20) / Long.BYTES;

    /**
     * Checks the rules of the format.
     *
     * @throws GeometryException if one is violated
     */
    public DeviceGeometry {
        if (sizeBytes <= 0) {
            throw new GeometryException("the device size %d is not positive".formatted(sizeBytes));
        }
        if (zoneSizeBytes < SECTOR_BYTES || Long.bitCount(zoneSizeBytes) != 1) {
            throw new GeometryException(
                    "the zone size %s is not a power of two".formatted(text(zoneSizeBytes)),
                    zoneSizeThatWorks(zoneSizeBytes));
        }
        if (sizeBytes % SECTOR_BYTES != 0) {
            throw new GeometryException(
                    "the device size %d is not a multiple of %d bytes".formatted(sizeBytes, SECTOR_BYTES));
        }
        long zones = Math.ceilDiv(sizeBytes, zoneSizeBytes);
        if (zones > ZONES_MAX) {
            throw new GeometryException(
                    "the device has %d zones, and an image holds %d at most".formatted(zones, ZONES_MAX),
                    largerZones(sizeBytes));
        }
        if (capacityBytes <= 0 || capacityBytes % SECTOR_BYTES != 0) {
            throw new GeometryException("the zone capacity %s is not a positive multiple of %d bytes"
                    .formatted(text(capacityBytes), SECTOR_BYTES));
        }
        if (capacityBytes > zoneSizeBytes) {
            throw new GeometryException(
                    "the zone capacity %s is larger than the zone size %s"
                            .formatted(text(capacityBytes), text(zoneSizeBytes)),
                    "use %s or less".formatted(text(zoneSizeBytes)));
        }
        checkCounts((int) zones, conventionalZones, maxOpenZones, maxActiveZones);
    }

    private static void checkCounts(int zones, int conventional, int maxOpen, int maxActive) {
        if (conventional < 0 || conventional >= zones) {
            throw new GeometryException(
                    "%s of the %d zones would be conventional, and at least one has to be sequential"
                            .formatted(Integer.toUnsignedString(conventional), zones),
                    "use %d or less".formatted(zones - 1));
        }
        checkLimit("open", maxOpen, zones);
        checkLimit("active", maxActive, zones);
        if (maxActive != 0 && maxOpen > maxActive) {
            throw new GeometryException(
                    "the limit of %d open zones is over the limit of %d active zones".formatted(maxOpen, maxActive),
                    "an open zone is active, use %d or less".formatted(maxActive));
        }
    }

    private static void checkLimit(String name, int limit, int zones) {
        if (limit < 0 || limit > zones) {
            throw new GeometryException(
                    "the limit of %s %s zones is over the number of zones"
                            .formatted(Integer.toUnsignedString(limit), name),
                    "use %d or less, or 0 for no limit".formatted(zones));
        }
    }

    /**
     * Checks that a zone is a whole number of clusters, so that a reset of it never affects its neighbour.
     *
     * @throws GeometryException if it is not
     */
    public void requireClusterSize(int clusterSizeBytes) {
        if (zoneSizeBytes % clusterSizeBytes != 0) {
            throw new GeometryException(
                    "the zone size %s is not a multiple of the cluster size %s"
                            .formatted(text(zoneSizeBytes), text(clusterSizeBytes)),
                    "use larger zones or smaller clusters");
        }
    }

    /**
     * Checks the requirements of the kernel's ublk driver and block layer beyond the format, and the engine's limit of
     * clusters per zone.
     *
     * @throws GeometryException if the device cannot be attached
     */
    public void requireAttachable(int clusterSizeBytes) {
        if (zoneSizeBytes > ATTACHED_ZONE_BYTES_MAX) {
            throw new GeometryException(
                    "the zone size %s is more sectors than Linux counts in 32 bits".formatted(text(zoneSizeBytes)),
                    "use %s or less".formatted(text(ATTACHED_ZONE_BYTES_MAX)));
        }
        if (sizeBytes % zoneSizeBytes != 0) {
            // The driver rounds the number of zones down and reports more, so START_DEV would fail.
            throw new GeometryException(
                    "the device size %s is not a whole number of zones of %s"
                            .formatted(text(sizeBytes), text(zoneSizeBytes)),
                    "use " + nearestSizes(sizeBytes, zoneSizeBytes));
        }
        if (zoneCount() > ATTACHED_ZONES_MAX) {
            throw new GeometryException(
                    "the device has %d zones, and a zone report holds %d at most"
                            .formatted(zoneCount(), ATTACHED_ZONES_MAX),
                    largerZones(sizeBytes));
        }
        if (zoneSizeBytes / clusterSizeBytes > ATTACHED_ZONE_CLUSTERS_MAX) {
            throw new GeometryException(
                    "the zone size %s is more than %d clusters of %s"
                            .formatted(text(zoneSizeBytes), ATTACHED_ZONE_CLUSTERS_MAX, text(clusterSizeBytes)),
                    "use smaller zones or larger clusters");
        }
    }

    /** Returns whether {@link #requireAttachable} passes. */
    public boolean isAttachable(int clusterSizeBytes) {
        try {
            requireAttachable(clusterSizeBytes);
            return true;
        } catch (GeometryException e) {
            return false;
        }
    }

    public int zoneCount() {
        return (int) Math.ceilDiv(sizeBytes, zoneSizeBytes);
    }

    /** Returns the binary logarithm of the zone size. */
    public int zoneShift() {
        return Long.numberOfTrailingZeros(zoneSizeBytes);
    }

    /** Returns the device address of a zone in bytes. */
    public long zoneStart(int zone) {
        return (long) zone << zoneShift();
    }

    /** Returns the length of a zone: the zone size, or less for a smaller last zone. */
    public long zoneLengthBytes(int zone) {
        return Math.min(zoneSizeBytes, sizeBytes - zoneStart(zone));
    }

    /** Returns the writable bytes of a zone, from its start. All of a conventional zone is writable. */
    public long zoneCapacityBytes(int zone) {
        long length = zoneLengthBytes(zone);
        return isConventional(zone) ? length : Math.min(capacityBytes, length);
    }

    /** Returns whether an address is on the device. */
    public boolean contains(long offsetBytes) {
        return offsetBytes >= 0 && offsetBytes < sizeBytes;
    }

    /** Returns the index of the zone that holds a device address. */
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

    /** Returns the remedy for too many zones. A device that follows it can also be attached. */
    private static String largerZones(long sizeBytes) {
        return "use zones of %s or more".formatted(text(powerOfTwoFrom(Math.ceilDiv(sizeBytes, ATTACHED_ZONES_MAX))));
    }

    private static long powerOfTwoFrom(long value) {
        long highest = Long.highestOneBit(value);
        return highest == value ? value : 2 * highest;
    }

    /** Formats a size as a user would type it, in the largest unit that divides it. */
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
