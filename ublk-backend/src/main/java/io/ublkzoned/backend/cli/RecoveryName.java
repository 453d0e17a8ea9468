package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.Recovery;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** The values of {@code add --recovery}. */
final class RecoveryName implements ITypeConverter<Recovery> {

    @Override
    public Recovery convert(String word) {
        return switch (word) {
            case "reissue" -> Recovery.REISSUE;
            case "fail" -> Recovery.FAIL;
            case "off" -> Recovery.OFF;
            default -> throw new TypeConversionException("'%s' is not reissue, fail or off".formatted(word));
        };
    }
}
