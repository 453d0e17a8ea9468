package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.image.ChannelImageFile;
import io.ublkzoned.engine.ImageFormatException;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code check}: looks for damage, and answers by qemu-img's exit statuses. */
@Command(
        name = "check",
        description = "Look for damage in an image that is not attached.",
        synopsisHeading = "usage: ",
        customSynopsis = "ublk-zoned check [OPTION]... IMAGE",
        optionListHeading = "%n",
        sortOptions = false,
        footer = {
            "",
            "Exit status, as qemu-img's: 0 nothing found, 1 the check failed, 2 damage that puts data at risk,",
            "3 leaked clusters, which only cost space, 63 not an image with zones."
        })
final class Check implements Subcommand {

    private static final int CORRUPT = 2;
    private static final int LEAKS = 3;
    private static final int NOT_SUPPORTED = 63;

    // The qcow2 header, big-endian.
    private static final int MAGIC = 0x514649fb; // "QFI\xfb"
    private static final int VERSION_OFFSET = 4;
    private static final int ZONED_VERSION = 3;
    private static final int INCOMPATIBLE_OFFSET = 72;
    private static final long ZONED_BIT = 1 << 5;
    private static final int HEADER_BYTES = INCOMPATIBLE_OFFSET + Long.BYTES;

    @Option(names = "--image", paramLabel = "FILE", description = "The image, instead of an argument.")
    private @Nullable Path image;

    @Option(names = "--json", description = "Show the result in JSON.")
    private boolean json;

    @Parameters(arity = "0..*", hidden = true)
    private @Nullable List<String> words;

    @Override
    public int run(CommandLine line) throws IOException {
        Operands operands = new Operands(line, words);
        Path path = operands.image(image);
        operands.end();
        ImageReader.requireUnused(path);
        CheckResult result = ImageReader.read(path, file -> check(path, file));
        if (json) {
            line.getOut().println(json(path, result));
        } else {
            print(path, result, line.getOut());
        }
        return switch (result.status()) {
            case CLEAN -> Main.DONE;
            case LEAKS -> LEAKS;
            case CORRUPT -> CORRUPT;
        };
    }

    private static CheckResult check(Path path, ChannelImageFile file) throws IOException {
        try {
            return ImageChecker.check(file);
        } catch (ImageFormatException e) {
            if (claimsZones(file)) {
                throw e;
            }
            throw new CommandFailure(path + ": " + e.getMessage(), NOT_SUPPORTED);
        }
    }

    /** Whether the file's first bytes are those of an image with zones, however damaged the rest is. */
    private static boolean claimsZones(ChannelImageFile file) throws IOException {
        ByteBuffer header = ByteBuffer.allocate((int) Math.min(HEADER_BYTES, file.sizeBytes()));
        file.read(MemorySegment.ofBuffer(header), 0);
        if (header.limit() < HEADER_BYTES) {
            return header.limit() >= Integer.BYTES && header.getInt(0) == MAGIC;
        }
        return header.getInt(0) == MAGIC
                && header.getInt(VERSION_OFFSET) == ZONED_VERSION
                && (header.getLong(INCOMPATIBLE_OFFSET) & ZONED_BIT) != 0;
    }

    private static void print(Path path, CheckResult result, PrintWriter out) {
        result.findings().forEach(out::println);
        long unlisted =
                result.corruptions() + result.leaks() - result.findings().size();
        if (unlisted > 0) {
            out.println("... and " + unlisted + " more");
        }
        out.println(path + ": "
                + switch (result.status()) {
                    case CLEAN -> "no damage";
                    case LEAKS -> result.leaks() + " leaked clusters, which only cost space";
                    case CORRUPT -> result.corruptions() + " errors that put data at risk";
                }
                + ", " + result.allocatedClusters() + " of " + result.totalClusters() + " clusters allocated"
                + (result.dirty() ? "; it was not closed: add recovers it" : ""));
    }

    private static String json(Path path, CheckResult result) throws IOException {
        var findings = JSON.std
                .composeString()
                .startObject()
                .put("image", path.toString())
                .put("corruptions", result.corruptions())
                .put("leaks", result.leaks())
                .put("closed", !result.dirty())
                .put("allocatedClusters", result.allocatedClusters())
                .put("totalClusters", result.totalClusters())
                .put("imageEnd", result.imageEndBytes())
                .startArrayField("findings");
        for (String finding : result.findings()) {
            findings = findings.add(finding);
        }
        return findings.end().end().finish();
    }
}
