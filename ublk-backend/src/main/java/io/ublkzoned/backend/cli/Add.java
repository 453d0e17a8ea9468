package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.Recovery;
import io.ublkzoned.backend.ublk.ServerOptions;
import io.ublkzoned.backend.ublk.UblkServer;
import io.ublkzoned.engine.ImageFormatException;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/**
 * {@code add}: serves an image as a block device, until the device is deleted or the process gets SIGTERM or SIGINT.
 */
@Command(
        name = "add",
        description = "Attach an image as a zoned block device, and print the path of that.",
        synopsisHeading = "usage: ",
        customSynopsis = "ublk-zoned add [OPTION]... IMAGE [N]",
        optionListHeading = "%n",
        sortOptions = false)
final class Add implements Subcommand {

    private static final int QUEUES_MAX = 4096; // UBLK_MAX_NR_QUEUES
    private static final int QUEUE_DEPTH_MAX = 4096; // UBLK_MAX_QUEUE_DEPTH
    private static final int DEFAULT_QUEUES_MAX = 4;

    @Mixin
    private final ImageOperand image = new ImageOperand();

    @Option(
            names = {"-n", "--id"},
            paramLabel = "N",
            converter = DeviceName.class,
            description = "The number of the device; the first that is free by default.")
    private @Nullable Integer id;

    @Option(
            names = {"-q", "--queues"},
            paramLabel = "N",
            description = "How many queues, each with a thread; by default one per CPU, up to 4.")
    private int queues = Math.min(DEFAULT_QUEUES_MAX, Runtime.getRuntime().availableProcessors());

    @Option(
            names = {"-d", "--depth"},
            paramLabel = "N",
            description = "How many requests at a time per queue, 128 by default.")
    private int queueDepth = 128;

    @Option(
            names = "--block-size",
            paramLabel = "SIZE",
            converter = Sizes.Bytes.class,
            description = "The logical block size: 4096, the default, or 512.")
    private long blockSize = 4096;

    @Option(
            names = "--recovery",
            paramLabel = "WAY",
            converter = RecoveryName.class,
            description = {
                "If the server dies, the device waits for 'ublk-zoned recover', and the requests that were under way are"
                        + " sent again (reissue, the default) or fail (fail); or it goes at once (off)."
            })
    private Recovery recovery = Recovery.REISSUE;

    @Mixin
    private final Serving.Options serving = new Serving.Options();

    @Override
    public int run(CommandLine line) throws IOException {
        ServerOptions options = options(line);
        return new Serving(line, serving).run(() -> {
            try {
                return UblkServer.add(options);
            } catch (ImageFormatException e) {
                throw new CommandFailure(options.image() + ": " + e.getMessage(), e);
            }
        });
    }

    private ServerOptions options(CommandLine line) {
        Operands operands = image.operands(line);
        Path path = image.path(operands);
        String device = operands.next();
        operands.end();
        if (device != null) {
            if (id != null) {
                throw operands.usage("-n and '" + device + "' both number the device");
            }
            id = DeviceName.parse(device).orElseThrow(() -> operands.usage("'" + device + "' is not a device: use N"));
        }
        serving.require(operands);
        requireRange(operands, "queues", queues, QUEUES_MAX);
        requireRange(operands, "the depth", queueDepth, QUEUE_DEPTH_MAX);
        if (blockSize != 4096 && blockSize != 512) {
            throw operands.usage("the block size is 4096 or 512, not " + blockSize);
        }
        return new ServerOptions(
                path, id == null ? ServerOptions.ANY_ID : id, queues, queueDepth, (int) blockSize, recovery);
    }

    private static void requireRange(Operands operands, String name, int value, int max) {
        if (value < 1 || value > max) {
            throw operands.usage(name + " can be from 1 to " + max + ", not " + value);
        }
    }
}
