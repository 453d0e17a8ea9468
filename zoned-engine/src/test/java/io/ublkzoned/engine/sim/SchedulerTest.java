package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The scheduler of the threads of an interleaving test. */
final class SchedulerTest {

    private static final long SEEDS = 100;

    private final Object lock = new Object();
    private final Object other = new Object();
    private final List<String> order = new ArrayList<>();

    private static Scheduler scheduler(long seed) {
        return new Scheduler(seed, new Trace(false));
    }

    private void addBySteps(Scheduler scheduler, String name) {
        scheduler.add(name, () -> {
            for (int i = 0; i < 3; i++) {
                order.add(name);
                YieldPoints.pause();
            }
        });
    }

    private String orderOf(long seed) {
        order.clear();
        Scheduler scheduler = scheduler(seed);
        addBySteps(scheduler, "a");
        addBySteps(scheduler, "b");
        scheduler.run();
        return String.join("", order);
    }

    @Test
    void seedsGiveEveryOrderAndEachSeedAlwaysTheSame() {
        Set<String> orders = new HashSet<>();
        for (long seed = 1; seed <= 10 * SEEDS; seed++) {
            orders.add(orderOf(seed));
        }
        assertEquals(20, orders.size(), orders::toString); // 6 over 3
        assertEquals(orderOf(1), orderOf(1));
    }

    private void enterBoth(Object first, Object second) {
        YieldPoints.entering(first);
        YieldPoints.entering(second);
        YieldPoints.left(second);
        YieldPoints.left(first);
    }

    @Test
    void threadsThatWaitForEachOtherAreADeadlock() {
        int deadlocks = 0;
        for (long seed = 1; seed <= SEEDS; seed++) {
            Scheduler scheduler = scheduler(seed);
            scheduler.add("a", () -> enterBoth(lock, other));
            scheduler.add("b", () -> enterBoth(other, lock));
            try {
                scheduler.run();
            } catch (AssertionError e) {
                assertEquals("deadlock: [a waits for a monitor of b, b waits for a monitor of a]", e.getMessage());
                deadlocks++;
            }
        }
        assertTrue(deadlocks > 0 && deadlocks < SEEDS, () -> "deadlocks in other than some seeds");
    }

    @Test
    void conditionThatNeverBecomesTrueIsADeadlock() {
        Scheduler scheduler = scheduler(1);
        scheduler.add("a", () -> Scheduler.await("a wonder", () -> false));
        scheduler.add("b", () -> {});
        AssertionError error = assertThrows(AssertionError.class, scheduler::run);
        assertEquals("deadlock: [a waits for a wonder, b has ended]", error.getMessage());
    }

    @Test
    void threadsThatNeverEndAreALivelock() {
        Scheduler scheduler = scheduler(1);
        Runnable endless = () -> {
            while (!Thread.interrupted()) {
                YieldPoints.pause();
            }
        };
        scheduler.add("a", endless);
        scheduler.add("b", endless);
        AssertionError error = assertThrows(AssertionError.class, scheduler::run);
        assertEquals("the threads never come to rest: [a can run, b can run]", error.getMessage());
    }

    @Test
    void failureOfOneThreadStopsAllThreads() {
        Scheduler scheduler = scheduler(1);
        scheduler.add("a", () -> {
            throw new IllegalStateException("broken");
        });
        scheduler.add("b", () -> {
            Scheduler.await("nothing", () -> false);
            order.add("b");
        });
        assertEquals(
                "broken",
                assertThrows(IllegalStateException.class, scheduler::run).getMessage());
        assertEquals(List.of(), order);
    }

    /** Plays two accesses to a field of one object, each under the given lock. */
    private void access(Object firstLock, Object secondLock, boolean firstWrites, boolean secondWrites) {
        for (long seed = 1; seed <= SEEDS; seed++) {
            Scheduler scheduler = scheduler(seed);
            scheduler.add("a", () -> accessUnder(firstLock, firstWrites));
            scheduler.add("b", () -> accessUnder(secondLock, secondWrites));
            scheduler.run();
        }
    }

    private void accessUnder(Object monitor, boolean writes) {
        YieldPoints.entering(monitor);
        if (writes) {
            YieldPoints.writing(order, "field", "method");
        } else {
            YieldPoints.reading(order, "field", "method");
        }
        YieldPoints.left(monitor);
    }

    @Test
    void accessesUnderOneLockAndTwoReadsAreNoRace() {
        access(lock, lock, true, true);
        access(lock, lock, true, false);
        access(lock, other, false, false);
    }

    @Test
    void accessesUnderTwoLocksAreARaceIfOneWrites() {
        AssertionError error = assertThrows(AssertionError.class, () -> access(lock, other, true, true));
        assertTrue(String.valueOf(error.getMessage()).startsWith("data race on field: "), error::getMessage);
        assertThrows(AssertionError.class, () -> access(lock, other, true, false));
        assertThrows(AssertionError.class, () -> access(lock, other, false, true));
    }
}
