package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.qcow2.ZonedLayout;
import java.util.Arrays;
import java.util.stream.Collectors;

/** The name of a layout as it is typed. */
final class LayoutName {

    /** The line before {@link #ALL} in a help text. */
    static final String HELP = "The layouts, each with the revisions of QEMU's patches that read it:";

    /** All names, each with the revisions of QEMU's patches that read the layout. */
    static final String ALL = "v4 (2 to 4), v6 (6 and 7), v8 (8 to 10), be48 (rework of 2026), be44 (newest).";

    private LayoutName() {}

    /**
     * Returns the layout of a name.
     *
     * @throws IllegalArgumentException with a sentence
     */
    static ZonedLayout parse(String word) {
        return Arrays.stream(ZonedLayout.values())
                .filter(layout -> layout.label().equals(word))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException("unknown layout '%s': use one of %s"
                        .formatted(
                                word,
                                Arrays.stream(ZonedLayout.values())
                                        .map(ZonedLayout::label)
                                        .collect(Collectors.joining(", ")))));
    }
}
