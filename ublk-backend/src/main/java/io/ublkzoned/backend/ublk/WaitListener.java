package io.ublkzoned.backend.ublk;

/**
 * A receiver of reports, one every ten seconds, about what a command or a server still waits for. The waiting thread
 * calls it.
 */
@FunctionalInterface
public interface WaitListener {
    /**
     * Receives one report.
     *
     * @param sentence the reason for the wait and its length, and the cause if it is known
     */
    void waiting(String sentence);
}
