package io.ublkzoned.backend.ublk;

/** Hears every ten seconds what a command or a server still waits for. Called by the thread that waits. */
@FunctionalInterface
public interface WaitListener {
    /**
     * Takes one sentence.
     *
     * @param sentence what is waited for, for how long, and what is known of the reason
     */
    void waiting(String sentence);
}
