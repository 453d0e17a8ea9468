package io.ublkzoned.engine.zone;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SizesTest {

    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "4096, 4096",
        "1K, 1024",
        "64k, 65536",
        "64KiB, 65536",
        "64M, 67108864",
        "4G, 4294967296",
        "2T, 2199023255552"
    })
    void unitsArePowersOfTwo(String text, long bytes) {
        assertEquals(bytes, Sizes.bytes(text));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "M", "-1M", "64MB", "1.5G", "0x1000", "64 M", "64P", "99999999999999999999", "9999999999G"})
    void otherWordsAreRefused(String text) {
        assertThrows(IllegalArgumentException.class, () -> Sizes.bytes(text));
    }

    @Test
    void largeSizeWithoutAUnitMustBeAtLeastOneMebibyte() {
        assertEquals(1048576, Sizes.large("1048576"));
        assertEquals(65536, Sizes.large("64K"));
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class, () -> Sizes.large("64"));
        assertEquals("'64' is a number of bytes: give it a unit, as in 64M", e.getMessage());
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1000, 1000", "1024, 1K", "1536, 1536", "67108864, 64M", "68157440, 65M", "1099511627776, 1T"})
    void textIsExact(long bytes, String text) {
        assertEquals(text, Sizes.text(bytes));
    }

    @ParameterizedTest
    @CsvSource({"0, 0", "1023, 1023", "1024, 1K", "1536, 1.5K", "983040, 960K", "157286400000, 146G", "4294967296, 4G"})
    void roughTextIsShort(long bytes, String text) {
        assertEquals(text, Sizes.roughly(bytes));
    }
}
