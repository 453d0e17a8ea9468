package io.ublkzoned.backend.ublk;

import io.ublkzoned.bindings.ublk.UblkFeatures;

/** The fate of a device whose server dies. */
public enum Recovery {
    /** The device waits for the next server, which gets the requests in flight again. */
    REISSUE(UblkFeatures.USER_RECOVERY | UblkFeatures.USER_RECOVERY_REISSUE),
    /** The device waits for the next server. Requests in flight fail. */
    FAIL(UblkFeatures.USER_RECOVERY),
    /** The device is removed. */
    OFF(0);

    private final long features;

    Recovery(long features) {
        this.features = features;
    }

    /** Returns the fate of a device with these feature bits. */
    static Recovery of(long features) {
        if ((features & UblkFeatures.USER_RECOVERY) == 0) {
            return OFF;
        }
        return (features & UblkFeatures.USER_RECOVERY_REISSUE) == 0 ? FAIL : REISSUE;
    }

    /** Returns the feature bits to ask the driver for. */
    long features() {
        return features;
    }
}
