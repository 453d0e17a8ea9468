package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.UblkServer;
import java.io.IOException;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code recover}: serves a device whose server died. {@code -a} is the launcher's: each device has a process. */
@Command(
        name = "recover",
        description = "Go on with a device whose server died, and print its path.",
        synopsisHeading = "usage: ",
        customSynopsis = {"ublk-zoned recover [OPTION]... DEV", "       ublk-zoned recover [OPTION]... -a"},
        optionListHeading = "%n",
        sortOptions = false)
final class Recover implements Subcommand {

    @Option(
            names = "-n",
            paramLabel = "N",
            converter = DeviceName.class,
            description = "The device, instead of an argument.")
    private @Nullable Integer id;

    @Option(
            names = {"-a", "--all"},
            description = "Go on with all devices whose server died.")
    private boolean all;

    @Mixin
    private final Serving.Options serving = new Serving.Options();

    @Parameters(arity = "0..*", hidden = true)
    private @Nullable List<String> words;

    @Override
    public int run(CommandLine line) throws IOException {
        Operands operands = new Operands(line, words);
        int device = device(operands);
        operands.end();
        serving.require(operands);
        return new Serving(line, serving).run(() -> UblkServer.recover(device));
    }

    private int device(Operands operands) {
        if (all) {
            throw operands.usage("-a excludes a device and --foreground");
        }
        if (id != null) {
            return id;
        }
        String word = operands.next();
        if (word == null) {
            throw operands.usage("which device?");
        }
        OptionalInt named = DeviceName.parse(word);
        return named.orElseThrow(() -> operands.usage("'" + word + "' is not a device: use N or /dev/ublkbN"));
    }
}
