package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.LockedImage;
import io.ublkzoned.backend.ublk.DeadDevice;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.engine.qcow2.CheckProgress;
import io.ublkzoned.engine.qcow2.CheckResult;
import io.ublkzoned.engine.qcow2.ImageChecker;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.ImageRepair;
import io.ublkzoned.engine.qcow2.RepairExtent;
import io.ublkzoned.engine.qcow2.RepairResult;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The command {@code check}: searches an image for damage, repairs it on request, and ends with an exit status like
 * that of {@code qemu-img check}.
 */
final class CheckCommand implements Command {

    private static final int CORRUPT = 2;
    private static final int LEAKS = 3;
    private static final int NOT_SUPPORTED = 63;

    private static final String JSON_OPTION = "--json";

    @Override
    public Syntax syntax() {
        return new Syntax("ublk-zoned check", "Check an image that is not attached for damage.", "[OPTION]... IMAGE")
                .image()
                .option(
                        "-r --repair",
                        "leaks|all",
                        "Repair leaked clusters only, or also all damage that can be repaired without risk to data.")
                .flag(JSON_OPTION, "Print JSON.")
                .footer(
                        "",
                        "A repair makes only changes that put no data at risk. It prints each word before it changes it, as",
                        "OFFSET: OLD -> NEW, and then checks the image again. Freed clusters become holes.",
                        "",
                        "Exit status, as for 'qemu-img check': 0 no damage, 1 the check failed, 2 damage that puts data at risk,",
                        "3 leaked clusters, which only cost space, 63 the file is not an image that can be checked.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Operands operands = line.operands();
        Path path = operands.image();
        operands.end();
        RepairExtent extent = line.value("--repair", CheckCommand::extent);
        CheckResult result;
        try (FileDescriptor file = open(path, extent)) {
            result = extent == null ? check(path, file, line) : repair(path, file, extent, line);
        } catch (ImageFormatException e) {
            throw new CommandFailure(path + ": " + e.getMessage(), NOT_SUPPORTED);
        }
        return switch (result.status()) {
            case CLEAN -> ExitStatus.SUCCESS;
            case LEAKS -> LEAKS;
            case CORRUPT -> CORRUPT;
        };
    }

    private static RepairExtent extent(String word) {
        return Arrays.stream(RepairExtent.values())
                .filter(extent -> extent.name().equals(word.toUpperCase(Locale.ROOT)))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("'" + word + "' is not leaks or all"));
    }

    private static FileDescriptor open(Path path, @Nullable RepairExtent extent) throws IOException {
        if (extent == null) {
            return ImageReader.openUnused(path);
        }
        FileDescriptor image = LockedImage.open(path);
        try {
            DeadDevice.requireNone(path, image);
            return image;
        } catch (IOException | RuntimeException | Error e) {
            image.close();
            throw e;
        }
    }

    private static CheckResult check(Path path, FileDescriptor file, Arguments line) throws IOException {
        CheckResult result;
        try (ProgressBar bar = new ProgressBar(line.err())) {
            result = ImageChecker.check(new FdImageFile(file), progress(bar));
        }
        if (line.has(JSON_OPTION)) {
            line.out().println(json(path, result, null));
        } else {
            print(path, result, "", line.out());
        }
        return result;
    }

    private static CheckResult repair(Path path, FileDescriptor file, RepairExtent asked, Arguments line)
            throws IOException {
        boolean json = line.has(JSON_OPTION);
        RepairPrinter printer = new RepairPrinter(line.out(), json);
        RepairResult result;
        try (ProgressBar bar = new ProgressBar(line.err())) {
            result = ImageRepair.repair(new FdImageFile(file), asked, printer, progress(bar));
        }
        if (json) {
            printer.endJson(json(path, result.after(), result));
        } else {
            String repaired = "repaired %d errors and %d leaked clusters, now "
                    .formatted(result.corruptionsFixed(), result.leaksFixed());
            print(path, result.after(), repaired, line.out());
        }
        return result.after();
    }

    private static CheckProgress progress(ProgressBar bar) {
        return ProgressBar.isTerminal() ? bar : CheckProgress.UNSEEN;
    }

    private static void print(Path path, CheckResult result, String repaired, PrintWriter out) {
        result.findings().forEach(out::println);
        if (result.unlistedFindings() > 0) {
            out.println("... and " + result.unlistedFindings() + " more");
        }
        out.println(path + ": " + repaired
                + switch (result.status()) {
                    case CLEAN -> "no damage";
                    case LEAKS -> result.leaks() + " leaked clusters, which only cost space";
                    case CORRUPT -> result.corruptions() + " errors that put data at risk";
                }
                + ", " + result.allocatedClusters() + " of " + result.totalClusters() + " clusters allocated"
                + (result.dirty() ? "; it was not closed" + remedy(result) : ""));
    }

    /** Returns the command that recovers an image that was not closed. A damaged image has to be repaired first. */
    private static String remedy(CheckResult result) {
        return result.status() == CheckResult.Status.CORRUPT
                ? ""
                : ": " + InfoCommand.recoveredBy(result.attachable()) + " recovers it";
    }

    private static String json(Path path, CheckResult result, @Nullable RepairResult repair) throws IOException {
        var object = JSON.std
                .composeString()
                .startObject()
                .put("image", path.toString())
                .put("corruptions", result.corruptions())
                .put("leaks", result.leaks());
        if (repair != null) {
            object = object.put("corruptionsFixed", repair.corruptionsFixed()).put("leaksFixed", repair.leaksFixed());
        }
        var findings = object.put("closed", !result.dirty())
                .put("allocatedClusters", result.allocatedClusters())
                .put("totalClusters", result.totalClusters())
                .put("imageEnd", result.imageEndBytes())
                .put("unlistedFindings", result.unlistedFindings())
                .startArrayField("findings");
        for (String finding : result.findings()) {
            findings = findings.add(finding);
        }
        return findings.end().end().finish();
    }
}
