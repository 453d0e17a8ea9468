package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.zone.DeviceGeometry;

/** A defect in the surroundings of the engine, which a simulation must detect. */
@FunctionalInterface
interface Defect {

    /** Adds the defect to a world with such a device. */
    void applyTo(World world, DeviceGeometry geometry);

    /** Returns the defect of a disk that does not sync for this reason. */
    static Defect without(Barrier barrier) {
        return (world, geometry) -> world.image.leaveOut(barrier);
    }

    /** Returns the defect of storing the place of an append after the zone's word that says that the append is done. */
    static Defect appendPlacesStoredLate() {
        return (world, geometry) ->
                world.state.storeLate(DeviceState.sizeBytes(new DeviceShape(geometry, World.BLOCK, 0)));
    }
}
