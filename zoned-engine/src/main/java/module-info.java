/** Zone rules and the qcow2 store: no thread, clock, file descriptor or random source. */
module io.ublkzoned.engine {
    requires static com.google.errorprone.annotations;
    requires static transitive org.jspecify;
    requires org.slf4j;

    exports io.ublkzoned.engine;
    exports io.ublkzoned.engine.fault;
    exports io.ublkzoned.engine.qcow2;
    exports io.ublkzoned.engine.replay;
    exports io.ublkzoned.engine.writelog;
    exports io.ublkzoned.engine.zone;
}
