package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.ublk.ControlClient;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** The command {@code inject}: makes a device fail as drives do. */
final class InjectCommand implements Command {

    private static final String LIST = "--list";
    private static final String JSON_OUTPUT = "--json";
    private static final String CLEAR = "--clear";
    private static final String RELEASE = "--release";

    @Override
    public Syntax syntax() {
        Syntax syntax = new Syntax(
                "ublk-zoned inject",
                "Make a device fail as drives do, and print the number of the rule.",
                "--on OP [OPTION]... DEV",
                "--list [--json] DEV",
                "--clear DEV [ID]",
                "--release DEV");
        return Target.options(FaultOptions.addTo(syntax))
                .flag(
                        LIST,
                        "Show the rules in force, with the number of requests that each has matched and hit, and holds back now.")
                .flag(JSON_OUTPUT, "With --list: print JSON.")
                .flag(
                        CLEAR,
                        "Remove the rule with this number, or all. The requests that it holds back are carried out.")
                .flag(RELEASE, "Carry out the stalled requests.")
                .footer(
                        "",
                        "The first rule that hits a request decides. Rules end with the server and with a power cut: recover does not",
                        "restore them.",
                        "The same requests and seeds give the same faults.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        requireOneAction(line);
        Operands operands = line.operands();
        Target target = Target.find(line, operands);
        String id = line.has(CLEAR) ? operands.next() : null;
        operands.end();
        LiveDevice device = target.device();
        if (device == null) {
            throw new CommandFailure(target.image() + " is not attached, so nothing can fail: add it first");
        }
        ControlClient server = new ControlClient(device.id());
        if (line.has(LIST)) {
            list(line, server.listFaults());
        } else if (line.has(CLEAR)) {
            if (id == null) {
                server.removeFaults();
            } else {
                server.removeFault(line.converted("the number of the rule", id, Arguments::number));
            }
        } else if (line.has(RELEASE)) {
            line.out().println(server.releaseStalled());
        } else {
            line.out().println(server.addFault(FaultOptions.rule(line)));
        }
        return ExitStatus.SUCCESS;
    }

    private static void requireOneAction(Arguments line) {
        long actions = List.of(LIST, CLEAR, RELEASE).stream().filter(line::has).count();
        if (actions + (FaultOptions.anyIn(line) ? 1 : 0) > 1) {
            throw line.usage("a rule, --list, --clear and --release exclude each other");
        }
        if (line.has(JSON_OUTPUT) && !line.has(LIST)) {
            throw line.usage("--json needs --list");
        }
    }

    private static void list(Arguments line, String faults) throws IOException {
        if (line.has(JSON_OUTPUT)) {
            line.out().println(faults);
            return;
        }
        for (Object each : JSON.std.listFrom(faults)) {
            Map<?, ?> fault = (Map<?, ?>) each;
            Object waiting = fault.get("waiting");
            line.out()
                    .println("%s  %s  hits %s of %s%s"
                            .formatted(
                                    fault.get("id"),
                                    fault.get("rule"),
                                    fault.get("hits"),
                                    fault.get("matched"),
                                    Integer.valueOf(0).equals(waiting) ? "" : ", holds back " + waiting));
        }
    }
}
