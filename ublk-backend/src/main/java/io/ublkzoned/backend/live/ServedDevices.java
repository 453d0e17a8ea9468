package io.ublkzoned.backend.live;

import io.ublkzoned.backend.ublk.ControlClient;
import io.ublkzoned.backend.ublk.DeviceActivity;
import io.ublkzoned.backend.ublk.RunDirectory;
import io.ublkzoned.backend.ublk.ZoneSnapshot;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;

/** The devices of this program on this host. */
public final class ServedDevices implements Devices {

    /** A server that takes longer than this counts as dead. Prometheus waits for 10 s. */
    private static final long ANSWER_MILLIS = 3000;

    private static ControlClient server(int id) {
        return new ControlClient(id, ANSWER_MILLIS);
    }

    @Override
    public List<AttachedDevice> list() throws IOException {
        List<AttachedDevice> devices = new ArrayList<>();
        for (int id : RunDirectory.ids()) {
            try {
                RunDirectory directory = new RunDirectory(id);
                devices.add(new AttachedDevice(id, directory.image().toString(), directory.deviceName()));
            } catch (NoSuchFileException e) {
                // The device was deleted in the meantime.
            }
        }
        return devices;
    }

    @Override
    public DeviceSample sample(int id) throws IOException {
        DeviceActivity activity = server(id).activity();
        ZoneSnapshot zones = server(id).zones();
        if (zones.startMillis() != activity.startMillis()) {
            throw new IOException("the server of device %d has just started".formatted(id));
        }
        return new DeviceSample(activity, zones);
    }

    @Override
    public String history(int id, int zone) throws IOException {
        return server(id).history(zone);
    }
}
