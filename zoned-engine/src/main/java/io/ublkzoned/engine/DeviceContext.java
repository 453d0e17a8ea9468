package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.Qcow2Image;

/**
 * What the parts of a device share.
 *
 * @param lock guards everything in memory, and is never held during I/O
 * @param image the open image
 * @param file the file that the image is in
 * @param failures where failures are logged
 */
record DeviceContext(Object lock, Qcow2Image image, SyncGuard file, FailureLog failures) {}
