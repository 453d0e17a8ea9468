package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.ublk.DeviceInfo;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ServerLock;
import io.ublkzoned.backend.ublk.UblkControl;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The command {@code list}: shows the devices of this program. Those of other ublk servers are not shown. */
final class ListCommand implements Command {

    private static final int NO_PID = -1;

    private record Entry(int id, String name, String image, int pid, String state) {}

    @Override
    public Syntax syntax() {
        return new Syntax("ublk-zoned list", "Show the devices.", "[OPTION]...").flag("--json", "Print JSON.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        List<Entry> entries = entries();
        if (line.has("--json")) {
            line.out().println(json(entries));
        } else {
            for (Entry entry : entries) {
                line.out()
                        .println("%s  %s  pid %d  %s"
                                .formatted(DeviceName.path(entry.id), entry.state, entry.pid, entry.image));
            }
        }
        return ExitStatus.SUCCESS;
    }

    private static List<Entry> entries() throws IOException {
        List<Entry> entries = new ArrayList<>();
        List<Integer> ids = RunDirectory.ids();
        if (ids.isEmpty()) {
            return entries; // without the control device, which only root can open
        }
        try (UblkControl control = UblkControl.open()) {
            for (int id : ids) {
                RunDirectory directory = new RunDirectory(id);
                ServerLock.Holder server = ServerLock.holder(directory);
                DeviceInfo info = control.info(id);
                entries.add(new Entry(
                        id,
                        directory.deviceName(),
                        directory.image().toString(),
                        server == null ? NO_PID : server.pid(),
                        state(info, server)));
            }
        } catch (NoSuchFileException e) {
            // A device was deleted in the meantime.
            return entries();
        }
        return entries;
    }

    private static String state(@Nullable DeviceInfo info, ServerLock.@Nullable Holder server) {
        if (info != null && info.isLive()) {
            return "live";
        }
        if (server != null) {
            return switch (server.phase()) {
                case STARTING -> "starting";
                case STARTED -> "stopping";
                case OFF -> "off";
            };
        }
        return info != null && info.isWaiting() ? "quiesced" : "dead";
    }

    private static String json(List<Entry> entries) throws IOException {
        var array = JSON.std.composeString().startArray();
        for (Entry entry : entries) {
            array = array.startObject()
                    .put("id", entry.id)
                    .put("path", DeviceName.path(entry.id))
                    .put("name", entry.name)
                    .put("image", entry.image)
                    .put("pid", entry.pid)
                    .put("state", entry.state)
                    .end();
        }
        return array.end().finish();
    }
}
