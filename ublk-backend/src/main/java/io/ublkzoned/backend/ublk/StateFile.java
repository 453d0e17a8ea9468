package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.DeviceState;
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
import java.util.Optional;
import java.util.Set;

/**
 * The file that keeps the {@link DeviceState} of a device when its server dies. It need not survive a reboot: a state
 * of another boot is not used, because the unflushed data that it describes may be lost.
 */
final class StateFile implements Closeable {

    private final Arena arena = Arena.ofShared();
    private final StateMemory memory;

    private StateFile(FileChannel file) throws IOException {
        memory = StateMemory.of(file.map(MapMode.READ_WRITE, 0, file.size(), arena));
    }

    /**
     * Creates the file, all zeros, with its space allocated. Otherwise a later store could fail because the tmpfs is
     * full.
     */
    static StateFile create(Path path, long sizeBytes) throws IOException {
        Set<StandardOpenOption> options =
                Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        try (FileChannel file = FileChannel.open(path, options, RunDirectory.FILE_PERMISSIONS)) {
            ByteBuffer zeros = ByteBuffer.allocate(Math.toIntExact(sizeBytes));
            while (zeros.hasRemaining()) {
                file.write(zeros);
            }
            return new StateFile(file);
        }
    }

    /** Opens the file that a server left behind. It is empty if the server had not created it yet. */
    static StateFile open(Path path) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return new StateFile(file);
        } catch (NoSuchFileException e) {
            return new StateFile();
        }
    }

    /**
     * Reads the state that a server has stored, and may still be storing. It is empty if the server has not stored one
     * yet.
     */
    static Optional<DeviceState> read(Path path) throws IOException {
        try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
            return DeviceState.load(StateMemory.of(file.map(MapMode.READ_ONLY, 0, file.size(), Arena.ofAuto())));
        } catch (NoSuchFileException e) {
            return Optional.empty();
        }
    }

    private StateFile() {
        memory = StateMemory.onHeap(0);
    }

    /** Returns the words of the file, shared with it until {@link #close}. */
    StateMemory memory() {
        return memory;
    }

    @Override
    public void close() {
        arena.close();
    }
}
