package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.DeviceShape;
import io.ublkzoned.engine.DeviceState;
import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.zone.DeviceGeometry;

/** Something wrong with what is around the engine, which a simulation must find. */
@FunctionalInterface
interface Defect {

    /** Makes it so in a world with such a device. */
    void bringAbout(World world, DeviceGeometry geometry);

    /** The disk does not sync for this reason. */
    static Defect without(Barrier barrier) {
        return (world, geometry) -> world.image.leaveOut(barrier);
    }

    /** The place of an append is kept after its zone's word says that it is done. */
    static Defect placesKeptLate() {
        return (world, geometry) ->
                world.state.storeLate(DeviceState.sizeBytes(new DeviceShape(geometry, World.BLOCK, 0)));
    }
}
