package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.ublk.UblkControl;
import io.ublkzoned.bindings.ublk.UblkFeatures;
import java.io.IOException;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code features}: what the kernel's ublk driver can do. */
@Command(
        name = "features",
        description = "Show what this kernel's ublk driver can do.",
        synopsisHeading = "usage: ",
        customSynopsis = "ublk-zoned features [OPTION]...",
        optionListHeading = "%n",
        sortOptions = false)
final class Features implements Subcommand {

    @Option(names = "--json", description = "Show it in JSON.")
    private boolean json;

    @Override
    public int run(CommandLine line) throws IOException {
        long features;
        try (UblkControl control = UblkControl.open()) {
            features = control.features();
        }
        if (json) {
            var names =
                    JSON.std.composeString().startObject().put("bits", features).startArrayField("features");
            for (String name : UblkFeatures.names(features)) {
                names = names.add(name);
            }
            line.getOut().println(names.end().end().finish());
        } else {
            UblkFeatures.names(features).forEach(line.getOut()::println);
        }
        return Main.DONE;
    }
}
