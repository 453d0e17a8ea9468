/** The kernel's ublk driver on one side, the engine and the image on the other, and the command line in front. */
module io.ublkzoned.backend {
    requires static com.google.errorprone.annotations;
    requires static org.jspecify;
    requires HdrHistogram;
    requires com.fasterxml.jackson.jr.ob;
    requires io.prometheus.metrics.model;
    requires io.prometheus.writer.text;
    requires io.ublkzoned.bindings;
    requires io.ublkzoned.engine;
    requires jdk.httpserver;
    requires org.apache.commons.cli;
    requires org.slf4j;
}
