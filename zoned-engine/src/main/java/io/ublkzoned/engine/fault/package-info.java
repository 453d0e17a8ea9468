/**
 * The faults that a device shows on request: values and their text.
 *
 * <p>{@link io.ublkzoned.engine.fault.FaultRule} says which requests are hit and what then happens to them;
 * {@link io.ublkzoned.engine.fault.FaultRuleParser} reads one as people type it. {@code DeviceFaults} in the engine
 * applies the rules. Everything here is immutable. Imports: {@code engine.zone} only.
 */
@NullMarked
package io.ublkzoned.engine.fault;

import org.jspecify.annotations.NullMarked;
