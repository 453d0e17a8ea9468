package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import io.ublkzoned.engine.zone.BlockErrors;

/** The throws of a simulation's dice by their names: each reads other bits of the number that a step has drawn. */
final class Dice {

    private Dice() {}

    private static boolean bit(long dice, int number) {
        return (dice >>> number & 1) != 0;
    }

    static int errno(long dice) {
        return bit(dice, 0) ? BlockErrors.ENOSPC : BlockErrors.EIO;
    }

    static boolean isPowerCut(long dice) {
        return bit(dice, 0);
    }

    /** One time in eight. */
    static boolean isRare(long dice) {
        return (dice & 7) == 0;
    }

    /** Whether a write is not meant for the write pointer. */
    static boolean isElsewhere(long dice) {
        return (dice >>> 16 & 15) == 0;
    }

    static boolean crashesWhileClosing(long dice) {
        return (dice >>> 20 & 3) == 0;
    }

    /** From 1 to 16. */
    static int callsToCrashInClose(long dice) {
        return 1 + (int) (dice >>> 24 & 15);
    }

    static boolean cutsPowerWhenClosed(long dice) {
        return !bit(dice, 3);
    }

    static boolean checksIdempotence(long dice) {
        return (dice >>> 5 & 3) == 0;
    }

    /** Whether the saved state of a killed server is still there. */
    static boolean leavesState(long dice) {
        return bit(dice, 9) || bit(dice, 8);
    }

    static boolean movesImage(long dice) {
        return bit(dice, 10);
    }

    static boolean findsOlderCopy(long dice) {
        return bit(dice, 11);
    }

    static boolean isCopiedBeforeKill(long dice) {
        return (dice >>> 40 & 3) == 0;
    }

    static boolean findsWrongImage(long dice) {
        return (dice >>> 12 & 7) == 0;
    }

    static boolean frees(long dice) {
        return bit(dice, 15);
    }

    /** Whether a queue continues a request before it moves data. */
    static boolean proceeds(long dice) {
        return bit(dice, 0);
    }

    static boolean disturbs(long dice) {
        return !bit(dice, 0);
    }

    static boolean isPowerCutInOpen(long dice) {
        return !bit(dice, 3);
    }

    /** From 1 to 8. */
    static int callsToCrashInOpen(long dice) {
        return 1 + (int) (dice >>> 61);
    }

    /** Of a third of the changes all of it, of a third nothing, and of the rest some sectors. */
    static Survival survival(long dice) {
        return (change, sector) -> switch ((int) Long.remainderUnsigned(Trace.mix(dice + change), 3)) {
            case 0 -> true;
            case 1 -> false;
            default -> (Trace.mix(dice ^ ((long) change << 32) + sector) & 1) == 0;
        };
    }
}
