package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.live.AttachedDevice;
import io.ublkzoned.backend.live.DeviceRates;
import io.ublkzoned.backend.live.DeviceSample;
import io.ublkzoned.backend.live.Devices;
import io.ublkzoned.backend.live.LiveJson;
import io.ublkzoned.backend.live.ServedDevices;
import io.ublkzoned.bindings.linux.TerminalSize;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The command {@code watch}: shows a device live. */
final class WatchCommand implements Command {

    private static final String ONCE = "--once";
    private static final String JSON_OUTPUT = "--json";
    private static final String INTERVAL = "--interval";
    private static final double INTERVAL_SECONDS_MIN = 0.1;
    private static final double INTERVAL_SECONDS_MAX = 3600;

    @Override
    public Syntax syntax() {
        return Target.options(new Syntax(
                        "ublk-zoned watch",
                        "Show a device live: its zones, its requests per second and their latencies, its limits.",
                        "[OPTION]... [IMAGE|DEV]"))
                .flag(ONCE, "Show the device once, after one interval.")
                .option(INTERVAL, "SECONDS", "The time between two views. Default: 1.")
                .flag(JSON_OUTPUT, "Print JSON, a line per interval. Sizes are in bytes, latencies in nanoseconds.")
                .footer(
                        "",
                        "Without IMAGE and DEV, shows the only device. Ctrl-C ends the view.",
                        "Each character of the map stands for one zone or, on a large device, for several. It then shows the first",
                        "condition in this list that any of them has: offline, read-only, open, closed, full, empty.",
                        "A latency is the time from a request's arrival at the server to its completion, in the last interval.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        long intervalNanos = line.value(INTERVAL, WatchCommand::nanos, TimeUnit.SECONDS.toNanos(1));
        boolean once = line.has(ONCE);
        Devices devices = new ServedDevices();
        AttachedDevice device = device(line, devices);
        DeviceSample before = devices.sample(device.id());
        Optional<TerminalSize> terminal = once || line.has(JSON_OUTPUT) ? Optional.empty() : TerminalSize.ofStdout();
        try (WatchScreen screen = new WatchScreen(line.out(), terminal.isPresent())) {
            do {
                sleep(intervalNanos);
                DeviceSample now;
                try {
                    now = devices.sample(device.id());
                } catch (IOException e) {
                    requireAttached(device, devices);
                    if (once) {
                        throw e;
                    }
                    screen.show(String.valueOf(e.getMessage()));
                    continue;
                }
                DeviceRates rates = DeviceRates.between(before, now);
                if (line.has(JSON_OUTPUT)) {
                    line.out().println(LiveJson.device(device, now, rates, false));
                    line.out().flush();
                } else {
                    screen.show(device, now, rates);
                }
                before = now;
            } while (!once && !line.out().checkError());
        }
        return ExitStatus.SUCCESS;
    }

    /** Requires that the device still exists. Its server may have been killed, or its power cut; both can come back. */
    private static void requireAttached(AttachedDevice device, Devices devices) throws IOException {
        if (devices.list().stream().noneMatch(each -> each.id() == device.id())) {
            throw new CommandFailure(device.path() + " is gone: its image was detached");
        }
    }

    /** Returns the device that the command line names, or else the only one. */
    private static AttachedDevice device(Arguments line, Devices devices) throws IOException {
        List<AttachedDevice> all = devices.list();
        Operands operands = line.operands();
        if (operands.isEmpty() && !line.has("-n") && !line.has(Operands.IMAGE)) {
            if (all.size() == 1) {
                Target.ofDevice(all.getFirst().id()); // says why a device cannot be watched
                return all.getFirst();
            }
            throw new CommandFailure(
                    all.isEmpty()
                            ? "no device is attached: ublk-zoned add attaches one"
                            : "there are %d devices: name one, see ublk-zoned list".formatted(all.size()));
        }
        Target target = Target.find(line);
        LiveDevice device = target.device();
        if (device == null) {
            throw new CommandFailure(target.image() + " is not attached, so there is nothing to watch: add it first");
        }
        return all.stream()
                .filter(each -> each.id() == device.id())
                .findFirst()
                .orElseThrow(() -> LiveDevice.noDevice(device.id()));
    }

    private static long nanos(String word) {
        double seconds;
        try {
            seconds = Double.parseDouble(word);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("'" + word + "' is not a number of seconds", e);
        }
        if (!(seconds >= INTERVAL_SECONDS_MIN && seconds <= INTERVAL_SECONDS_MAX)) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "it must be from %.1f to %.0f s", INTERVAL_SECONDS_MIN, INTERVAL_SECONDS_MAX));
        }
        return (long) (seconds * TimeUnit.SECONDS.toNanos(1));
    }

    private static void sleep(long nanos) throws IOException {
        try {
            TimeUnit.NANOSECONDS.sleep(nanos);
        } catch (InterruptedException e) {
            throw new IOException("interrupted", e);
        }
    }
}
