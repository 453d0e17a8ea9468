package io.ublkzoned.backend.live;

import java.io.IOException;
import java.util.List;

/** The devices of a host. Any thread may call the methods. They block until the servers have answered. */
public interface Devices {

    /** Returns the devices, live or not, in ascending order of their numbers. */
    List<AttachedDevice> list() throws IOException;

    /**
     * Returns the state of a device now.
     *
     * @throws IOException with a sentence if no server answers
     */
    DeviceSample sample(int id) throws IOException;

    /** Returns the latest changes of a zone's condition, see {@code ControlClient.history}. */
    String history(int id, int zone) throws IOException;
}
