package io.ublkzoned.backend.ublk;

import io.ublkzoned.bindings.ublk.UblkFeatures;

/** What becomes of a device whose server dies. */
public enum Recovery {
    /** It waits for the next server, which gets the requests that were under way once more. */
    REISSUE(UblkFeatures.USER_RECOVERY | UblkFeatures.USER_RECOVERY_REISSUE),
    /** It waits for the next server; the requests that were under way fail. */
    FAIL(UblkFeatures.USER_RECOVERY),
    /** It goes. */
    OFF(0);

    private final long features;

    Recovery(long features) {
        this.features = features;
    }

    /** The feature bits to ask for. */
    long features() {
        return features;
    }
}
