package io.ublkzoned.engine.sim;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/** Distinguishable test data: every 8 bytes hold a number. */
public final class TestData {

    static final int SECTOR = 512;

    /** The bits for the number of a sector within its write, below the write's stamp. */
    private static final int SECTOR_BITS = 8;

    /** The stamp of data that all writes of a length can share, minus the length in sectors. */
    private static final int PATTERN = 0xff_ff00;

    private static final VarHandle LONG = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

    private TestData() {}

    /** Returns this many bytes, filled with {@code stamp}. */
    public static byte[] stamped(long stamp, int length) {
        byte[] data = new byte[length];
        fill(data, 0, length, stamp);
        return data;
    }

    private static void fill(byte[] data, int from, int to, long word) {
        for (int at = from; at + Long.BYTES <= to; at += Long.BYTES) {
            LONG.set(data, at, word);
        }
    }

    /** Returns this many sectors, each with the stamp and its number. */
    static byte[] numbered(long stamp, int sectors) {
        if (sectors > 1 << SECTOR_BITS) {
            throw new IllegalArgumentException("too many sectors for one write: " + sectors);
        }
        byte[] data = new byte[sectors * SECTOR];
        for (int i = 0; i < sectors; i++) {
            fill(data, i * SECTOR, (i + 1) * SECTOR, (stamp << SECTOR_BITS) | i);
        }
        return data;
    }

    /** Returns this many sectors with the same contents each time. */
    static byte[] pattern(int sectors) {
        return numbered(PATTERN | sectors, sectors);
    }

    /** Returns whether the stamp is that of {@link #pattern}. */
    static boolean isPattern(int stamp) {
        return (stamp & PATTERN) == PATTERN;
    }

    /** Returns the stamp of a sector's word, 0 for a sector of zeros. */
    static int stampOf(long word) {
        return (int) (word >>> SECTOR_BITS);
    }

    /** Returns the number of a sector within its write. */
    static int numberOf(long word) {
        return (int) word & (1 << SECTOR_BITS) - 1;
    }

    /** Returns the word that fills a sector. */
    static long sectorWord(byte[] data, int at) {
        long word = wordAt(data, at);
        if (Arrays.mismatch(data, at, at + SECTOR - Long.BYTES, data, at + Long.BYTES, at + SECTOR) != -1) {
            throw new AssertionError("a sector of more than one write at " + at);
        }
        return word;
    }

    static long wordAt(byte[] data, int at) {
        return (long) LONG.get(data, at);
    }

    /** Returns the stamp at a place in the data. */
    public static long stampAt(byte[] data, int at) {
        return wordAt(data, at);
    }

    public static void assertStamped(long stamp, byte[] data) {
        assertStamped(stamp, data, 0, data.length);
    }

    public static void assertStamped(long stamp, byte[] data, int from, int to) {
        for (int at = from; at < to; at += Long.BYTES) {
            long found = stampAt(data, at);
            if (found != stamp) {
                assertEquals(stamp, found, "at byte " + at + " of " + data.length);
            }
        }
    }
}
