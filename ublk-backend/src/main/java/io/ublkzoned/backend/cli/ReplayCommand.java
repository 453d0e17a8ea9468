package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.image.ImageIdentities;
import io.ublkzoned.backend.image.ImageOpener;
import io.ublkzoned.backend.image.LogFile;
import io.ublkzoned.backend.image.NewImage;
import io.ublkzoned.backend.ublk.DetachedDevice;
import io.ublkzoned.engine.OfflineDevice;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.fault.PowerCut.Keep;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.qcow2.ImageIoException;
import io.ublkzoned.engine.replay.LogReplay;
import io.ublkzoned.engine.replay.ReplayEnd;
import io.ublkzoned.engine.writelog.LogHeader;
import io.ublkzoned.engine.writelog.LogReader;
import io.ublkzoned.engine.writelog.WriteLogException;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The command {@code replay}: makes the image that a device had at some place in its write log. */
final class ReplayCommand implements Command {

    private static final String AFTER = "--after";
    private static final String TO = "--to";
    private static final String TO_MARK = "--to-mark";
    private static final String TO_FLUSH = "--to-flush";
    private static final String NEXT_FLUSH = "--next-flush";
    private static final String CUT = "--cut";
    private static final String SEED = "--seed";
    private static final String KEEP = "--keep";

    @Override
    public Syntax syntax() {
        return new Syntax(
                        "ublk-zoned replay",
                        "Make the image that a device had at some place in its write log, and print the number of the last"
                                + " entry in it.",
                        "[OPTION]... LOG IMAGE")
                .option(TO, "N", "End with entry N. Default: the last one.")
                .option(TO_MARK, "NAME", "End with the first mark of this name.")
                .option(TO_FLUSH, "K", "End with flush number K, from 1.")
                .flag(NEXT_FLUSH, "End with the next flush.")
                .option(AFTER, "N", "IMAGE has all entries up to N already. Begin with the next one.")
                .flag(CUT, "Make the image as a power cut there would have left it.")
                .option(SEED, "N", "With --cut: decides what is left to chance. Default: 0.")
                .option(
                        KEEP,
                        "WHAT",
                        "With --cut: what survives although it was not flushed: none, all, or random, the default.")
                .footer(
                        "",
                        "An IMAGE that does not exist is created. If the device was not empty when the log began, IMAGE must be a",
                        "copy of its image as it was then. A cut loses only what no flush covers: in each zone the last writes,",
                        "resets and finishes, and in conventional zones any block, old, new or torn. The same seed gives the same",
                        "image.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Operands operands = line.operands();
        String logWord = operands.next();
        if (logWord == null) {
            throw line.usage("the log is missing");
        }
        Path logPath = operands.path(logWord);
        String imageWord = operands.next();
        if (imageWord == null) {
            throw line.usage("the image is missing");
        }
        Path image = operands.path(imageWord);
        operands.end();
        ReplayEnd end = end(line);
        Optional<PowerCut> cut = cut(line);
        long first = line.value(AFTER, Arguments::seed, -1L) + 1;
        try (LogFile file = LogFile.forReading(logPath)) {
            LogReader log = LogReader.open(file.file());
            DeviceGeometry geometry = log.header()
                    .geometry()
                    .orElseThrow(() -> new WriteLogException("it is not the log of a zoned device"));
            long last = end.find(log, first);
            if (last < first - 1) {
                throw new WriteLogException(
                        "entry %d comes before the end of the image, which is entry %d".formatted(last, first - 1));
            }
            replay(log, geometry, image, first, last, cut);
            line.out().println(last);
        } catch (WriteLogException e) {
            throw new CommandFailure(logPath + ": " + e.getMessage(), e);
        }
        return ExitStatus.SUCCESS;
    }

    private static ReplayEnd end(Arguments line) {
        List<ReplayEnd> ends = new ArrayList<>();
        Optional.ofNullable(line.value(TO, Arguments::seed))
                .map(ReplayEnd.Entry::new)
                .ifPresent(ends::add);
        Optional.ofNullable(line.value(TO_MARK, word -> word))
                .map(ReplayEnd.Mark::new)
                .ifPresent(ends::add);
        Optional.ofNullable(line.value(TO_FLUSH, Arguments::seed))
                .map(ReplayEnd.Flush::new)
                .ifPresent(ends::add);
        if (line.has(NEXT_FLUSH)) {
            ends.add(new ReplayEnd.NextFlush());
        }
        if (ends.size() > 1) {
            throw line.usage("--to, --to-mark, --to-flush and --next-flush exclude each other");
        }
        return ends.isEmpty() ? new ReplayEnd.Last() : ends.getFirst();
    }

    private static Optional<PowerCut> cut(Arguments line) {
        Keep keep = line.value(KEEP, Keep::parse, Keep.RANDOM);
        long seed = line.value(SEED, Arguments::seed, 0L);
        if (!line.has(CUT) && (line.has(KEEP) || line.has(SEED))) {
            throw line.usage("--seed and --keep need --cut");
        }
        return line.has(CUT) ? Optional.of(new PowerCut(seed, keep)) : Optional.empty();
    }

    private static void replay(
            LogReader log, DeviceGeometry geometry, Path image, long first, long last, Optional<PowerCut> cut)
            throws IOException {
        if (Files.exists(image, LinkOption.NOFOLLOW_LINKS)) {
            try (DetachedDevice detached =
                    new DetachedDevice(image, log.header().sectorBytes())) {
                if (!detached.device().geometry().equals(geometry)) {
                    throw new CommandFailure(image + ": its zones are not those of the log's device");
                }
                replay(log, detached.device(), first, last, cut);
            } catch (ImageFormatException e) {
                throw new CommandFailure(image + ": " + e.getMessage(), e);
            }
            return;
        }
        requireWhole(log.header(), image, first);
        try (NewImage made = NewImage.create(image)) {
            ImageFormatter.format(made.file(), FormatOptions.of(geometry));
            try (OfflineDevice device =
                    OfflineDevice.open(made.file(), log.header().sectorBytes(), ImageIdentities.newAttachId())) {
                replay(log, device, first, last, cut);
            }
            made.finish();
        } catch (ImageIoException e) {
            throw ImageOpener.failure(image, e.errno(), e);
        }
    }

    /** Requires that the log has everything that a new image needs. */
    private static void requireWhole(LogHeader header, Path image, long first) throws CommandFailure {
        if (first > 0) {
            throw new CommandFailure(image + ": no such image, so it does not have the entries before --after");
        }
        if (!header.beginsEmpty()) {
            throw new CommandFailure(
                    image
                            + ": no such image, and the device was not empty when the log began: give a copy of its image from before the log");
        }
    }

    private static void replay(LogReader log, OfflineDevice device, long first, long last, Optional<PowerCut> cut)
            throws IOException {
        LogReplay replay = new LogReplay(log, device);
        if (cut.isPresent()) {
            replay.apply(first, last, cut.get());
        } else {
            replay.apply(first, last);
        }
    }
}
