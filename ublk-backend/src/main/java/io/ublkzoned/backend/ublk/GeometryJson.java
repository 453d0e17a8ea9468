package io.ublkzoned.backend.ublk;

import com.fasterxml.jackson.jr.ob.comp.ComposerBase;
import com.fasterxml.jackson.jr.ob.comp.ObjectComposer;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;

/** The geometry of a device in JSON, as commands print it and servers answer it. Sizes are in bytes. */
public final class GeometryJson {

    private GeometryJson() {}

    /** Adds the members of a geometry to an object. */
    public static <P extends ComposerBase> ObjectComposer<P> put(ObjectComposer<P> object, DeviceGeometry geometry)
            throws IOException {
        return object.put("size", geometry.sizeBytes())
                .put("zones", geometry.zoneCount())
                .put("zoneSize", geometry.zoneSizeBytes())
                .put("zoneCapacity", geometry.capacityBytes())
                .put("conventionalZones", geometry.conventionalZones())
                .put("maxOpenZones", geometry.maxOpenZones())
                .put("maxActiveZones", geometry.maxActiveZones());
    }
}
