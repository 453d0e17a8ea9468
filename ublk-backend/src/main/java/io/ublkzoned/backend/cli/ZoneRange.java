package io.ublkzoned.backend.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A range of zones as a command line names it: {@code 5} or {@code 5-9}. */
record ZoneRange(int first, int count) {

    private static final Pattern RANGE = Pattern.compile("([0-9]{1,9})(?:-([0-9]{1,9}))?");

    /** Parses a list of ranges such as {@code 5,7-9}. */
    static List<ZoneRange> parse(String list, Operands operands) {
        List<ZoneRange> ranges = new ArrayList<>();
        for (String word : list.split(",", -1)) {
            Matcher range = RANGE.matcher(word);
            int first = range.matches() ? Integer.parseInt(range.group(1)) : -1;
            int last = range.matches() && range.group(2) != null ? Integer.parseInt(range.group(2)) : first;
            if (first < 0 || last < first) {
                throw operands.usage(
                        "'" + list + "' is not a list of zones: use N, N-M, or several of these separated by commas");
            }
            ranges.add(new ZoneRange(first, last - first + 1));
        }
        return ranges;
    }

    int last() {
        return first + count - 1;
    }

    @Override
    public String toString() {
        return count == 1 ? "zone " + first : "zones " + first + " to " + last();
    }
}
