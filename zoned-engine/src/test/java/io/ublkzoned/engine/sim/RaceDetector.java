package io.ublkzoned.engine.sim;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * A detector of data races of the Java memory model: two threads use a field, one of them writes it, and neither a
 * monitor nor a volatile field orders the two uses. It uses vector clocks, so one run in which both uses occur is
 * enough, in either order.
 */
final class RaceDetector {

    private static final int THREADS_MAX = 8;

    /** The known uses of one field of one object. */
    private static final class Uses {
        private int writer = -1;
        private int written;
        private String writtenIn = "";

        // For each thread, the time and method of its last read.
        private final int[] read = new int[THREADS_MAX];
        private final String[] readIn = new String[THREADS_MAX];
    }

    private final List<String> threads = new ArrayList<>();

    /** For each thread, the time up to which it knows the events of each other thread. */
    private final int[][] known = new int[THREADS_MAX][THREADS_MAX];

    /** The same knowledge for a thread that enters a monitor or reads a volatile field. */
    private final IdentityHashMap<Object, Map<String, int[]>> released = new IdentityHashMap<>();

    private final IdentityHashMap<Object, Map<String, Uses>> uses = new IdentityHashMap<>();

    void addThread(String name) {
        known[threads.size()][threads.size()] = 1;
        threads.add(name);
    }

    void acquire(int thread, Object monitor) {
        merge(known[thread], clock(monitor, ""));
    }

    void release(int thread, Object monitor) {
        System.arraycopy(known[thread], 0, clock(monitor, ""), 0, THREADS_MAX);
        known[thread][thread]++;
    }

    /** Records a use of a volatile field, which comes after all earlier uses and before all later ones. */
    void synchronize(int thread, Object object, String field) {
        int[] clock = clock(object, field);
        merge(known[thread], clock);
        merge(clock, known[thread]);
        known[thread][thread]++;
    }

    private int[] clock(Object object, String field) {
        return released.computeIfAbsent(object, key -> new HashMap<>())
                .computeIfAbsent(field, key -> new int[THREADS_MAX]);
    }

    private static void merge(int[] into, int[] from) {
        Arrays.setAll(into, i -> Math.max(into[i], from[i]));
    }

    /** Records a use of any other field. Throws if it races with an earlier one. */
    void access(int thread, Object object, String field, String method, boolean writes) {
        Uses of = uses.computeIfAbsent(object, key -> new HashMap<>()).computeIfAbsent(field, key -> new Uses());
        int[] mine = known[thread];
        if (of.writer >= 0 && of.written > mine[of.writer]) {
            throw race(field, of.writer, of.writtenIn, thread, method);
        }
        if (!writes) {
            of.read[thread] = mine[thread];
            of.readIn[thread] = method;
            return;
        }
        for (int other = 0; other < threads.size(); other++) {
            if (of.read[other] > mine[other]) {
                throw race(field, other, of.readIn[other], thread, method);
            }
        }
        of.writer = thread;
        of.written = mine[thread];
        of.writtenIn = method;
    }

    private AssertionError race(String field, int first, String firstIn, int second, String secondIn) {
        return new AssertionError("data race on %s: %s in %s, %s in %s"
                .formatted(field, threads.get(first), firstIn, threads.get(second), secondIn));
    }
}
