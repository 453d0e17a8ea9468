package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.fault.PowerCut.Keep;
import java.io.IOException;

/** The command {@code cut}: cuts the power of a device. */
final class CutCommand implements Command {

    @Override
    public Syntax syntax() {
        return Target.options(new Syntax(
                        "ublk-zoned cut",
                        "Cut the power of a device: detach it, and leave its image as after a power cut.",
                        "[OPTION]... DEV"))
                .option(
                        "--keep",
                        "WHAT",
                        "The acknowledged writes that survive although they were not flushed: none, all, or random, the default:"
                                + " in a sequential zone, some blocks from the last flush on; in a conventional zone, some sectors.")
                .option("--seed", "N", "Decides what is left to chance. Default: 0.")
                .footer(
                        "",
                        "From one instant on all requests fail, also those in flight. File systems on the device see errors.",
                        "What was flushed survives. So do resets. Writes to conventional zones are undone only if the device was",
                        "added with --power-cuts, or had a rule with --power-cut, when they were made.",
                        "'ublk-zoned add' attaches the image again.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Keep keep = line.value("--keep", Keep::parse, Keep.RANDOM);
        int seed = line.value("--seed", Arguments::number, 0);
        Target target = Target.find(line);
        LiveDevice device = target.device();
        if (device == null) {
            throw new CommandFailure(target.image() + " is not attached, so it has no power to cut: add it first");
        }
        DeviceDeletion.cutPower(
                device.id(), new PowerCut(seed, keep), sentence -> line.err().println("ublk-zoned: " + sentence));
        return ExitStatus.SUCCESS;
    }
}
