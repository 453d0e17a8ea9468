package io.ublkzoned.backend.live;

import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A device shown by the page. Viewers share its samples, so its server is asked at most once per 900 ms. Any thread may
 * use it.
 */
final class ViewedDevice {

    private static final long FRESH_NANOS = TimeUnit.MILLISECONDS.toNanos(900);
    private static final long STALE_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final Devices devices;
    private final int id;
    private @Nullable DeviceSample last;
    private long lastNanos;
    private DeviceRates rates = DeviceRates.NONE;

    ViewedDevice(Devices devices, int id) {
        this.devices = devices;
        this.id = id;
    }

    /** Returns the state of the device and its rates since the last sample. No rates if that is older than 10 s. */
    synchronized String json(AttachedDevice device) throws IOException {
        DeviceSample now = sample();
        return LiveJson.device(device, now, rates, true);
    }

    /** Returns the state of the device, at most 900 ms old. */
    synchronized DeviceSample sample() throws IOException {
        DeviceSample before = last;
        long age = System.nanoTime() - lastNanos;
        if (before != null && age < FRESH_NANOS) {
            return before;
        }
        DeviceSample now = devices.sample(id);
        lastNanos = System.nanoTime();
        rates = before == null || age > STALE_NANOS ? DeviceRates.NONE : DeviceRates.between(before, now);
        last = now;
        return now;
    }
}
