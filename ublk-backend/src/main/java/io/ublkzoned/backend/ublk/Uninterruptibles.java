package io.ublkzoned.backend.ublk;

/** Waits that no interrupt cuts short: nobody interrupts the threads of a server. */
final class Uninterruptibles {

    private Uninterruptibles() {}

    static void join(Thread thread) {
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
