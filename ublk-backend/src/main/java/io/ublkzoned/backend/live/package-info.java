/**
 * The live view of devices: samples of their servers' counts, the rates between two samples, and their presentation as
 * JSON, as metrics for Prometheus, and as a web page.
 *
 * <p>Runs in separate processes, never in a server: {@code watch} and {@code metrics}. It reaches the servers only
 * through {@link io.ublkzoned.backend.ublk.ControlClient}. It must not import {@code backend.cli}.
 */
@NullMarked
package io.ublkzoned.backend.live;

import org.jspecify.annotations.NullMarked;
