package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.AttachRecord;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import java.io.IOException;
import org.jspecify.annotations.Nullable;

/**
 * The count of metadata changes of an attached image, kept in the image and in the device's state. A copy of the image
 * from before a change has a smaller number than the state, so a takeover does not mistake it for the image. It belongs
 * to the metadata thread.
 */
final class Generation {

    private final Qcow2Image image;
    private @Nullable DeviceState state;
    private long number;

    Generation(Qcow2Image image) {
        this.image = image;
    }

    /** Marks the image as in use by the attach of this state. The state does not record that before {@link #begun}. */
    void begin(DeviceState newState) throws IOException {
        state = newState;
        number = newState.generation() + 1;
        image.markInUse(new AttachRecord(newState.attachId(), number));
    }

    /** Records in the state that the image is ready for use and durable. */
    void begun() {
        putNumber();
        changesAreDurable();
    }

    /** Counts a change that is in the file and not yet acknowledged. */
    void countChange() throws IOException {
        image.writeGeneration(number + 1);
        // Not reached if the write failed: the image may then be one change ahead of the state, but never more.
        number++;
        putNumber();
    }

    /** Records that a sync has made the last counted change durable. */
    void changesAreDurable() {
        if (state != null) {
            state.putDurableGeneration(number);
        }
    }

    private void putNumber() {
        if (state != null) {
            state.putGeneration(number);
        }
    }
}
