package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;

/** Data that can be told apart: every 8 bytes of it hold the same number. */
final class TestData {

    private TestData() {}

    /** So many bytes that hold {@code stamp} all over. */
    static byte[] stamped(long stamp, int length) {
        byte[] data = new byte[length];
        ByteBuffer buffer = ByteBuffer.wrap(data);
        while (buffer.remaining() >= Long.BYTES) {
            buffer.putLong(stamp);
        }
        return data;
    }

    /** The stamp at a place of the data. */
    static long stampAt(byte[] data, int at) {
        return ByteBuffer.wrap(data).getLong(at);
    }

    static void assertStamped(long stamp, byte[] data) {
        assertStamped(stamp, data, 0, data.length);
    }

    static void assertStamped(long stamp, byte[] data, int from, int to) {
        for (int at = from; at < to; at += Long.BYTES) {
            long found = stampAt(data, at);
            if (found != stamp) {
                assertEquals(stamp, found, "at byte " + at + " of " + data.length);
            }
        }
    }
}
