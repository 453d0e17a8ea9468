package io.ublkzoned.backend.host;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A mount in the namespace of a process.
 *
 * @param point where it is
 * @param type of the file system
 * @param source what is mounted, a device for instance
 */
public record Mount(String point, String type, String source) {

    /**
     * proc_pid_mountinfo(5): the fifth field is the mount point; behind the lone hyphen come the type and what is mounted.
     */
    private static final Pattern LINE = Pattern.compile("\\S+ \\S+ \\S+ \\S+ (\\S+) .* - (\\S+) (\\S+) .*");

    private static final Pattern OCTAL = Pattern.compile("\\\\([0-7]{3})");

    /** All mounts that a file such as {@code /proc/self/mountinfo} lists, later ones above earlier ones. */
    public static List<Mount> read(Path mountInfo) throws IOException {
        return Files.readString(mountInfo, StandardCharsets.ISO_8859_1)
                .lines()
                .flatMap(line -> LINE.matcher(line).results())
                .map(Mount::of)
                .toList();
    }

    private static Mount of(MatchResult line) {
        String point = OCTAL.matcher(line.group(1))
                .replaceAll(
                        octal -> Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(octal.group(1), 8))));
        return new Mount(point, line.group(2), line.group(3));
    }
}
