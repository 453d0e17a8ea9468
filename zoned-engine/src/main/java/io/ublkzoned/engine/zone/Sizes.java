package io.ublkzoned.engine.zone;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes as they are typed and shown. K, M, G and T are powers of two. */
public final class Sizes {

    private static final long PLAIN_BYTES_MIN = 1 << 20;
    private static final String UNITS = "KMGT";
    private static final Pattern SIZE = Pattern.compile("(\\d+)(?:([KMGT])(?:IB)?)?");

    private Sizes() {}

    /**
     * Reads the size of a device or of a zone. A number below 1 MiB without a unit is refused: the unit was probably
     * forgotten, since other tools read such a number as megabytes.
     *
     * @throws IllegalArgumentException with a sentence
     */
    public static long large(String text) {
        long bytes = bytes(text);
        if (bytes < PLAIN_BYTES_MIN && Character.isDigit(text.charAt(text.length() - 1))) {
            throw new IllegalArgumentException(
                    "'%s' is a number of bytes: give it a unit, as in %1$sM".formatted(text));
        }
        return bytes;
    }

    /**
     * Reads {@code 64M}, {@code 64MiB} or plain bytes.
     *
     * @throws IllegalArgumentException with a sentence
     */
    public static long bytes(String text) {
        Matcher matcher = SIZE.matcher(text.toUpperCase(Locale.ROOT));
        if (!matcher.matches()) {
            throw new IllegalArgumentException(
                    "'%s' is not a size: use bytes, or a number with K, M, G or T, as in 64M".formatted(text));
        }
        String unit = matcher.group(2);
        try {
            long number = Long.parseLong(matcher.group(1));
            return unit == null ? number : Math.multiplyExact(number, 1L << (10 * (UNITS.indexOf(unit) + 1)));
        } catch (NumberFormatException | ArithmeticException e) {
            throw new IllegalArgumentException("'%s' is too large".formatted(text), e);
        }
    }

    /** Returns a size as a user would type it, in the largest unit that divides it. */
    public static String text(long bytes) {
        for (int i = UNITS.length(); i > 0; i--) {
            long unit = 1L << (10 * i);
            if (bytes >= unit && bytes % unit == 0) {
                return bytes / unit + UNITS.substring(i - 1, i);
            }
        }
        return Long.toString(bytes);
    }

    /** Returns a rounded size: about three digits, and a unit. */
    public static String roughly(long bytes) {
        int i = Math.min(UNITS.length(), (Long.SIZE - 1 - Long.numberOfLeadingZeros(bytes | 1)) / 10);
        long unit = 1L << (10 * i);
        if (i == 0) {
            return Long.toString(bytes);
        }
        String format = bytes % unit == 0 || bytes >= 100 * unit ? "%.0f%c" : "%.1f%c";
        return String.format(Locale.ROOT, format, (double) bytes / unit, UNITS.charAt(i - 1));
    }
}
