package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.host.HostCheckup;
import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.backend.ublk.InitialFaults;
import io.ublkzoned.backend.ublk.Recovery;
import io.ublkzoned.backend.ublk.ServerOptions;
import io.ublkzoned.backend.ublk.UblkServer;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.zone.Sizes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The command {@code add}: serves an image as a block device, until the device is deleted or the process gets SIGTERM
 * or SIGINT.
 */
final class AddCommand implements Command {

    private static final String NAME = "--name";
    private static final String CONF = "--conf";
    private static final int QUEUES_MAX = 4096; // UBLK_MAX_NR_QUEUES
    private static final int QUEUE_DEPTH_MAX = 4096; // UBLK_MAX_QUEUE_DEPTH
    private static final int DEFAULT_QUEUES_MAX = 4;
    private static final int DEFAULT_QUEUE_DEPTH = 128;
    private static final long DEFAULT_BLOCK_SIZE = 4096;

    @Override
    public Syntax syntax() {
        return Serving.options(
                new Syntax(
                                "ublk-zoned add",
                                "Attach images as zoned block devices, and print the paths of the devices.",
                                "[OPTION]... IMAGE [N]",
                                "[OPTION]... IMAGE IMAGE...")
                        .image()
                        .option("-n --id", "N", "The device number. Default: the first free one.")
                        .option(
                                "-q --queues",
                                "N",
                                "The number of queues, each with its own thread. Default: one per CPU, up to 4.")
                        .option("-d --depth", "N", "The maximum number of requests in flight per queue. Default: 128.")
                        .option("--block-size", "SIZE", "The logical block size, 4096 or 512. Default: 4096.")
                        .option(
                                "--recovery",
                                "MODE",
                                "The fate of the device if its server dies. reissue, the default: it waits for 'ublk-zoned recover',"
                                        + " and requests in flight are sent again. fail: it waits, and requests in flight fail."
                                        + " off: it is removed at once.")
                        .option(
                                "--cache",
                                "MODE",
                                "writeback, the default: data go through this host's page cache. none: data bypass it.")
                        .flag(
                                "--resume",
                                "If the image belongs to a device whose server died, resume that device, as recover does. For use by"
                                        + " service managers.")
                        .option(
                                "--inject",
                                "RULE",
                                "A fault that the device shows from its first request on, as the options of 'ublk-zoned inject' in"
                                        + " one word. Can be given more than once.")
                        .option("--inject-file", "FILE", "Such rules, one per line.")
                        .option(
                                "--record",
                                "FILE",
                                "Write everything that the device does to a log, for 'ublk-zoned log' and replay. FILE is new, or a"
                                        + " block device. If the server dies, the log ends there, and may"
                                        + " lack the last requests.")
                        .option(NAME, "NAME", "A name: udev makes the link /dev/disk/by-ublk-zoned/NAME to the device.")
                        .option(
                                CONF,
                                "FILE",
                                "Take options from this file too: one per line, without dashes, as in 'queues = 2' or 'power-cuts ="
                                        + " yes'. Lines that start with # are comments.")
                        .flag(
                                "--power-cuts",
                                "Keep what a power cut needs to undo resets, and up to 64M of writes to conventional zones, that were"
                                        + " not flushed. A rule with --power-cut does so while it is in force. recover does not restore this.")
                        .flag(
                                "--no-zero-copy",
                                "Always copy data, even where the kernel supports zero copy for large requests (Linux 6.15+)."));
    }

    @Override
    public int run(Arguments given) throws IOException {
        String conf = given.value(CONF, word -> word);
        if (conf == null) {
            return serve(given, options(given));
        }
        Path file = given.operands().path(conf);
        try {
            Arguments line = given.with(OptionFile.read(file, syntax()));
            return serve(line, options(line));
        } catch (UsageException e) {
            throw new CommandFailure(file + ": " + e.getMessage(), e);
        }
    }

    private static int serve(Arguments line, ServerOptions options) throws IOException {
        boolean resume = line.has("--resume");
        if (resume && options.record().isPresent()) {
            throw line.usage("--resume and --record exclude each other: a log begins with the device");
        }
        if (options.record().isPresent() && !options.faults().fitLog()) {
            throw line.usage("a log cannot show what --lose and --make-zone do: omit them or --record");
        }
        HostCheckup.requireKernel();
        return new Serving(line).run(() -> {
            try {
                return resume ? UblkServer.resume(options) : UblkServer.add(options);
            } catch (ImageFormatException e) {
                throw new CommandFailure(options.image() + ": " + e.getMessage(), e);
            }
        });
    }

    private static ServerOptions options(Arguments line) throws IOException {
        Operands operands = line.operands();
        Path path = operands.image();
        Integer id = line.value("-n", DeviceName::id);
        String device = operands.next();
        operands.end();
        if (device != null) {
            if (id != null) {
                throw operands.usage("-n and '" + device + "' both give the device number");
            }
            id = line.converted("the device", device, DeviceName::id);
        }
        int cpus = Runtime.getRuntime().availableProcessors();
        int queues = line.value("-q", Arguments::number, Math.min(DEFAULT_QUEUES_MAX, cpus));
        int queueDepth = line.value("-d", Arguments::number, DEFAULT_QUEUE_DEPTH);
        long blockSize = line.value("--block-size", Sizes::bytes, DEFAULT_BLOCK_SIZE);
        Recovery recovery = line.value("--recovery", AddCommand::recovery, Recovery.REISSUE);
        CacheMode cacheMode = line.value("--cache", AddCommand::cacheMode, CacheMode.WRITEBACK);
        requireRange(operands, "the number of queues", queues, QUEUES_MAX);
        requireRange(operands, "the depth", queueDepth, QUEUE_DEPTH_MAX);
        if (blockSize != DEFAULT_BLOCK_SIZE && blockSize != 512) {
            throw operands.usage("the block size must be 4096 or 512, not " + blockSize);
        }
        return new ServerOptions(
                path,
                line.value(NAME, AddCommand::deviceName, ""),
                id == null ? ServerOptions.ANY_ID : id,
                queues,
                queueDepth,
                (int) blockSize,
                recovery,
                cacheMode,
                !line.has("--no-zero-copy"),
                new InitialFaults(line.has("--power-cuts"), FaultOptions.rules(line, "--inject", "--inject-file")),
                logFile(line, operands));
    }

    private static Optional<Path> logFile(Arguments line, Operands operands) throws CommandFailure {
        String word = line.value("--record", given -> given);
        return word == null ? Optional.empty() : Optional.of(operands.path(word));
    }

    private static String deviceName(String word) {
        if (!word.matches("[A-Za-z0-9][A-Za-z0-9._-]{0,63}")) {
            throw new IllegalArgumentException(
                    "'%s' has other characters than letters, digits, ., _ and -".formatted(word));
        }
        return word;
    }

    private static Recovery recovery(String word) {
        return switch (word) {
            case "reissue" -> Recovery.REISSUE;
            case "fail" -> Recovery.FAIL;
            case "off" -> Recovery.OFF;
            default -> throw new IllegalArgumentException("'%s' is not reissue, fail or off".formatted(word));
        };
    }

    private static CacheMode cacheMode(String word) {
        return switch (word) {
            case "writeback" -> CacheMode.WRITEBACK;
            case "none" -> CacheMode.NONE;
            default -> throw new IllegalArgumentException("'%s' is not writeback or none".formatted(word));
        };
    }

    private static void requireRange(Operands operands, String name, int value, int max) {
        if (value < 1 || value > max) {
            throw operands.usage(name + " must be from 1 to " + max + ", not " + value);
        }
    }
}
