package io.ublkzoned.engine.qcow2;

/**
 * What a repair came to.
 *
 * @param after what a check found after it
 * @param corruptionsFixed how many fewer corruptions there are now
 * @param leaksFixed how many fewer leaks
 */
public record RepairResult(CheckResult after, long corruptionsFixed, long leaksFixed) {}
