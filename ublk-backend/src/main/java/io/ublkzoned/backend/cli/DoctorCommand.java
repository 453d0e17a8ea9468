package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.host.Finding;
import io.ublkzoned.backend.host.HostCheckup;
import java.io.IOException;
import java.util.List;
import java.util.Locale;

/** The command {@code doctor}: shows whether this host can serve devices, and if not, why. */
final class DoctorCommand implements Command {

    @Override
    public Syntax syntax() {
        return new Syntax(
                        "ublk-zoned doctor",
                        "Check whether this host can serve devices, and show how to fix each problem.",
                        "[OPTION]...")
                .flag("--json", "Print JSON.")
                .footer("", "Exit status: 0 the host can serve devices, 1 it cannot.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        List<Finding> findings = HostCheckup.run();
        boolean healthy = findings.stream().noneMatch(finding -> finding.verdict() == Finding.Verdict.PROBLEM);
        if (line.has("--json")) {
            line.out().println(json(healthy, findings));
        } else {
            for (Finding finding : findings) {
                line.out().println("%-8s %-11s %s".formatted(word(finding), finding.subject(), finding.sentence()));
            }
            line.out()
                    .println(
                            healthy
                                    ? "This host can serve devices."
                                    : "This host cannot serve devices: see the problems above.");
        }
        return healthy ? ExitStatus.SUCCESS : ExitStatus.FAILURE;
    }

    private static String word(Finding finding) {
        return finding.verdict().name().toLowerCase(Locale.ROOT);
    }

    private static String json(boolean healthy, List<Finding> findings) throws IOException {
        var array =
                JSON.std.composeString().startObject().put("canServe", healthy).startArrayField("findings");
        for (Finding finding : findings) {
            array = array.startObject()
                    .put("subject", finding.subject())
                    .put("verdict", word(finding))
                    .put("sentence", finding.sentence())
                    .end();
        }
        return array.end().end().finish();
    }
}
