package io.ublkzoned.backend.ublk;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.ublkzoned.engine.qcow2.Barrier;
import io.ublkzoned.engine.qcow2.ForwardingImageFile;
import io.ublkzoned.engine.qcow2.ImageFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class OverlappedSyncsTest {

    /** A file whose syncs end when the test lets them, possibly with a failure. */
    private static final class SlowFile implements ForwardingImageFile {

        private final CountDownLatch released = new CountDownLatch(1);
        private volatile @Nullable IOException failure;
        private final AtomicInteger syncs = new AtomicInteger();

        @Override
        public ImageFile file() {
            throw new AssertionError("only syncs are expected");
        }

        @Override
        public void sync(Barrier barrier) throws IOException {
            await(released);
            syncs.incrementAndGet();
            IOException reported = failure;
            failure = null; // as the kernel, which reports a failure once
            if (reported != null) {
                throw reported;
            }
        }
    }

    private final SlowFile file = new SlowFile();
    private final OverlappedSyncs syncs = new OverlappedSyncs(file);
    private int rounds;

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private void sync(Runnable meanwhile) throws IOException {
        syncs.sync(Barrier.DATA_BEFORE_POINTERS, meanwhile);
    }

    @AfterEach
    void close() {
        file.released.countDown();
        syncs.close();
    }

    @Test
    void workThatArrivesDuringASyncIsDone() throws IOException {
        Thread metadata = Thread.currentThread();
        Thread queue = Thread.ofPlatform().unstarted(() -> LockSupport.unpark(metadata));
        sync(() -> {
            rounds++;
            if (rounds == 1) {
                queue.start();
            } else {
                file.released.countDown();
            }
        });
        assertTrue(rounds >= 2, "only " + rounds);
        assertEquals(1, file.syncs.get());
    }

    @Test
    void syncsFollowOneAnother() throws IOException {
        file.released.countDown();
        for (int i = 1; i <= 1000; i++) {
            sync(() -> {});
            assertEquals(i, file.syncs.get());
        }
    }

    @Test
    void failureOfTheSyncIsThrownOnce() throws IOException {
        file.released.countDown();
        IOException failure = new IOException("the disk is gone");
        file.failure = failure;
        assertSame(failure, assertThrows(IOException.class, () -> sync(() -> {})));
        sync(() -> {});
    }

    /** The first one may have begun before the latest writes. */
    @Test
    void syncDuringAnotherOneWaitsForItAndSyncsAgain() throws IOException {
        sync(() -> {
            rounds++;
            if (rounds == 1) {
                file.released.countDown();
                syncWithin();
                assertEquals(2, file.syncs.get());
            }
        });
        assertEquals(2, file.syncs.get());
    }

    @Test
    void failureOfASyncAlsoFailsTheOneDuringIt() {
        IOException failure = new IOException("the disk is gone");
        file.failure = failure;
        IOException thrown = assertThrows(
                IOException.class,
                () -> sync(() -> {
                    rounds++;
                    if (rounds == 1) {
                        file.released.countDown();
                        assertThrows(UncheckedIOException.class, this::syncWithin);
                    }
                }));
        assertSame(failure, thrown);
        assertEquals(1, file.syncs.get());
    }

    private void syncWithin() {
        try {
            syncs.sync(Barrier.ZEROS_BEFORE_DATA);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Test
    void workThatThrowsDoesNotLeaveASyncBehind() {
        IllegalStateException bug = new IllegalStateException("a bug");
        assertSame(
                bug,
                assertThrows(
                        IllegalStateException.class,
                        () -> sync(() -> {
                            Thread.ofPlatform().start(file.released::countDown);
                            throw bug;
                        })));
        assertEquals(1, file.syncs.get());
    }
}
