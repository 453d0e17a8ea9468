package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.AttachRecord;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.qcow2.ZoneMap;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;

/**
 * Compares a saved state with the image that a server finds, before anything is written. A state that is believed with a
 * wrong image puts write pointers above data that the image does not have.
 *
 * <p>Used by the thread that opens the image.
 */
final class StateCheck {

    private final ImageFile file;
    private final Qcow2Image image;
    private final DeviceState state;
    private final ImageIdentity found;

    /**
     * @param image open for reading only
     * @param found the file of the image
     */
    StateCheck(ImageFile file, Qcow2Image image, DeviceState state, ImageIdentity found) {
        this.file = file;
        this.image = image;
        this.state = state;
        this.found = found;
    }

    /**
     * Requires that the image is the one that the device was attached to, in this boot, and that no other program has written
     * to it since.
     *
     * @return whether the server closed it, so that the state no longer matters
     */
    boolean requireSameAttach() throws StateException {
        if (!state.image().bootId().equals(found.bootId())) {
            throw new StateException(
                    "the saved state is of an earlier boot, and unflushed data did not survive that boot's end");
        }
        boolean same = image.attachRecord()
                .filter(record -> record.id().equals(state.attachId()))
                .isPresent();
        if (!same) {
            throw new StateException(
                    "this is not the image that the device was attached to, but another one or an older copy");
        }
        if (!image.geometry().equals(state.geometry())) {
            throw new StateException("the zones of this image are not those of the device");
        }
        if (!image.isDirty() && !image.isClosedHere()) {
            throw new StateException("another program has written to the image since the server of the device died");
        }
        return !image.isDirty();
    }

    /**
     * Requires that the image has all data that the state says was acknowledged: every change of metadata, and below the write
     * pointers a cluster for each byte. In a copy of the file these clusters must not be holes either: space is mapped
     * before it is written, so an older copy can have the cluster and not the data.
     */
    void requireAcknowledgedData() throws IOException {
        long generation = image.attachRecord().map(AttachRecord::generation).orElseThrow();
        // The image is ahead by one if the server died between the two.
        if (generation != state.generation() && generation != state.generation() + 1) {
            throw new StateException("this is an older copy of the image, without changes that were flushed later");
        }
        DeviceGeometry geometry = image.geometry();
        for (int zone = geometry.conventionalZones(); zone < geometry.zoneCount(); zone++) {
            boolean finished = state.was(zone, ZoneCondition.FULL) && state.lastWriteBytes(zone) == 0;
            long flushed = image.writePointers().get(zone);
            long acknowledged =
                    Math.min(state.writePointerBytes(zone), geometry.zoneStart(zone) + geometry.capacityBytes());
            if (!finished && acknowledged > flushed) {
                requireData(zone, flushed, acknowledged);
            }
        }
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
