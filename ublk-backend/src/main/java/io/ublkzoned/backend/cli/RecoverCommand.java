package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.UblkServer;
import java.io.IOException;
import java.nio.file.Path;

/**
 * The command {@code recover}: serves a device whose server died. The launcher handles {@code -a}, since each device
 * has its own process.
 */
final class RecoverCommand implements Command {

    @Override
    public Syntax syntax() {
        return Serving.options(new Syntax(
                        "ublk-zoned recover",
                        "Resume a device whose server died, and print its path.",
                        "[OPTION]... DEV",
                        "[OPTION]... -a")
                .option("-n", "N", "The device, if it is not an argument.")
                .option(Operands.IMAGE, "FILE", "The image of the device, if it was moved.")
                .flag("-a --all", "Resume all devices whose server died."));
    }

    @Override
    public int run(Arguments line) throws IOException {
        Operands operands = line.operands();
        int device = device(line, operands);
        operands.end();
        Path image = line.value(Operands.IMAGE, Path::of);
        return new Serving(line).run(() -> UblkServer.recover(device, image));
    }

    private static int device(Arguments line, Operands operands) {
        if (line.has("-a")) {
            throw operands.usage("-a excludes a device and --foreground");
        }
        Integer id = line.value("-n", DeviceName::id);
        if (id != null) {
            return id;
        }
        String word = operands.next();
        if (word == null) {
            throw operands.usage("the device is missing");
        }
        return line.converted("the device", word, DeviceName::id);
    }
}
