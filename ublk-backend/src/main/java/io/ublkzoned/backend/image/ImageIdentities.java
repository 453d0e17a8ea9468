package io.ublkzoned.backend.image;

import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.engine.ImageIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Map;
import java.util.UUID;

/** The identities of image files, boots and attaches. */
public final class ImageIdentities {

    private static final Path RANDOM = Path.of("/proc/sys/kernel/random");

    private ImageIdentities() {}

    /** Returns the identity of an open image in this boot. */
    public static ImageIdentity of(FileDescriptor image) throws IOException {
        return of(Path.of("/proc/self/fd/" + image.value()));
    }

    /**
     * Returns the identity of the file that a path leads to, in this boot. {@code options} say whether a symbolic link
     * is followed.
     */
    public static ImageIdentity of(Path image, LinkOption... options) throws IOException {
        Map<String, Object> attributes = Files.readAttributes(image, "unix:dev,ino", options);
        return new ImageIdentity(bootId(), number(attributes, "dev"), number(attributes, "ino"));
    }

    private static long number(Map<String, Object> attributes, String name) {
        return ((Number) attributes.getOrDefault(name, 0L)).longValue();
    }

    /** Returns the id of this boot. */
    public static UUID bootId() throws IOException {
        return uuid("boot_id");
    }

    /**
     * Returns a new random id for an attach. It comes from the kernel, because Java's generator takes a while to start.
     */
    public static UUID newAttachId() throws IOException {
        return uuid("uuid");
    }

    private static UUID uuid(String file) throws IOException {
        return UUID.fromString(Files.readString(RANDOM.resolve(file)).strip());
    }
}
