package io.ublkzoned.bindings.ublk;

import io.ublkzoned.bindings.generated.ublk.ublk_h;
import io.ublkzoned.bindings.generated.ublk.ublksrv_ctrl_dev_info;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The description of a ublk device (struct ublksrv_ctrl_dev_info). ADD_DEV reads it and writes back the values that the
 * driver has chosen; GET_DEV_INFO fills it. A new one is all zeros, and lives as long as its arena.
 */
public final class UblkDeviceInfo {
    public static final int STATE_DEAD = ublk_h.UBLK_S_DEV_DEAD();
    public static final int STATE_LIVE = ublk_h.UBLK_S_DEV_LIVE();
    /** The server is gone, and a new one may take over. */
    public static final int STATE_QUIESCED = ublk_h.UBLK_S_DEV_QUIESCED();

    public static final int STATE_FAIL_IO = ublk_h.UBLK_S_DEV_FAIL_IO();

    private final MemorySegment segment;

    public UblkDeviceInfo(Arena arena) {
        this.segment = arena.allocate(ublksrv_ctrl_dev_info.layout());
    }

    /** Returns the buffer for a control command. */
    public MemorySegment segment() {
        return segment;
    }

    public int queues() {
        return Short.toUnsignedInt(ublksrv_ctrl_dev_info.nr_hw_queues(segment));
    }

    public UblkDeviceInfo queues(int count) {
        ublksrv_ctrl_dev_info.nr_hw_queues(segment, (short) count);
        return this;
    }

    public int queueDepth() {
        return Short.toUnsignedInt(ublksrv_ctrl_dev_info.queue_depth(segment));
    }

    public UblkDeviceInfo queueDepth(int depth) {
        ublksrv_ctrl_dev_info.queue_depth(segment, (short) depth);
        return this;
    }

    /** Returns one of STATE_.... */
    public int state() {
        return Short.toUnsignedInt(ublksrv_ctrl_dev_info.state(segment));
    }

    /** Returns the stride of descriptors with UBLK_F_IO_DESC_SIZE, else 0. */
    public int descriptorBytes() {
        return Short.toUnsignedInt(ublksrv_ctrl_dev_info.io_desc_size(segment));
    }

    public UblkDeviceInfo descriptorBytes(int bytes) {
        ublksrv_ctrl_dev_info.io_desc_size(segment, (short) bytes);
        return this;
    }

    /** Returns the size of the largest request. The driver rounds it down to whole pages. */
    public int bufferBytesMax() {
        return ublksrv_ctrl_dev_info.max_io_buf_bytes(segment);
    }

    public UblkDeviceInfo bufferBytesMax(int bytes) {
        ublksrv_ctrl_dev_info.max_io_buf_bytes(segment, bytes);
        return this;
    }

    public int deviceId() {
        return ublksrv_ctrl_dev_info.dev_id(segment);
    }

    public UblkDeviceInfo deviceId(int id) {
        ublksrv_ctrl_dev_info.dev_id(segment, id);
        return this;
    }

    /** Returns the process that serves the device, or -1. */
    public int serverPid() {
        return ublksrv_ctrl_dev_info.ublksrv_pid(segment);
    }

    /** Returns bits of {@link UblkFeatures}. */
    public long features() {
        return ublksrv_ctrl_dev_info.flags(segment);
    }

    public UblkDeviceInfo features(long bits) {
        ublksrv_ctrl_dev_info.flags(segment, bits);
        return this;
    }

    /** Returns 64 bits that the driver stores for the server and does not interpret. */
    public long serverFlags() {
        return ublksrv_ctrl_dev_info.ublksrv_flags(segment);
    }

    public UblkDeviceInfo serverFlags(long bits) {
        ublksrv_ctrl_dev_info.ublksrv_flags(segment, bits);
        return this;
    }

    public int ownerUserId() {
        return ublksrv_ctrl_dev_info.owner_uid(segment);
    }

    public int ownerGroupId() {
        return ublksrv_ctrl_dev_info.owner_gid(segment);
    }
}
