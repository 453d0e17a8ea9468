package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.ImageIdentity;
import io.ublkzoned.engine.StateException;
import io.ublkzoned.engine.ZonedDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import java.io.IOException;

/** A swap of the image under the state of a dead server. A wrong image is refused and stays unchanged. */
final class ImageSwap {

    private final World world;
    private final FormatOptions options;

    ImageSwap(World world, FormatOptions options) {
        this.world = world;
        this.options = options;
    }

    /** Returns whether the state would be accepted with this image, in another file. Changes neither. */
    boolean isBelieved(SimulatedDisk image) {
        SimulatedDisk trial = image.copy();
        ImageIdentity own = world.file();
        ImageIdentity other = new ImageIdentity(own.bootId(), own.device(), own.inode() + 1000);
        try {
            DeviceState state = DeviceState.load(world.state.copy())
                    .filter(DeviceState::wasBegun)
                    .orElse(null);
            if (state == null) {
                return false;
            }
            ZonedDevice.reopen(trial, state, other, () -> {});
            return true;
        } catch (StateException e) {
            if (!trial.sameBytes(image)) {
                throw new AssertionError("an image was changed that was refused: " + e.getMessage(), e);
            }
            return false;
        } catch (IOException e) {
            throw new AssertionError("a copy cannot be opened: " + e.getMessage(), e);
        }
    }

    /** Tries images that are certainly wrong. */
    void tryWrongImages(long dice) {
        if (!Dice.findsWrongImage(dice)) {
            return;
        }
        SimulatedDisk fresh = new SimulatedDisk();
        SimulatedDisk foreign = world.image.copy();
        SimulatedDisk ofAnotherAttach = world.image.copy();
        try {
            ImageFormatter.format(fresh, options);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        new ForeignWriter(foreign).close();
        ImageAreas.changeAttachId(ofAnotherAttach);
        if (isBelieved(fresh)) {
            throw new AssertionError("a state is believed with a new image");
        }
        if (isBelieved(ofAnotherAttach)) {
            throw new AssertionError("a state is believed with an image of another attach");
        }
        if (isBelieved(foreign)) {
            throw new AssertionError("a state is believed with an image that another program closed");
        }
    }
}
