package io.ublkzoned.bindings.ublk;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.ublkzoned.bindings.generated.ublk.ublk_h;
import io.ublkzoned.bindings.generated.ublk.ublksrv_io_desc;
import io.ublkzoned.bindings.linux.Mapping;
import java.lang.foreign.MemorySegment;

/**
 * The request descriptors of one queue, by tag (struct ublksrv_io_desc). The driver writes them to memory that the
 * server maps read-only from {@code /dev/ublkcN}.
 *
 * <p>On the data path, on the thread of the queue. A tag may be read from the completion of its fetch to its commit.
 */
public final class UblkIoDescriptors {
    /** The size of a descriptor, unless UBLK_F_IO_DESC_SIZE makes it larger. */
    public static final int ENTRY_BYTES = (int) ublksrv_io_desc.sizeof();

    private static final long OP_FLAGS = ublksrv_io_desc.op_flags$offset();
    private static final long SECTORS = ublksrv_io_desc.nr_sectors$offset();
    private static final long START_SECTOR = ublksrv_io_desc.start_sector$offset();
    private static final long ADDRESS = ublksrv_io_desc.addr$offset();
    private static final int OP_MASK = 0xff;

    private final MemorySegment entries;
    private final long strideBytes;

    /**
     * Reads descriptors from mapped memory.
     *
     * @param entries {@link #mappingBytes} at {@link #mappingOffset} of the char device
     * @param strideBytes {@link #ENTRY_BYTES}, or that of the device info
     */
    public UblkIoDescriptors(MemorySegment entries, int strideBytes) {
        this.entries = entries;
        this.strideBytes = strideBytes;
    }

    /** Returns the offset in {@code /dev/ublkcN} of the descriptors of a queue. */
    public static long mappingOffset(int queueId, int strideBytes) {
        return ublk_h.UBLKSRV_CMD_BUF_OFFSET() + queueId * mappingBytes(ublk_h.UBLK_MAX_QUEUE_DEPTH(), strideBytes);
    }

    /** Returns the length to map for a queue: whole pages. The driver refuses any other length. */
    public static long mappingBytes(int queueDepth, int strideBytes) {
        long pageBytes = Mapping.pageBytes();
        return ((long) queueDepth * strideBytes + pageBytes - 1) / pageBytes * pageBytes;
    }

    /** Returns one of {@link UblkOperations}. */
    public int operation(int tag) {
        return opFlags(tag) & OP_MASK;
    }

    /** Returns FLAG_... bits of {@link UblkOperations}, all above bit 7. */
    public int flags(int tag) {
        return opFlags(tag) & ~OP_MASK;
    }

    private int opFlags(int tag) {
        return entries.get(JAVA_INT, tag * strideBytes + OP_FLAGS);
    }

    /** Returns the length in sectors of 512 bytes. For REPORT_ZONES it is the number of zones wanted. */
    public int sectors(int tag) {
        return entries.get(JAVA_INT, tag * strideBytes + SECTORS);
    }

    /** Returns the start in sectors of 512 bytes from the start of the device. */
    public long startSector(int tag) {
        return entries.get(JAVA_LONG, tag * strideBytes + START_SECTOR);
    }

    /** Returns the address of the buffer as given at the fetch. It has no meaning with USER_COPY. */
    public long address(int tag) {
        return entries.get(JAVA_LONG, tag * strideBytes + ADDRESS);
    }
}
