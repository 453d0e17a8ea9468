package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.AttachRecord;
import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;

/**
 * The comparison of a saved state with the image that a server finds, before anything is written. A state that is used
 * with the wrong image would put write pointers above data that the image does not have.
 *
 * <p>The thread that opens the image uses it.
 */
final class StateCheck {

    private final ImageFile file;
    private final Qcow2Image image;
    private final DeviceState state;
    private final ImageIdentity found;

    /**
     * @param image the image, open for reading only
     * @param found the identity of its file
     */
    StateCheck(ImageFile file, Qcow2Image image, DeviceState state, ImageIdentity found) {
        this.file = file;
        this.image = image;
        this.state = state;
        this.found = found;
    }

    /**
     * Checks three conditions: the image is the one that the device was attached to, in this boot; it has everything
     * that was flushed; no other program has written to it since.
     *
     * @return whether the server closed the image, so that the state no longer matters
     */
    boolean requireSameAttach() throws StateException {
        if (!state.image().bootId().equals(found.bootId())) {
            throw new StateException(
                    "the saved state is of an earlier boot, and unflushed data did not survive that boot's end");
        }
        AttachRecord record = image.attachRecord().orElse(null);
        if (record == null || !record.id().equals(state.attachId())) {
            throw new StateException(
                    "this is not the image that the device was attached to, but another one or an older copy");
        }
        if (!image.geometry().equals(state.shape().geometry())) {
            throw new StateException("the zones of this image are not those of the device");
        }
        if (!image.isDirty() && !image.isClosedHere()) {
            throw new StateException("another program has written to the image since the server of the device died");
        }
        // The image is ahead by one if the server died between writing the generation to the image and to the state.
        if (record.generation() < state.durableGeneration() || record.generation() > state.generation() + 1) {
            throw new StateException("this is an older copy of the image, without changes that were flushed later");
        }
        return !image.isDirty();
    }

    /**
     * Checks that the image has all data that was acknowledged according to the state: every change of metadata, and a
     * cluster for each byte below the write pointers. In a copy of the file, no block of these clusters may be a hole
     * either. Space is mapped before it is written, so an older copy can have the cluster without the data. In two
     * cases holes do not show this: if a block of the file system is larger than a block of the device, or if a failed
     * write has left data where a later write went. A copy with data since the last flush is then refused.
     */
    void requireAcknowledgedData() throws IOException {
        long generation = image.attachRecord().map(AttachRecord::generation).orElseThrow();
        if (generation < state.generation()) {
            throw new StateException(
                    "this is an older copy of the image, without changes that were acknowledged later");
        }
        DeviceGeometry geometry = image.geometry();
        for (int zone = geometry.conventionalZones(); zone < geometry.zoneCount(); zone++) {
            long flushed = image.writePointers().get(zone);
            long acknowledged = state.writePointerBytes(zone);
            boolean full = acknowledged == geometry.zoneStart(zone) + geometry.zoneSizeBytes();
            acknowledged = Math.min(acknowledged, geometry.zoneStart(zone) + geometry.capacityBytes());
            // A finish counts as a change of metadata, and the rest of its zone has no data.
            boolean finished = full && state.lastWriteBytes(zone) == 0;
            if (!finished && acknowledged > flushed) {
                requireComparable(zone);
                requireData(zone, flushed, acknowledged);
            }
        }
    }

    private void requireComparable(int zone) throws IOException {
        if (state.image().isSameFile(found)) {
            return;
        }
        if (state.hasRemains(zone)) {
            throw cannotBeChecked("a failed write has left data in zone %d".formatted(zone));
        }
        if (state.shape().blockBytes() % file.blockBytes() != 0) {
            throw cannotBeChecked("the file system has blocks of %d bytes and the device of %d"
                    .formatted(file.blockBytes(), state.shape().blockBytes()));
        }
    }

    private static StateException cannotBeChecked(String reason) {
        return new StateException(
                "this is a copy of the image, and may lack writes since the last flush: this cannot be checked, because "
                        + reason);
    }

    private void requireData(int zone, long startBytes, long endBytes) throws IOException {
        int shift = image.clusterBits();
        long first = startBytes >>> shift;
        int count = (int) (((endBytes - 1) >>> shift) - first + 1);
        long[] hosts = new long[count];
        image.readMapping(first, count, hosts);
        for (int i = 0; i < count; i++) {
            long from = Math.max(startBytes, (first + i) << shift);
            long to = Math.min(endBytes, (first + i + 1) << shift);
            long inCluster = from & (1L << shift) - 1;
            if (hosts[i] == ZoneMap.HOLE || !hasData((hosts[i] << shift) + inCluster, to - from)) {
                throw new StateException(
                        "the image lacks data of zone %d that was acknowledged: it is an older copy".formatted(zone));
            }
        }
    }

    private boolean hasData(long offsetBytes, long lengthBytes) throws IOException {
        long end = offsetBytes + lengthBytes;
        return end <= file.sizeBytes() && (state.image().isSameFile(found) || file.nextHole(offsetBytes) >= end);
    }
}
