package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.zone.BlockOp;
import java.util.ArrayList;
import java.util.List;

/**
 * The requests that the kernel sends again to the server that resumes a device: all requests whose results it has not
 * taken, in any order. Each has the tag that it had, or any tag if the device has an I/O scheduler.
 */
final class Resender {

    private final World world;
    private final boolean otherTags;
    private final List<IoCall> waiting = new ArrayList<>();

    Resender(World world, boolean otherTags) {
        this.world = world;
        this.otherTags = otherTags;
    }

    /** @param again whether the kernel will send the unanswered requests to the next server */
    void serverDied(List<IoCall> unanswered, boolean again) {
        waiting.clear();
        for (IoCall call : unanswered) {
            call.survivesServer = again;
            if (again) {
                keep(call);
            }
        }
    }

    private void keep(IoCall call) {
        boolean wasPlaced = call.op == BlockOp.ZONE_APPEND && call.sent;
        if (wasPlaced && (otherTags || call.offered)) {
            call.strayPlaces.add(call.place);
        }
        FakeQueue queue = (FakeQueue) call.request.queue();
        if (otherTags) {
            queue.reserveAnother(call);
        } else {
            queue.reserve(call);
        }
        waiting.add(call);
    }

    /**
     * Drops the requests that the kernel still has, because no next server gets them: the machine dies, or the device
     * is removed.
     */
    void giveUp() {
        for (IoCall call : waiting) {
            call.survivesServer = false;
        }
        waiting.clear();
        world.forgetAll(SimulatedDisk.Survival.NOTHING);
    }

    /** Sends one of the requests. */
    void sendOne(int number) {
        if (!waiting.isEmpty()) {
            IoCall call = waiting.remove(number % waiting.size());
            call.survivesServer = false;
            call.sentAgain = true;
            ((FakeQueue) call.request.queue()).send(call);
        }
    }

    /** Sends one request of this queue, on whose thread this runs. Returns false if none is left. */
    boolean sendOneOf(FakeQueue queue) {
        for (int i = 0; i < waiting.size(); i++) {
            if (waiting.get(i).request.queue() == queue) {
                sendOne(i);
                return true;
            }
        }
        return false;
    }

    /** Sends all remaining requests. */
    void sendAll() {
        while (!waiting.isEmpty()) {
            sendOne(0);
        }
    }
}
