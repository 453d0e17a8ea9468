package io.ublkzoned.backend.cli;

import io.ublkzoned.bindings.ublk.BlkZoneIoctls;
import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The operations of {@code zone}: those for which the kernel has a request, and changes of condition that a drive makes
 * by itself.
 */
enum ZoneOperation {
    OPEN(BlkZoneIoctls.BLKOPENZONE, BlockOp.ZONE_OPEN, null),
    CLOSE(BlkZoneIoctls.BLKCLOSEZONE, BlockOp.ZONE_CLOSE, null),
    FINISH(BlkZoneIoctls.BLKFINISHZONE, BlockOp.ZONE_FINISH, null),
    RESET(BlkZoneIoctls.BLKRESETZONE, BlockOp.ZONE_RESET, null),
    READONLY(0, null, ZoneCondition.READ_ONLY),
    OFFLINE(0, null, ZoneCondition.OFFLINE),
    RECOVER(0, null, null);

    /** The request of the kernel for the operation, or 0 if none exists. */
    final int ioctl;

    final @Nullable BlockOp op;
    final @Nullable ZoneCondition condition;

    ZoneOperation(int ioctl, @Nullable BlockOp op, @Nullable ZoneCondition condition) {
        this.ioctl = ioctl;
        this.op = op;
        this.condition = condition;
    }

    static ZoneOperation parse(@Nullable String word, Operands operands) {
        return Arrays.stream(values())
                .filter(operation -> operation.word().equals(word))
                .findFirst()
                .orElseThrow(() -> operands.usage((word == null
                                ? "the operation is missing"
                                : "unknown operation '" + word + "'")
                        + ": use one of "
                        + Arrays.stream(values()).map(ZoneOperation::word).collect(Collectors.joining(", "))));
    }

    String word() {
        return name().toLowerCase(Locale.ROOT);
    }
}
