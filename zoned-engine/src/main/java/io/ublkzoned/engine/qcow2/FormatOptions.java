package io.ublkzoned.engine.qcow2;

import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.GeometryException;

/**
 * The options of a new image.
 *
 * @param geometry the device in it
 * @param clusterSizeBytes the unit of allocation, a power of two from 4 KiB to 2 MiB
 * @param layout the layout of the header extension that describes the device
 */
public record FormatOptions(DeviceGeometry geometry, int clusterSizeBytes, ZonedLayout layout) {

    /** The default zone size. */
    public static final long DEFAULT_ZONE_SIZE_BYTES = 256L << 20;

    /** The default cluster size, which is also qemu-img's. */
    public static final int DEFAULT_CLUSTER_SIZE_BYTES = 64 << 10;

    /** The default layout. */
    public static final ZonedLayout DEFAULT_LAYOUT = ZonedLayout.BE44;

    static final int CLUSTER_SIZE_MIN = 4 << 10;
    static final int CLUSTER_SIZE_MAX = 2 << 20;

    /**
     * Checks that the format and the layout have room for the device, and that it can be attached.
     *
     * @throws GeometryException if not
     */
    public FormatOptions {
        if (Integer.bitCount(clusterSizeBytes) != 1
                || clusterSizeBytes < CLUSTER_SIZE_MIN
                || clusterSizeBytes > CLUSTER_SIZE_MAX) {
            throw new GeometryException(
                    "the cluster size %d is not a power of two from 4K to 2M".formatted(clusterSizeBytes));
        }
        geometry.requireClusterSize(clusterSizeBytes);
        geometry.requireAttachable(clusterSizeBytes);
        layout.requireFits(geometry);
        HostLayout.plan(geometry, Integer.numberOfTrailingZeros(clusterSizeBytes), HostLayout.REFCOUNT_ORDER);
    }

    /**
     * Returns the usual options for a device, or the nearest to them that can hold it.
     *
     * @throws GeometryException if none can
     */
    public static FormatOptions of(DeviceGeometry geometry) {
        long zone = geometry.zoneSizeBytes();
        long cluster = Math.min(DEFAULT_CLUSTER_SIZE_BYTES, zone);
        long clusterMin = zone / DeviceGeometry.ATTACHED_ZONE_CLUSTERS_MAX;
        ZonedLayout layout = zone < 1L << Integer.SIZE ? DEFAULT_LAYOUT : ZonedLayout.V8;
        return new FormatOptions(geometry, (int) Math.max(cluster, clusterMin), layout);
    }

    /** Returns a builder with a device size and defaults for everything else. */
    public static Builder ofSize(long sizeBytes) {
        return new Builder(sizeBytes);
    }

    /** A builder of options. Used on one thread. */
    public static final class Builder {

        private final long sizeBytes;
        private long zoneSizeBytes = DEFAULT_ZONE_SIZE_BYTES;
        private long capacityBytes;
        private int conventionalZones;
        private int maxOpenZones;
        private int maxActiveZones;
        private int clusterSizeBytes = DEFAULT_CLUSTER_SIZE_BYTES;
        private ZonedLayout layout = DEFAULT_LAYOUT;

        private Builder(long sizeBytes) {
            this.sizeBytes = sizeBytes;
        }

        /** Sets the zone size, a power of two. */
        public Builder zoneSize(long bytes) {
            zoneSizeBytes = bytes;
            return this;
        }

        /** Sets the writable bytes of a sequential zone; 0, the default, is the whole zone. */
        public Builder capacity(long bytes) {
            capacityBytes = bytes;
            return this;
        }

        public Builder conventionalZones(int zones) {
            conventionalZones = zones;
            return this;
        }

        /** Sets the open limit; 0, the default, is unlimited. */
        public Builder maxOpenZones(int zones) {
            maxOpenZones = zones;
            return this;
        }

        /** Sets the active limit; 0, the default, is unlimited. It limits open zones too. */
        public Builder maxActiveZones(int zones) {
            maxActiveZones = zones;
            return this;
        }

        public Builder clusterSize(int bytes) {
            clusterSizeBytes = bytes;
            return this;
        }

        public Builder layout(ZonedLayout zonedLayout) {
            layout = zonedLayout;
            return this;
        }

        /**
         * Builds and checks the options. Without an open limit the active limit is stored as both, because a reader of
         * the format takes an open limit of 0 as unlimited.
         *
         * @throws GeometryException if no device can have these options
         */
        public FormatOptions build() {
            DeviceGeometry geometry = new DeviceGeometry(
                    sizeBytes,
                    zoneSizeBytes,
                    capacityBytes == 0 ? zoneSizeBytes : capacityBytes,
                    conventionalZones,
                    maxOpenZones == 0 ? maxActiveZones : maxOpenZones,
                    maxActiveZones);
            return new FormatOptions(geometry, clusterSizeBytes, layout);
        }
    }
}
