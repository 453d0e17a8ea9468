package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.Qcow2Image;

/**
 * The objects that the classes of the metadata thread share.
 *
 * @param image the open image
 * @param file the file that contains the image
 * @param failures the log of failures
 * @param journal the journal of conventional zones
 */
record DeviceContext(Qcow2Image image, SyncGuard file, FailureLog failures, OverwriteJournal journal) {}
