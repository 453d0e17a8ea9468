package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.host.Finding;
import io.ublkzoned.backend.host.HostCheckup;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code doctor}: whether this host can serve devices, and if not, why. */
@Command(
        name = "doctor",
        description = "Show whether this host can serve devices, and what to do if not.",
        synopsisHeading = "usage: ",
        customSynopsis = "ublk-zoned doctor [OPTION]...",
        optionListHeading = "%n",
        footer = {"", "Exit status: 0 it can, 1 it cannot."},
        sortOptions = false)
final class Doctor implements Subcommand {

    @Option(names = "--json", description = "Show it in JSON.")
    private boolean json;

    @Override
    public int run(CommandLine line) throws IOException {
        List<Finding> findings = HostCheckup.run();
        boolean healthy = findings.stream().noneMatch(finding -> finding.verdict() == Finding.Verdict.PROBLEM);
        if (json) {
            line.getOut().println(json(healthy, findings));
        } else {
            for (Finding finding : findings) {
                line.getOut().println("%-8s %-11s %s".formatted(word(finding), finding.subject(), finding.sentence()));
            }
            line.getOut()
                    .println(
                            healthy
                                    ? "This host can serve devices."
                                    : "This host cannot serve devices: see each problem.");
        }
        return healthy ? Main.DONE : Main.FAILED;
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
