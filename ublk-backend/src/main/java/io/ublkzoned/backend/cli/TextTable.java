package io.ublkzoned.backend.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** Columns as wide as what is in them, two spaces apart. */
final class TextTable {

    private static final String GAP = "  ";

    private final PrintWriter out;
    private final boolean[] alignedRight;
    private final int[] widths;
    private final List<String[]> rows = new ArrayList<>();

    /** @param titles of the columns; {@code >} before one aligns it to the right */
    TextTable(PrintWriter out, String... titles) {
        this.out = out;
        alignedRight = new boolean[titles.length];
        widths = new int[titles.length];
        String[] header = new String[titles.length];
        for (int i = 0; i < titles.length; i++) {
            alignedRight[i] = titles[i].startsWith(">");
            header[i] = alignedRight[i] ? titles[i].substring(1) : titles[i];
        }
        row(header);
    }

    void row(String... cells) {
        for (int i = 0; i < cells.length; i++) {
            widths[i] = Math.max(widths[i], cells[i].length());
        }
        rows.add(cells);
    }

    void print() {
        StringBuilder line = new StringBuilder();
        for (String[] cells : rows) {
            line.setLength(0);
            for (int i = 0; i < cells.length; i++) {
                String padding = " ".repeat(widths[i] - cells[i].length());
                line.append(i == 0 ? "" : GAP).append(alignedRight[i] ? padding + cells[i] : cells[i] + padding);
            }
            out.println(line.toString().stripTrailing());
        }
    }
}
