package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.ControlClient;
import java.io.IOException;

/** The command {@code mark}: puts a mark into the write log of a device. */
final class MarkCommand implements Command {

    @Override
    public Syntax syntax() {
        return Target.options(new Syntax(
                        "ublk-zoned mark",
                        "Put a mark into the write log of a device that is recorded.",
                        "[OPTION]... DEV NAME"))
                .footer("", "The mark follows everything that the device has acknowledged.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Operands operands = line.operands();
        Target target = Target.find(line, operands);
        String name = operands.next();
        operands.end();
        if (name == null || name.isEmpty() || name.lines().count() > 1) {
            throw line.usage("a mark has a name of one line");
        }
        LiveDevice device = target.device();
        if (device == null) {
            throw new CommandFailure(
                    target.image() + " is not attached, so it is not recorded: add it with --record FILE");
        }
        new ControlClient(device.id()).mark(name);
        return ExitStatus.SUCCESS;
    }
}
