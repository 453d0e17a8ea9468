package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.StateMemory;
import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * The file in which a device's {@link io.ublkzoned.engine.DeviceState} outlives its server. It lies on the tmpfs at /run:
 * gone after a power cut, as it must be, since what it says of unflushed data is no longer true then.
 */
final class StateFile implements Closeable {

    private final Arena arena = Arena.ofShared();
    private final StateMemory memory;

    private StateFile(FileChannel file) throws IOException {
        memory = StateMemory.of(file.map(MapMode.READ_WRITE, 0, file.size(), arena));
    }

    /** Makes the file, all zeros, with its memory allocated: a later store must not find the tmpfs full. */
    static StateFile create(Path path, long sizeBytes) throws IOException {
        try (FileChannel file = FileChannel.open(
                path, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer zeros = ByteBuffer.allocate(Math.toIntExact(sizeBytes));
            while (zeros.hasRemaining()) {
                file.write(zeros);
            }
            return new StateFile(file);
        }
    }

    /** Opens what a server left behind; empty if it did not come so far. */
    static StateFile open(Path path) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return new StateFile(file);
        } catch (NoSuchFileException e) {
            return new StateFile();
        }
    }

    private StateFile() {
        memory = StateMemory.onHeap(0);
    }

    /** The file's words, shared with it until {@link #close}. */
    StateMemory memory() {
        return memory;
    }

    @Override
    public void close() {
        arena.close();
    }
}
