package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.DeadDevice;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ServerLock;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The target of a command: an image and, if it is attached, its device.
 *
 * @param image the path as the user gave it, or the path in the run directory if the user named a device
 */
record Target(Path image, @Nullable LiveDevice device) {

    /** Adds the options that name a target. */
    static Syntax options(Syntax syntax) {
        return syntax.image().option("-n", "N", "The device, if it is not an argument.");
    }

    /** Returns the one target that a command line names. */
    static Target find(Arguments line) throws IOException {
        Operands operands = line.operands();
        Target target = find(line, operands);
        operands.end();
        return target;
    }

    /** Returns the target that an option or the next word names. */
    static Target find(Arguments line, Operands operands) throws IOException {
        Integer device = line.value("-n", DeviceName::id);
        if (device == null) {
            return named(line, operands);
        }
        if (line.has(Operands.IMAGE)) {
            throw operands.usage("--image and -n exclude each other");
        }
        return ofDevice(device);
    }

    private static Target named(Arguments line, Operands operands) throws IOException {
        if (line.has(Operands.IMAGE)) {
            return ofImage(operands.image());
        }
        String word = operands.next();
        if (word == null) {
            throw operands.usage("the image or device is missing");
        }
        OptionalInt id = DeviceName.parse(word);
        return id.isPresent() ? ofDevice(id.getAsInt()) : ofImage(operands.path(word));
    }

    private static Target ofImage(Path image) throws IOException {
        OptionalInt id = LiveDevice.of(image);
        return new Target(image, id.isPresent() ? ofDevice(id.getAsInt()).device() : null);
    }

    /** Returns the target that is a device. Requires that it has a server. */
    static Target ofDevice(int id) throws IOException {
        RunDirectory directory = new RunDirectory(id);
        LiveDevice device = new LiveDevice(id);
        if (!directory.exists()) {
            throw LiveDevice.noDevice(id);
        }
        if (!device.exists()) {
            ServerLock.Holder server = ServerLock.holder(directory);
            if (server != null && server.phase() == ServerLock.Phase.OFF) {
                throw new CommandFailure(
                        "device %d has no power: it comes back when its last user closes it".formatted(id));
            }
            throw new CommandFailure("device %d is dead, its server is gone: ublk-zoned del %1$d".formatted(id));
        }
        if (DeadDevice.isWaiting(id)) {
            throw new CommandFailure("device %d waits for a new server: ublk-zoned recover %1$d".formatted(id));
        }
        return new Target(directory.image(), device);
    }

    /** Returns the zones of the device as they are now, or those of the image as they will be when it is attached. */
    List<ReportedZone> zones() throws IOException {
        if (device != null) {
            return device.zones();
        }
        ImageReader.requireUnused(image);
        return ImageReader.read(image, file -> ImageReader.zones(ImageReader.open(file)));
    }

    /** Returns a name for output: {@code /dev/ublkb0 (disk.qcow2)}. */
    String title() {
        return device == null ? image.toString() : device.path() + " (" + image + ")";
    }
}
