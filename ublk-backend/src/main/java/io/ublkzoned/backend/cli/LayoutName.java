package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.qcow2.ZonedLayout;
import java.util.Arrays;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The names of the layouts of an image's zoned header extension. */
final class LayoutName implements ITypeConverter<ZonedLayout> {

    @Override
    public ZonedLayout convert(String word) {
        return Arrays.stream(ZonedLayout.values())
                .filter(layout -> layout.label().equals(word))
                .findFirst()
                .orElseThrow(() -> new TypeConversionException("there is no layout '%s': use one of %s"
                        .formatted(
                                word,
                                Arrays.stream(ZonedLayout.values())
                                        .map(ZonedLayout::label)
                                        .collect(Collectors.joining(", ")))));
    }
}
