package io.ublkzoned.backend.cli;

import io.ublkzoned.bindings.ublk.UblkCommands;
import java.util.OptionalInt;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The names of a device: {@code 3}, {@code /dev/ublkb3} and {@code /dev/ublkc3}. */
final class DeviceName {

    private static final Pattern NAME = Pattern.compile("(?:/dev/ublk[bc])?([0-9]{1,9})");

    private DeviceName() {}

    /** Returns the id in the name of a device, or nothing if the word names no device. */
    static OptionalInt parse(String word) {
        Matcher matcher = NAME.matcher(word);
        return matcher.matches() ? OptionalInt.of(Integer.parseInt(matcher.group(1))) : OptionalInt.empty();
    }

    static String path(int id) {
        return UblkCommands.BLOCK_DEVICE_PATH_PREFIX + id;
    }

    /**
     * Returns the id in the name of a device.
     *
     * @throws IllegalArgumentException with a sentence if the word names no device
     */
    static int id(String word) {
        return parse(word)
                .orElseThrow(() ->
                        new IllegalArgumentException("'%s' is not a device: use N or /dev/ublkbN".formatted(word)));
    }
}
