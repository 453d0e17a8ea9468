package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.WaitListener;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The command {@code del}: deletes devices, one after the other, see {@link DeviceDeletion}. */
final class DelCommand implements Command {

    private static final String ALL = "--all";
    private static final String DISCARD = "--discard";

    @Override
    public Syntax syntax() {
        return new Syntax(
                        "ublk-zoned del",
                        "Delete devices and close their images.",
                        "[OPTION]... DEV...",
                        "[OPTION]... -a")
                .option("-n", "N", "A device, if it is not an argument.")
                .flag("-a " + ALL, "Delete all devices of ublk-zoned.")
                .flag(
                        "-f --force",
                        "Delete the device even if it is in use: later I/O of its users fails. Kill a server that has not ended"
                                + " after 10 seconds, and close its image. No acknowledged write is lost.")
                .option(Operands.IMAGE, "FILE", "The image of a device whose server died, if the image was moved.")
                .flag(
                        DISCARD,
                        "For a device whose server died: discard writes that were acknowledged and not flushed. The image is"
                                + " recovered when it is next added.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Set<Integer> named = named(line);
        DeviceDeletion.Options options = options(line, named);
        List<Integer> devices = line.has(ALL) ? RunDirectory.ids() : new ArrayList<>(named);
        delete(devices, options, sentence -> line.err().println("ublk-zoned: " + sentence));
        return ExitStatus.SUCCESS;
    }

    private static DeviceDeletion.Options options(Arguments line, Set<Integer> named) {
        boolean all = line.has(ALL);
        if (all != named.isEmpty()) {
            throw line.usage(all ? "-a and a device exclude each other" : "the device is missing");
        }
        boolean discard = line.has(DISCARD);
        Path image = line.value(Operands.IMAGE, Path::of);
        if (image != null && (named.size() != 1 || discard)) {
            throw line.usage("--image needs exactly one device, and excludes --discard");
        }
        return new DeviceDeletion.Options(line.has("--force"), discard, image);
    }

    /** Deletes all devices that can be deleted. Throws the last failure; the listener gets those before it. */
    private static void delete(List<Integer> devices, DeviceDeletion.Options options, WaitListener listener)
            throws IOException {
        IOException last = null;
        for (int id : devices) {
            try {
                DeviceDeletion.delete(id, options, listener);
            } catch (IOException e) {
                if (last != null) {
                    listener.waiting(FailureSentence.of(last));
                }
                last = e;
            }
        }
        if (last != null) {
            throw last;
        }
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
