package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.ublk.UblkControl;
import io.ublkzoned.bindings.ublk.UblkFeatures;
import java.io.IOException;

/** The command {@code features}: shows the features of the kernel's ublk driver. */
final class FeaturesCommand implements Command {

    @Override
    public Syntax syntax() {
        return new Syntax("ublk-zoned features", "Show the features of the kernel's ublk driver.", "[OPTION]...")
                .flag("--json", "Print JSON.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        long features;
        try (UblkControl control = UblkControl.open()) {
            features = control.features();
        }
        if (line.has("--json")) {
            var names =
                    JSON.std.composeString().startObject().put("bits", features).startArrayField("features");
            for (String name : UblkFeatures.names(features)) {
                names = names.add(name);
            }
            line.out().println(names.end().end().finish());
        } else {
            UblkFeatures.names(features).forEach(line.out()::println);
        }
        return ExitStatus.SUCCESS;
    }
}
