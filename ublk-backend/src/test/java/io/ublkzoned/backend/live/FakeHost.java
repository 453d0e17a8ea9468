package io.ublkzoned.backend.live;

import io.ublkzoned.backend.ublk.DeviceWithoutDriver;
import java.io.IOException;
import java.util.List;

/** A host with one device, number 3, and one whose server is dead, number 4. */
final class FakeHost implements Devices {

    static final int LIVE = 3;
    static final int DEAD = 4;

    private final DeviceWithoutDriver device;

    FakeHost(DeviceWithoutDriver device) {
        this.device = device;
    }

    @Override
    public List<AttachedDevice> list() {
        return List.of(
                new AttachedDevice(LIVE, "/images/a \"quoted\" disk.qcow2", "data"),
                new AttachedDevice(DEAD, "/images/dead.qcow2", ""));
    }

    @Override
    public DeviceSample sample(int id) throws IOException {
        if (id != LIVE) {
            throw new IOException("device %d has no server that listens".formatted(id));
        }
        return new DeviceSample(device.activity(), device.zones());
    }

    @Override
    public String history(int id, int zone) throws IOException {
        return device.history(zone);
    }
}
