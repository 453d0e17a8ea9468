/**
 * The write log of a device: every write, append, reset, finish and flush that it has carried out, in order.
 *
 * <p>The container is version 1 of dm-log-writes, so that its tools can read the log: a superblock, then one entry per
 * operation, each at a multiple of the log's sector size, followed by its data. The engine's README describes the bits
 * that this program adds. {@link io.ublkzoned.engine.writelog.LogWriter} is used by the data path,
 * {@link io.ublkzoned.engine.writelog.LogReader} by one thread of a command. Imports: {@code .qcow2} for files, and
 * {@code .zone}.
 */
@org.jspecify.annotations.NullMarked
package io.ublkzoned.engine.writelog;
