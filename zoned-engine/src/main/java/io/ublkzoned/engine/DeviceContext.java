package io.ublkzoned.engine;

import io.ublkzoned.engine.qcow2.Qcow2Image;

/**
 * What the classes of the metadata thread share.
 *
 * @param image the open image
 * @param file the file that the image is in
 * @param failures where failures are logged
 */
record DeviceContext(Qcow2Image image, SyncGuard file, FailureLog failures) {}
