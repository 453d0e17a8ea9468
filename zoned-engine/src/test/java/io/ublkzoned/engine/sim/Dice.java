package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.fault.PowerCut;
import io.ublkzoned.engine.sim.SimulatedDisk.Survival;
import io.ublkzoned.engine.zone.BlockErrors;

/** The named dice of a simulation. Each reads different bits of the number that a step has drawn. */
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

    /** Returns true one time in eight. */
    static boolean isRare(long dice) {
        return (dice & 7) == 0;
    }

    /** Returns whether a server records what it does. */
    static boolean isRecorded(long dice) {
        return (dice >>> 33 & 3) == 0;
    }

    /** Returns whether a write goes elsewhere than to the write pointer. */
    static boolean isElsewhere(long dice) {
        return (dice >>> 16 & 15) == 0;
    }

    static boolean crashesWhileClosing(long dice) {
        return (dice >>> 20 & 3) == 0;
    }

    /** Returns 1 to 16. */
    static int callsToCrashInClose(long dice) {
        return 1 + (int) (dice >>> 24 & 15);
    }

    /** Returns whether the device shows a power cut instead of being closed. */
    static boolean cutsPowerOfDevice(long dice) {
        return (dice >>> 44 & 3) == 0;
    }

    /** Returns whether the device keeps what a power cut needs to undo resets, and writes to conventional zones. */
    static boolean expectsPowerCut(long dice) {
        return bit(dice, 50);
    }

    static PowerCut powerCut(long dice) {
        PowerCut.Keep[] keeps = PowerCut.Keep.values();
        return new PowerCut(dice, keeps[(int) (dice >>> 46 & 15) % keeps.length]);
    }

    static boolean cutsPowerWhenClosed(long dice) {
        return !bit(dice, 3);
    }

    static boolean checksIdempotence(long dice) {
        return (dice >>> 5 & 3) == 0;
    }

    /** Returns whether the saved state of a killed server is left. */
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

    /** Returns whether a queue continues a request before it moves data. */
    static boolean proceeds(long dice) {
        return bit(dice, 0);
    }

    static boolean disturbs(long dice) {
        return !bit(dice, 0);
    }

    static boolean isPowerCutInOpen(long dice) {
        return !bit(dice, 3);
    }

    /** Returns 1 to 8. */
    static int callsToCrashInOpen(long dice) {
        return 1 + (int) (dice >>> 61);
    }

    /**
     * Returns a survival in which a third of the changes survives completely, a third not at all, and the rest in some
     * sectors.
     */
    static Survival survival(long dice) {
        return (change, sector) -> switch ((int) Long.remainderUnsigned(Trace.mix(dice + change), 3)) {
            case 0 -> true;
            case 1 -> false;
            default -> (Trace.mix(dice ^ ((long) change << 32) + sector) & 1) == 0;
        };
    }
}
