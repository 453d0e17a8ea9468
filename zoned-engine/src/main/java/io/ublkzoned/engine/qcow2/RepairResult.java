package io.ublkzoned.engine.qcow2;

/**
 * The result of a repair.
 *
 * @param after the result of a check after the repair
 * @param corruptionsFixed the decrease in corruptions
 * @param leaksFixed the decrease in leaks
 */
public record RepairResult(CheckResult after, long corruptionsFixed, long leaksFixed) {}
