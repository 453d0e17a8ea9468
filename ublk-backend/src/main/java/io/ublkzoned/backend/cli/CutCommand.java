package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.WaitListener;
import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.fault.PowerCut.Keep;
import java.io.IOException;

/** The command {@code cut}: cuts the power of a device. */
final class CutCommand implements Command {

    @Override
    public Syntax syntax() {
        return Target.options(new Syntax(
                        "ublk-zoned cut",
                        "Cut the power of a device, and leave its image as after a power cut.",
                        "[OPTION]... DEV"))
                .option(
                        "--keep",
                        "WHAT",
                        "The acknowledged writes that survive although they were not flushed: none, all, or random, the default:"
                                + " in a sequential zone, the first blocks after the last flush; in a conventional zone, some sectors.")
                .option("--seed", "N", "Decides what is left to chance. Default: 0.")
                .option(
                        "--then",
                        "WHAT",
                        "stop, the default: detach the device. continue: bring the same device back, and wait until it is"
                                + " live.")
                .footer(
                        "",
                        "From one instant on all requests fail, also those in flight. File systems on the device see errors.",
                        "What was flushed survives. Resets, and writes to conventional zones, are undone only if the device was",
                        "added with --power-cuts, or had a rule with --power-cut, when they were made.",
                        "With --then continue, the device comes back with its number and options, without fault rules and log,",
                        "when its last user has closed it: umount its file system. Otherwise 'ublk-zoned add' attaches the",
                        "image again.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Keep keep = line.value("--keep", Keep::parse, Keep.RANDOM);
        long seed = line.value("--seed", Arguments::seed, 0L);
        AfterCut then = line.value("--then", AfterCut::parse, AfterCut.STOP);
        Target target = Target.find(line);
        LiveDevice device = target.device();
        if (device == null) {
            throw new CommandFailure(target.image() + " is not attached, so it has no power to cut: add it first");
        }
        PowerCut cut = new PowerCut(seed, keep);
        WaitListener listener = sentence -> line.err().println("ublk-zoned: " + sentence);
        switch (then) {
            case STOP -> DeviceDeletion.cutPower(device.id(), cut, listener);
            case CONTINUE -> PowerCycle.run(device, cut, listener);
        }
        return ExitStatus.SUCCESS;
    }
}
