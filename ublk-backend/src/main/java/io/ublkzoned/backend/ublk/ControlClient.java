package io.ublkzoned.backend.ublk;

import io.ublkzoned.engine.fault.AfterCut;
import io.ublkzoned.engine.fault.FaultRule;
import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A client of a live device's {@link ControlSocket}. Each method sends one command and waits until it is done.
 *
 * <p>All methods throw an IOException with a sentence if the command fails or the server does not answer in time.
 */
public final class ControlClient {

    private static final long ANSWER_MILLIS = TimeUnit.SECONDS.toMillis(DeviceControl.DONE_SECONDS + 5);
    private static final int BUFFER_BYTES = 64 << 10;

    private final int deviceId;
    private final long answerMillis;

    /** Makes a client of the server of this device. */
    public ControlClient(int deviceId) {
        this(deviceId, ANSWER_MILLIS);
    }

    /** Makes a client that waits for an answer no longer than this. */
    public ControlClient(int deviceId, long answerMillis) {
        this.deviceId = deviceId;
        this.answerMillis = answerMillis;
    }

    /**
     * Changes the condition of zones.
     *
     * @param condition READ_ONLY or OFFLINE, null to recover
     */
    public void changeCondition(int first, int count, @Nullable ZoneCondition condition) throws IOException {
        String word = condition == null ? DeviceControl.RECOVERED : condition.name();
        ask("%s %d %d %s".formatted(DeviceControl.CHANGE_CONDITION, first, count, word));
    }

    /** Puts a fault rule in force. Returns its number. */
    public int addFault(FaultRule rule) throws IOException {
        return Integer.parseInt(ask(DeviceControl.ADD_FAULT + " " + rule.text()));
    }

    /** Returns the fault rules in force as a JSON array of objects: id, rule, matched, hits, waiting. */
    public String listFaults() throws IOException {
        return ask(DeviceControl.LIST_FAULTS);
    }

    /** Removes one fault rule. The requests that it delays or stalls are carried out. */
    public void removeFault(int id) throws IOException {
        ask(DeviceControl.REMOVE_FAULT + " " + id);
    }

    /** Removes all fault rules. The requests that they delay or stall are carried out. */
    public void removeFaults() throws IOException {
        ask(DeviceControl.REMOVE_FAULT);
    }

    /** Releases the stalled requests. Returns their number. */
    public int releaseStalled() throws IOException {
        return Integer.parseInt(ask(DeviceControl.RELEASE_STALLED));
    }

    /** Puts a mark into the write log of the device. The name has no line break. */
    public void mark(String name) throws IOException {
        ask(DeviceControl.MARK + " " + name);
    }

    /** Cuts the power of the device. Its server then ends, or brings the device back. */
    public void cutPower(PowerCut cut, AfterCut then) throws IOException {
        ask("%s %d %s %s".formatted(DeviceControl.CUT_POWER, cut.seed(), cut.keep(), then));
    }

    /** Returns the geometry and the counts of the device. */
    public DeviceActivity activity() throws IOException {
        return parsed(DeviceControl.ACTIVITY, DeviceActivity::parse);
    }

    /** Returns the state of all zones of the device. */
    public ZoneSnapshot zones() throws IOException {
        return parsed(DeviceControl.ZONES, ZoneSnapshot::parse);
    }

    /** A parser of an answer. */
    private interface Parser<T> {
        T parse(String answer) throws IOException;
    }

    private <T> T parsed(String command, Parser<T> parser) throws IOException {
        String answer = ask(command);
        try {
            return parser.parse(answer);
        } catch (RuntimeException e) {
            throw new IOException(
                    "the server of device %d is of another version: its answer cannot be read".formatted(deviceId), e);
        }
    }

    /**
     * Returns the latest changes of a zone's condition as a JSON array of objects, the oldest first: time (milliseconds
     * since 1970), condition, writePointer (address in bytes).
     */
    public String history(int zone) throws IOException {
        return ask(DeviceControl.HISTORY + " " + zone);
    }

    /** Sends a command, and returns its result. */
    private String ask(String command) throws IOException {
        String answer;
        var address = UnixDomainSocketAddress.of(new RunDirectory(deviceId).controlSocket());
        try (SocketChannel server = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.configureBlocking(false);
            if (!server.connect(address)) {
                throw noAnswer(); // its queue of connections is full
            }
            server.write(ByteBuffer.wrap((command + "\n").getBytes(StandardCharsets.UTF_8)));
            answer = read(server);
        } catch (SocketException e) {
            throw new IOException("device %d has no server that answers: see ublk-zoned list".formatted(deviceId), e);
        }
        if (!answer.startsWith(DeviceControl.DONE)) {
            throw new IOException(answer);
        }
        return answer.substring(DeviceControl.DONE.length());
    }

    private String read(SocketChannel server) throws IOException {
        ByteArrayOutputStream answer = new ByteArrayOutputStream();
        ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES);
        try (Selector selector = Selector.open()) {
            server.register(selector, SelectionKey.OP_READ);
            long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(answerMillis);
            while (server.read(buffer) >= 0) {
                answer.write(buffer.array(), 0, buffer.position());
                buffer.clear();
                long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (left <= 0) {
                    throw noAnswer();
                }
                selector.select(left);
            }
        }
        String text = answer.toString(StandardCharsets.UTF_8);
        if (!text.endsWith("\n")) {
            throw new IOException("the server of device %d ended before it answered".formatted(deviceId));
        }
        return text.stripTrailing();
    }

    private IOException noAnswer() {
        return new IOException("the server of device %d does not answer: see %s"
                .formatted(deviceId, new RunDirectory(deviceId).logFile()));
    }
}
