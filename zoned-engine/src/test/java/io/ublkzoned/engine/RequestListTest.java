package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.sim.World;
import org.junit.jupiter.api.Test;

final class RequestListTest {

    private final World world = World.small();
    private final BlockRequest a = new BlockRequest(world.queue, 0, 0);
    private final BlockRequest b = new BlockRequest(world.queue, 1, 1);
    private final BlockRequest c = new BlockRequest(world.queue, 2, 2);

    @Test
    void requestsLeaveInTheOrderOfTheirArrival() {
        RequestList list = new RequestList();
        list.add(a);
        list.add(b);
        assertSame(a, list.poll());
        list.add(c);
        assertSame(b, list.poll());
        assertSame(c, list.poll());

        assertNull(list.poll());
        assertTrue(list.isEmpty());
    }

    @Test
    void movedRequestsFollowTheOldOnesAndLeaveAnEmptyList() {
        RequestList to = new RequestList();
        RequestList from = new RequestList();
        to.add(a);
        from.add(b);
        from.add(c);
        to.addAll(from);
        to.addAll(new RequestList());

        assertTrue(from.isEmpty());
        assertSame(a, to.poll());
        assertSame(b, to.poll());
        assertSame(c, to.poll());
        assertNull(to.poll());
    }

    @Test
    void listFilledByAMoveTakesFurtherRequests() {
        RequestList to = new RequestList();
        RequestList from = new RequestList();
        from.add(a);
        to.addAll(from);
        to.add(b);
        from.add(c);

        assertSame(a, to.poll());
        assertSame(b, to.poll());
        assertNull(to.poll());
        assertSame(c, from.poll());
    }
}
