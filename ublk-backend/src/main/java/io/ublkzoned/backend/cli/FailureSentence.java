package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.image.ImageInUseException;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.engine.zone.GeometryException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.OptionalInt;

/** The sentence that a user reads about a failure. */
final class FailureSentence {

    private FailureSentence() {}

    static String of(Throwable failure) {
        return switch (failure) {
            case ImageInUseException inUse -> ofImageInUse(inUse);
            case NoSuchFileException missing -> missing.getFile() + ": no such file";
            case AccessDeniedException denied -> denied.getFile() + ": no permission";
            case FileSystemException other when other.getReason() != null -> other.getFile() + ": " + other.getReason();
            case IOException io when io.getMessage() != null -> io.getMessage();
            case GeometryException geometry when geometry.getMessage() != null -> geometry.getMessage();
            default -> "internal error, please report it with the output of --debug: " + failure;
        };
    }

    /** Names the device as which the image is attached, if this user has permission to find it. */
    private static String ofImageInUse(ImageInUseException inUse) {
        try {
            OptionalInt device = RunDirectory.deviceOf(inUse.image());
            if (device.isPresent()) {
                return "%s is attached as /dev/ublkb%d: ublk-zoned del %2$d"
                        .formatted(inUse.image(), device.getAsInt());
            }
        } catch (IOException e) {
            // The device cannot be found, so the sentence does not name it.
        }
        return String.valueOf(inUse.getMessage());
    }
}
