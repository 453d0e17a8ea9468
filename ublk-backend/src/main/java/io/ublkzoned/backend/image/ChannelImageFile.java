package io.ublkzoned.backend.image;

import io.ublkzoned.engine.Barrier;
import io.ublkzoned.engine.ImageFile;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The image of a command on one that is not attached: plain Java, no native code. Used on one thread. */
public final class ChannelImageFile implements ImageFile, Closeable {

    private static final int BUFFER_BYTES = 256 << 10;

    private final Path path;
    private final FileChannel channel;

    // Everything passes through it, because a channel takes no segment over an array of another type than bytes.
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
    private final MemorySegment bufferSegment = MemorySegment.ofBuffer(buffer);

    private ChannelImageFile(Path path, FileChannel channel) {
        this.path = path;
        this.channel = channel;
    }

    /** Opens an existing file; every write then fails. */
    public static ChannelImageFile openReadOnly(Path path) throws IOException {
        return new ChannelImageFile(path, FileChannel.open(path, StandardOpenOption.READ));
    }

    /** Makes a new, empty file; it is an error if there is one. */
    public static ChannelImageFile create(Path path) throws IOException {
        return new ChannelImageFile(
                path,
                FileChannel.open(
                        path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW));
    }

    @Override
    public long sizeBytes() throws IOException {
        return channel.size();
    }

    @Override
    public void read(MemorySegment target, long offsetBytes) throws IOException {
        long done = 0;
        while (done < target.byteSize()) {
            int count = channel.read(bufferFor(target.byteSize() - done), offsetBytes + done);
            if (count < 0) {
                throw new EOFException(path + ": the file ends at " + (offsetBytes + done));
            }
            MemorySegment.copy(bufferSegment, 0, target, done, count);
            done += count;
        }
    }

    @Override
    public void write(MemorySegment source, long offsetBytes) throws IOException {
        long done = 0;
        while (done < source.byteSize()) {
            ByteBuffer chunk = bufferFor(source.byteSize() - done);
            MemorySegment.copy(source, done, bufferSegment, 0, chunk.limit());
            done += writeChunk(chunk, offsetBytes + done);
        }
    }

    private int writeChunk(ByteBuffer chunk, long offsetBytes) throws IOException {
        try {
            return channel.write(chunk, offsetBytes);
        } catch (IOException e) {
            throw new IOException(path + ": " + e.getMessage(), e);
        }
    }

    /** The start of the buffer, as long as fits of what is left. */
    private ByteBuffer bufferFor(long leftBytes) {
        return buffer.clear().limit((int) Math.min(leftBytes, BUFFER_BYTES));
    }

    @Override
    public void sync(Barrier barrier) throws IOException {
        channel.force(false);
    }

    /**
     * Writes zeros: Java cannot punch. Nothing past the end of the file is written, since that reads as zeros anyway.
     */
    @Override
    public void punchHole(long offsetBytes, long lengthBytes) throws IOException {
        long end = Math.min(offsetBytes + lengthBytes, sizeBytes());
        bufferSegment.fill((byte) 0);
        long at = offsetBytes;
        while (at < end) {
            at += writeChunk(bufferFor(end - at), at);
        }
    }

    @Override
    public void setSize(long sizeBytes) throws IOException {
        // A channel can make a file shorter, but longer only by writing to it.
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(sizeBytes);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
