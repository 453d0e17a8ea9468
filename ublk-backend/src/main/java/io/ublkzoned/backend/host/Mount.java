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
 * A mount in the namespace of a process, as proc_pid_mountinfo(5) describes it.
 *
 * @param id of the mount
 * @param parentId id of the mount below it
 * @param point the path of the mount
 * @param shared whether mounts and umounts below it are propagated to other namespaces
 * @param type of the file system
 * @param source the mounted object, a device for instance
 * @param options of the file system
 */
public record Mount(int id, int parentId, String point, boolean shared, String type, String source, String options) {

    /**
     * The fields of a line: ID, parent, device, root, point, mount options, optional fields, a lone hyphen, type,
     * source, options.
     */
    private static final Pattern LINE =
            Pattern.compile("(\\d+) (\\d+) \\S+ \\S+ (\\S+) \\S+(.*?) - (\\S+) (\\S+) ?(\\S*)");

    private static final Pattern OCTAL = Pattern.compile("\\\\([0-7]{3})");

    /** Reads all mounts that a file such as {@code /proc/self/mountinfo} lists, later ones above earlier ones. */
    public static List<Mount> read(Path mountInfo) throws IOException {
        return Files.readString(mountInfo, StandardCharsets.ISO_8859_1)
                .lines()
                .flatMap(line -> LINE.matcher(line).results())
                .map(Mount::of)
                .toList();
    }

    private static Mount of(MatchResult line) {
        return new Mount(
                Integer.parseInt(line.group(1)),
                Integer.parseInt(line.group(2)),
                plain(line.group(3)),
                line.group(4).contains(" shared:"),
                line.group(5),
                plain(line.group(6)),
                plain(line.group(7)));
    }

    /** Decodes a field. Blanks and the like are octal numbers; all other bytes are those of UTF-8. */
    private static String plain(String escaped) {
        String bytes = OCTAL.matcher(escaped)
                .replaceAll(
                        octal -> Matcher.quoteReplacement(String.valueOf((char) Integer.parseInt(octal.group(1), 8))));
        return new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
    }
}
