/**
 * The replay of a write log into an image, by one thread, without a kernel.
 *
 * <p>{@link io.ublkzoned.engine.replay.LogReplay} reads the log ({@code .writelog}) and applies its entries to an
 * {@link io.ublkzoned.engine.OfflineDevice}. The
 * replay of a power cut first draws what survives ({@link io.ublkzoned.engine.replay.Survivors}).
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine.replay;
