package io.ublkzoned.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import io.ublkzoned.engine.zone.ZoneCondition;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * All requests of a run with the times at which they began and ended, and what follows from them for what is in the
 * zones: what must be there, what can be there, what must not. Every write carries a stamp of its own in each sector.
 */
final class History {

    private static final int SECTOR = 512;

    private final List<IoCall> calls = new ArrayList<>();
    private final Map<Long, IoCall> writes = new HashMap<>();
    private final List<Long> powerCuts = new ArrayList<>();
    private final List<Long> cleanCloses = new ArrayList<>();
    private final DeviceGeometry geometry;

    History(DeviceGeometry geometry) {
        this.geometry = geometry;
    }

    void add(IoCall call) {
        calls.add(call);
        if (isWrite(call)) {
            writes.put(TestData.stampAt(call.data, 0), call);
        }
    }

    void powerCut(long now) {
        powerCuts.add(now);
        for (IoCall call : calls) {
            call.ended = Math.min(call.ended, now);
        }
    }

    void cleanClose(long now) {
        cleanCloses.add(now);
    }

    /** Compares all zones with what the history says; nothing is under way. */
    void check(World world) {
        for (int zone = 0; zone < geometry.zoneCount(); zone++) {
            byte[] data = world.read(world.start(zone), (int) geometry.zoneSizeBytes());
            if (geometry.isConventional(zone)) {
                checkConventional(zone, data);
            } else {
                checkSequential(zone, data, world.report(zone));
            }
        }
        calls.forEach(this::checkResult);
    }

    private void checkSequential(int zone, byte[] data, World.ReportedZone reported) {
        long pointer = reported.writePointer() - reported.start();
        boolean isFull = reported.condition() == ZoneCondition.FULL;
        boolean finished =
                isFull && calls.stream().anyMatch(call -> isFinish(call, zone) && !isSurelyErased(call, zone));
        Set<IoCall> visible = new HashSet<>();
        boolean dataEnded = false;
        for (int at = 0; at < data.length; at += SECTOR) {
            long stamp = TestData.stampAt(data, at);
            dataEnded |= stamp == 0;
            boolean belowPointer = at < Math.min(pointer, geometry.capacityBytes());
            if (dataEnded && belowPointer && !finished) {
                fail("zone " + zone + ": no data at " + at + " below the write pointer " + pointer);
            }
            if (stamp != 0 && (dataEnded || at >= pointer)) {
                fail("zone " + zone + ": data at " + at + " after a gap or above the write pointer " + pointer);
            }
            if (stamp != 0) {
                visible.add(checkCanBeThere(stamp, zone, at));
            }
        }
        for (IoCall call : calls) {
            if (isIn(call, zone) && isWrite(call) && call.succeeded() && mustBeThere(call, zone)) {
                assertTrue(visible.contains(call), () -> "zone " + zone + ": lost: " + call);
            }
            if (isFinish(call, zone) && call.succeeded() && mustBeThere(call, zone)) {
                assertTrue(isFull, () -> "zone " + zone + " was finished and is not full: " + reported);
            }
        }
        for (IoCall call : visible) {
            int from = (int) (call.place - reported.start());
            TestData.assertStamped(TestData.stampAt(call.data, 0), data, from, from + call.data.length);
        }
        boolean isFilled = !dataEnded || TestData.stampAt(data, (int) geometry.capacityBytes() - SECTOR) != 0;
        assertEquals(isFull, isFilled || finished, () -> "zone " + zone + " is " + reported);
    }

    private IoCall checkCanBeThere(long stamp, int zone, int at) {
        IoCall call = writes.get(stamp);
        if (call == null) {
            throw new AssertionError("zone " + zone + ": strange data at " + at);
        }
        assertTrue(
                covers(call, geometry.zoneStart(zone) + at),
                () -> "zone " + zone + ": data of another place at " + at + ": " + call);
        assertTrue(
                call.succeeded() || call.forceUnitAccess || !call.done,
                () -> "zone " + zone + ": data of a failed write at " + at + ": " + call);
        assertFalse(isSurelyErased(call, zone), () -> "zone " + zone + ": data survived a reset: " + call);
        return call;
    }

    /** Checks what a read of a sequential zone gave; all requests that it can have met have ended. */
    void checkRead(IoCall read) {
        int zone = geometry.zoneIndex(read.offset);
        if (!read.succeeded() || geometry.isConventional(zone)) {
            return;
        }
        for (int at = 0; at < read.data.length; at += SECTOR) {
            long stamp = TestData.stampAt(read.data, at);
            if (stamp != 0) {
                IoCall write = writes.get(stamp);
                if (write == null || !covers(write, read.offset + at)) {
                    fail(read + " shows data of another place at " + at + ": " + write);
                }
            }
        }
        List<IoCall> resets = calls.stream().filter(call -> isReset(call, zone)).toList();
        for (IoCall write : calls) {
            if (isWrite(write) && isIn(write, zone) && write.ended < read.begun) {
                checkRead(read, write, resets);
            }
        }
    }

    private void checkRead(IoCall read, IoCall write, List<IoCall> resets) {
        boolean isReset = resets.stream()
                .anyMatch(reset -> reset.succeeded() && reset.begun > write.ended && reset.ended < read.begun);
        boolean mustShow =
                write.succeeded() && resets.stream().noneMatch(reset -> reset.ended > write.begun) && !isLosable(write);
        long expected = TestData.stampAt(write.data, 0);
        long to = Math.min(write.place + write.data.length, read.offset + read.data.length);
        for (long address = Math.max(write.place, read.offset); address < to; address += SECTOR) {
            boolean shows = TestData.stampAt(read.data, (int) (address - read.offset)) == expected;
            if (mustShow && !shows) {
                fail(read + " does not show " + write);
            }
            if (isReset && shows) {
                fail(read + " shows what was reset: " + write);
            }
        }
    }

    private static boolean covers(IoCall write, long address) {
        return address >= write.place && address < write.place + write.data.length;
    }

    private void checkConventional(int zone, byte[] data) {
        List<IoCall> inZone =
                calls.stream().filter(call -> isWrite(call) && isIn(call, zone)).toList();
        List<IoCall> sure = inZone.stream()
                .filter(call -> call.succeeded() && !isLosable(call))
                .toList();
        for (int at = 0; at < data.length; at += SECTOR) {
            long address = geometry.zoneStart(zone) + at;
            Set<Long> allowed = new HashSet<>(Set.of(0L));
            for (IoCall call : inZone) {
                if (covers(call, address)) {
                    if (sure.contains(call)) {
                        allowed.clear();
                    }
                    allowed.add(TestData.stampAt(call.data, 0));
                }
            }
            long stamp = TestData.stampAt(data, at);
            if (!allowed.contains(stamp)) {
                fail("at " + address + " is " + stamp + " and not one of " + allowed);
            }
        }
    }

    private void checkResult(IoCall call) {
        if (call.succeeded()) {
            assertEquals(call.data.length, call.result, call::toString);
        } else if (call.done) {
            boolean isKnown = switch (-call.result) {
                case BlockErrors.EIO, BlockErrors.ENOSPC, BlockErrors.EOVERFLOW, BlockErrors.ETOOMANYREFS -> true;
                default -> false;
            };
            assertTrue(isKnown, call::toString);
        } else {
            assertFalse(powerCuts.isEmpty(), () -> "never completed: " + call);
        }
    }

    private boolean mustBeThere(IoCall call, int zone) {
        return !isLosable(call) && calls.stream().noneMatch(reset -> isReset(reset, zone) && canErase(reset, call));
    }

    private boolean canErase(IoCall reset, IoCall call) {
        boolean canTakeEffect = reset.succeeded() || powerCuts.stream().anyMatch(cut -> cut >= reset.begun);
        return canTakeEffect && reset.ended > call.begun;
    }

    private boolean isSurelyErased(IoCall call, int zone) {
        return calls.stream().anyMatch(reset -> isReset(reset, zone) && reset.succeeded() && reset.begun > call.ended);
    }

    /** Whether a power cut came after the request and before anything that made it durable. */
    private boolean isLosable(IoCall call) {
        return powerCuts.stream().anyMatch(cut -> call.ended <= cut && !isDurable(call, cut));
    }

    private boolean isDurable(IoCall call, long cut) {
        if (call.forceUnitAccess && call.succeeded()) {
            return true;
        }
        return cleanCloses.stream().anyMatch(close -> close > call.ended && close < cut)
                || calls.stream()
                        .anyMatch(flush -> (flush.op == BlockOp.FLUSH || flush.forceUnitAccess)
                                && flush.succeeded()
                                && flush.begun > call.ended
                                && flush.ended < cut);
    }

    private boolean isIn(IoCall call, int zone) {
        return geometry.zoneIndex(call.offset) == zone;
    }

    private boolean isFinish(IoCall call, int zone) {
        return call.op == BlockOp.ZONE_FINISH && isIn(call, zone);
    }

    private boolean isReset(IoCall call, int zone) {
        return call.op == BlockOp.ZONE_RESET_ALL || (call.op == BlockOp.ZONE_RESET && isIn(call, zone));
    }

    private static boolean isWrite(IoCall call) {
        return call.op == BlockOp.WRITE || call.op == BlockOp.ZONE_APPEND;
    }
}
