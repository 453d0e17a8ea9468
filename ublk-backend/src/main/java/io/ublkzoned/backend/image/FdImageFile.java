package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.bindings.linux.FileFlags;
import io.ublkzoned.bindings.linux.Libc;
import io.ublkzoned.bindings.linux.PageCache;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ImageFile;
import io.ublkzoned.engine.qcow2.ImageIoException;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.slf4j.LoggerFactory;

/**
 * An image file accessed by plain system calls, for its metadata. Segments on the heap are copied, since the kernel
 * cannot access them.
 */
public final class FdImageFile implements ImageFile {

    private static final int PUNCH_HOLE = FileFlags.FALLOC_FL_PUNCH_HOLE | FileFlags.FALLOC_FL_KEEP_SIZE;
    private static final long ZEROS_BYTES = 1 << 20;

    /**
     * The number of attempts to drop the page cache. An attempt skips pages that are briefly in use, for instance by
     * reclaim.
     */
    private static final int DROPS_MAX = 100;

    private static final long DROP_NANOS = TimeUnit.MILLISECONDS.toNanos(20);

    private final FileDescriptor file;

    /**
     * Accesses an open file.
     *
     * @param file open for reading, and for writing if the image is to be written; the caller closes it
     */
    public FdImageFile(FileDescriptor file) {
        this.file = file;
    }

    @Override
    public long sizeBytes() throws IOException {
        return check(Libc.lseek(file.value(), 0, FileFlags.SEEK_END), "lseek");
    }

    @Override
    public int blockBytes() throws IOException {
        return Math.toIntExact(fileStore().getBlockSize());
    }

    @Override
    public void read(MemorySegment target, long offsetBytes) throws IOException {
        if (!target.isNative()) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment copy = arena.allocate(target.byteSize());
                read(copy, offsetBytes);
                target.copyFrom(copy);
            }
            return;
        }
        long read = check(Libc.preadFully(file.value(), target, offsetBytes), "pread");
        if (read < target.byteSize()) {
            throw new EOFException(file.name() + ": the file ends at " + (offsetBytes + read));
        }
    }

    @Override
    public long nextData(long offsetBytes) throws IOException {
        long result = Libc.lseek(file.value(), offsetBytes, FileFlags.SEEK_DATA);
        if (result == -Errno.ENXIO) {
            return Math.max(offsetBytes, sizeBytes());
        }
        // A block device has no holes and does not know the call.
        return result == -Errno.EINVAL ? offsetBytes : check(result, "lseek(SEEK_DATA)");
    }

    @Override
    public long nextHole(long offsetBytes) throws IOException {
        long result = Libc.lseek(file.value(), offsetBytes, FileFlags.SEEK_HOLE);
        // ENXIO: at or past the end of the file. EINVAL: a block device.
        return result == -Errno.ENXIO || result == -Errno.EINVAL
                ? Math.max(offsetBytes, sizeBytes())
                : check(result, "lseek(SEEK_HOLE)");
    }

    @Override
    public void write(MemorySegment source, long offsetBytes) throws IOException {
        write(source, source.byteSize(), offsetBytes);
    }

    /** Writes a segment. Allocates nothing if the segment is native, as in a flush. */
    @Override
    public void write(MemorySegment source, long lengthBytes, long offsetBytes) throws IOException {
        if (!source.isNative()) {
            try (Arena arena = Arena.ofConfined()) {
                write(arena.allocate(lengthBytes).copyFrom(source.asSlice(0, lengthBytes)), offsetBytes);
            }
            return;
        }
        long done = 0;
        while (done < lengthBytes) {
            long written = Libc.pwrite(file.value(), source.address() + done, lengthBytes - done, offsetBytes + done);
            done += check(written == 0 ? -Errno.EIO : written, "pwrite");
        }
    }

    @Override
    public void sync(Barrier barrier) throws IOException {
        check(Libc.fdatasync(file.value()), "fdatasync");
    }

    @Override
    public void punchHole(long offsetBytes, long lengthBytes) throws IOException {
        int result = Libc.fallocate(file.value(), PUNCH_HOLE, offsetBytes, lengthBytes);
        if (result == -Errno.EOPNOTSUPP) {
            writeZeros(offsetBytes, lengthBytes);
        } else {
            check(result, "fallocate(PUNCH_HOLE)");
        }
    }

    /**
     * Writes zeros on a file system without holes. Nothing past the end of the file is written, since it reads as zeros
     * anyway.
     */
    private void writeZeros(long offsetBytes, long lengthBytes) throws IOException {
        long end = Math.min(offsetBytes + lengthBytes, sizeBytes());
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment zeros = arena.allocate(Math.min(ZEROS_BYTES, lengthBytes));
            for (long at = offsetBytes; at < end; at += zeros.byteSize()) {
                write(zeros.asSlice(0, Math.min(zeros.byteSize(), end - at)), at);
            }
        }
    }

    @Override
    public void setSize(long sizeBytes) throws IOException {
        check(Libc.ftruncate(file.value(), sizeBytes), "ftruncate");
    }

    /**
     * Drops the page cache of the file. Syncs it before that. The sync may fail: data that it cannot write are lost,
     * and must not be read again.
     */
    @Override
    public void discardCache() throws IOException {
        int synced = Libc.fdatasync(file.value());
        if (synced < 0) {
            LoggerFactory.getLogger(FdImageFile.class)
                    .warn(
                            "fdatasync({}) failed with {}: the data that it did not write are lost",
                            file.name(),
                            Errno.name(-synced));
        }
        if (isInMemory()) {
            return;
        }
        check(PageCache.drop(file.value()), "posix_fadvise(DONTNEED)");
        for (int tries = 1; PageCache.cleanPages(file.value()) > 0; tries++) {
            if (tries == DROPS_MAX) {
                throw new IOException(
                        "%s: the page cache keeps data of the file that may not be on the disk: end the processes that have the file mapped, or unmount its file system and mount it again"
                                .formatted(file.name()));
            }
            LockSupport.parkNanos(DROP_NANOS);
            check(PageCache.drop(file.value()), "posix_fadvise(DONTNEED)");
        }
    }

    /** Returns whether the file system keeps its data only in the page cache. */
    private boolean isInMemory() throws IOException {
        String type = fileStore().type();
        return type.equals("tmpfs") || type.equals("ramfs");
    }

    private FileStore fileStore() throws IOException {
        return Files.getFileStore(Path.of("/proc/self/fd/" + file.value()));
    }

    private long check(long result, String call) throws ImageIoException {
        if (result < 0) {
            int errno = (int) -result;
            throw new ImageIoException(call + "(" + file.name() + "): " + Errno.name(errno), errno);
        }
        return result;
    }
}
