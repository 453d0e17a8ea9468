package io.ublkzoned.backend.ublk;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.engine.ConditionChange;
import io.ublkzoned.engine.DeviceFaults;
import io.ublkzoned.engine.FaultTimer;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.fault.FaultRuleParser;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * The commands that the server of a device accepts on its {@link ControlSocket}: a word, then its arguments. The answer
 * to a command that succeeded begins with {@link #DONE}, and continues with its result. Any other answer is a sentence.
 * The threads of the socket call this.
 */
final class DeviceControl {

    static final String DONE = "+";

    // The commands.
    static final String CHANGE_CONDITION = "condition"; // FIRST COUNT CONDITION
    static final String ADD_FAULT = "add-fault"; // RULE; the result is its number
    static final String LIST_FAULTS = "list-faults"; // the result is a JSON array
    static final String REMOVE_FAULT = "remove-fault"; // ID, or nothing for all
    static final String RELEASE_STALLED = "release-stalled"; // the result is the number of requests
    static final String CUT_POWER = "cut-power"; // SEED KEEP THEN
    static final String MARK = "mark"; // NAME
    static final String ACTIVITY = "activity"; // the result is that of DeviceActivity.json
    static final String ZONES = "zones"; // the result is that of ZoneSnapshot.encode
    static final String HISTORY = "history"; // ZONE; the result is a JSON array

    /** Instead of a condition. */
    static final String RECOVERED = "recovered";

    /** The time after which a change of conditions is given up. */
    static final long DONE_SECONDS = 60;

    static final FaultTimer TIMER =
            (nanos, wakeUp) -> CompletableFuture.delayedExecutor(nanos, TimeUnit.NANOSECONDS, Runnable::run)
                    .execute(wakeUp);

    private final long startMillis = System.currentTimeMillis();
    private final long startNanos = System.nanoTime();
    private final ZonedDevice device;
    private final List<RequestStatistics> queues;

    /**
     * Makes the commands of a device.
     *
     * @param queues the statistics of its queues
     */
    DeviceControl(ZonedDevice device, List<RequestStatistics> queues) {
        this.device = device;
        this.queues = queues;
    }

    /** Carries out a command, and returns the answer. */
    String answer(String line) throws IOException {
        int space = line.indexOf(' ');
        String command = space < 0 ? line : line.substring(0, space);
        String arguments = space < 0 ? "" : line.substring(space + 1);
        try {
            return switch (command) {
                case CHANGE_CONDITION -> changeCondition(arguments);
                case ADD_FAULT -> addFault(arguments);
                case LIST_FAULTS -> DONE + listFaults();
                case REMOVE_FAULT -> removeFault(arguments);
                case RELEASE_STALLED -> DONE + device.faults().release();
                case CUT_POWER -> cutPower(arguments);
                case MARK -> mark(arguments);
                case ACTIVITY -> DONE + activity().json();
                case ZONES -> DONE + zones();
                case HISTORY -> DONE + history(Integer.parseInt(arguments));
                default -> throw new IllegalArgumentException(command);
            };
        } catch (InterruptedException e) {
            return "the server is ending";
        } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
            return "the server does not understand '" + line + "'";
        }
    }

    private DeviceActivity activity() {
        return new DeviceActivity(
                startMillis,
                System.nanoTime() - startNanos,
                device.geometry(),
                device.counts(),
                RequestStatistics.sum(queues));
    }

    /** Returns the zones for one client after the other, because an answer can take tens of MiB. */
    private synchronized String zones() throws IOException {
        return ZoneSnapshot.of(device, startMillis).encode();
    }

    private String history(int zone) throws IOException {
        var array = JSON.std.composeString().startArray();
        for (ConditionChange change : device.history(zone)) {
            array = array.startObject()
                    .put("time", change.timeMillis())
                    .put("condition", change.condition().label())
                    .put("writePointer", change.writePointerBytes())
                    .end();
        }
        return array.end().finish();
    }

    private String addFault(String rule) {
        try {
            return DONE + device.faults().add(FaultRuleParser.parse(rule), TIMER);
        } catch (IllegalArgumentException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private String changeCondition(String arguments) throws InterruptedException {
        String[] words = arguments.split(" ", -1);
        ZoneCondition condition = words[2].equals(RECOVERED) ? null : ZoneCondition.valueOf(words[2]);
        return await(device.changeCondition(Integer.parseInt(words[0]), Integer.parseInt(words[1]), condition));
    }

    /** Waits for the change. Withdraws a change that has not begun in time. */
    private String await(CompletableFuture<@Nullable Void> change) throws InterruptedException {
        try {
            try {
                change.get(DONE_SECONDS, TimeUnit.SECONDS);
            } catch (TimeoutException e) {
                if (device.withdraw(change)) {
                    return "writes to these zones have not ended for " + DONE_SECONDS + " s, so nothing was changed";
                }
                change.get();
            }
            return DONE;
        } catch (ExecutionException e) {
            return String.valueOf(change.exceptionNow().getMessage());
        }
    }

    private String listFaults() throws IOException {
        var array = JSON.std.composeString().startArray();
        for (DeviceFaults.Armed each : device.faults().list()) {
            array = array.startObject()
                    .put("id", each.id())
                    .put("rule", each.rule().text())
                    .put("matched", each.matched())
                    .put("hits", each.hits())
                    .put("waiting", each.waiting())
                    .end();
        }
        return array.end().finish();
    }

    private String cutPower(String arguments) {
        String[] words = arguments.split(" ", -1);
        PowerCut cut = new PowerCut(Long.parseLong(words[0]), PowerCut.Keep.valueOf(words[1]));
        return device.faults().cutPower(cut, AfterCut.valueOf(words[2]))
                ? DONE
                : "the power of the device is already cut";
    }

    private String mark(String name) {
        try {
            device.mark(name);
            return DONE;
        } catch (IOException | IllegalArgumentException e) {
            return String.valueOf(e.getMessage());
        }
    }

    private String removeFault(String id) {
        if (id.isEmpty()) {
            device.faults().removeAll();
            return DONE;
        }
        return device.faults().remove(Integer.parseInt(id)) ? DONE : "the device has no fault " + id;
    }
}
