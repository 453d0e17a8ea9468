package io.ublkzoned.backend.cli;

import java.io.PrintWriter;

/**
 * A table of columns as wide as their widest cell, two spaces apart. It stores no rows: all rows are passed to {@link
 * #fit} first, and then printed.
 */
final class TextTable {

    private static final String GAP = "  ";

    private final PrintWriter out;
    private final String[] titles;
    private final boolean[] alignedRight;
    private final int[] widths;

    /**
     * Makes a table.
     *
     * @param titles of the columns; {@code >} before one aligns it to the right
     */
    TextTable(PrintWriter out, String... titles) {
        this.out = out;
        this.titles = new String[titles.length];
        alignedRight = new boolean[titles.length];
        widths = new int[titles.length];
        for (int i = 0; i < titles.length; i++) {
            alignedRight[i] = titles[i].startsWith(">");
            this.titles[i] = alignedRight[i] ? titles[i].substring(1) : titles[i];
        }
        fit(this.titles);
    }

    /** Makes the columns wide enough for a row. */
    void fit(String... cells) {
        for (int i = 0; i < cells.length; i++) {
            widths[i] = Math.max(widths[i], cells[i].length());
        }
    }

    void printTitles() {
        print(titles);
    }

    /** Prints a row, in columns as wide as they are now. */
    void print(String... cells) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < cells.length; i++) {
            String padding = " ".repeat(widths[i] - cells[i].length());
            line.append(i == 0 ? "" : GAP).append(alignedRight[i] ? padding + cells[i] : cells[i] + padding);
        }
        out.println(line.toString().stripTrailing());
    }
}
