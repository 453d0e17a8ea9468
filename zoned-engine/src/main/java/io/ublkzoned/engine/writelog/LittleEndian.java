package io.ublkzoned.engine.writelog;

import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The byte order of everything in a write log. */
final class LittleEndian {

    static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private LittleEndian() {}
}
