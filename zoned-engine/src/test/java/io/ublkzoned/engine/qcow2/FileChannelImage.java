package io.ublkzoned.engine.qcow2;

import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** An image in a file, for other programs to read. */
final class FileChannelImage implements ImageFile, AutoCloseable {

    private final FileChannel channel;

    FileChannelImage(Path path) throws IOException {
        channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE);
    }

    @Override
    public long sizeBytes() throws IOException {
        return channel.size();
    }

    @Override
    public void read(MemorySegment target, long offsetBytes) throws IOException {
        ByteBuffer buffer = target.asByteBuffer();
        while (buffer.hasRemaining()) {
            if (channel.read(buffer, offsetBytes + buffer.position()) < 0) {
                throw new EOFException();
            }
        }
    }

    @Override
    public void write(MemorySegment source, long offsetBytes) throws IOException {
        ByteBuffer buffer = source.asByteBuffer();
        while (buffer.hasRemaining()) {
            channel.write(buffer, offsetBytes + buffer.position());
        }
    }

    @Override
    public void sync(Barrier barrier) throws IOException {
        channel.force(true);
    }

    @Override
    public void punchHole(long offsetBytes, long lengthBytes) throws IOException {
        long length = Math.min(lengthBytes, sizeBytes() - offsetBytes);
        if (length > 0) {
            write(MemorySegment.ofArray(new byte[Math.toIntExact(length)]), offsetBytes);
        }
    }

    @Override
    public void setSize(long sizeBytes) throws IOException {
        if (sizeBytes < channel.size()) {
            channel.truncate(sizeBytes);
        } else if (sizeBytes > channel.size()) {
            channel.write(ByteBuffer.wrap(new byte[1]), sizeBytes - 1);
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
