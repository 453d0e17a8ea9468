package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.WaitListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** {@code del}: ends devices, one after the other, see {@link DeviceDeletion}. */
final class DelCommand implements Command {

    @Override
    public Syntax syntax() {
        return new Syntax(
                        "ublk-zoned del",
                        "Delete devices; their images are closed and complete then.",
                        "[OPTION]... DEV...",
                        "[OPTION]... -a")
                .option("-n", "N", "A device, instead of an argument.")
                .flag("-a --all", "Delete all devices of ublk-zoned.")
                .flag(
                        "-f --force",
                        "Do not ask who uses the device, whose later I/O fails then; and kill a server that has not ended"
                                + " after 10 seconds: its image is closed without it, no acknowledged write is lost.")
                .option(Operands.IMAGE, "FILE", "Where the image of a device is now whose server died.")
                .flag(
                        "--discard",
                        "Of a device whose server died, give up what was acknowledged and not flushed; the image is recovered"
                                + " when it is next added.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        boolean all = line.has("-a");
        Set<Integer> named = named(line);
        if (all != named.isEmpty()) {
            throw line.usage(all ? "-a and a device exclude each other" : "which device?");
        }
        Path image = line.value(Operands.IMAGE, Path::of);
        if (image != null && (named.size() != 1 || line.has("--discard"))) {
            throw line.usage("--image is for one device, and not with --discard");
        }
        DeviceDeletion.Way way = new DeviceDeletion.Way(line.has("--force"), line.has("--discard"), image);
        List<Integer> devices = all ? RunDirectory.ids() : new ArrayList<>(named);
        WaitListener listener = sentence -> line.err().println("ublk-zoned: " + sentence);
        List<IOException> failures = new ArrayList<>();
        for (int id : devices) {
            try {
                DeviceDeletion.delete(id, way, listener);
            } catch (IOException e) {
                failures.add(e);
            }
        }
        if (failures.isEmpty()) {
            return ExitStatus.SUCCESS;
        }
        // The last one is the command's.
        failures.subList(0, failures.size() - 1).forEach(e -> listener.waiting(FailureSentence.of(e)));
        throw failures.getLast();
    }

    private static Set<Integer> named(Arguments line) {
        Set<Integer> devices = new LinkedHashSet<>();
        Operands operands = line.operands();
        for (String word = operands.next(); word != null; word = operands.next()) {
            devices.add(line.converted("the device", word, DeviceName::id));
        }
        for (String word : line.values("-n")) {
            devices.add(line.converted("option '-n'", word, DeviceName::id));
        }
        return devices;
    }
}
