package io.ublkzoned.engine.zone;

import static io.ublkzoned.engine.zone.ZoneFixture.CAPACITY_KIB;
import static io.ublkzoned.engine.zone.ZoneFixture.SIZE_KIB;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every operation in every condition, with one table for each state of the limits.
 *
 * <p>A cell is an error (the zone is unchanged), {@code ok} (allowed, the zone is unchanged), or the condition and
 * write pointer after the operation, in KiB from the start of the zone. A star means that another zone was closed to
 * make room. In the tables IMP and EXP are the open conditions. Before the operation, EMPTY zones have the write
 * pointer 0, NOT_WP and FULL ones 1024, all others 64. The capacity is 768.
 */
final class ZoneStateMachineTest {

    private static final String NO_LIMITS = """
            .         | open    | close     | finish    | reset   | read | write   | below | above | across | fill
            NOT_WP    | EIO     | EIO       | EIO       | EIO     | ok   | EIO     | EIO   | EIO   | EIO    | EIO
            EMPTY     | EXP@0   | EIO       | FULL@1024 | EMPTY@0 | ok   | IMP@4   | EIO   | EIO   | EIO    | FULL@1024
            IMP       | EXP@64  | CLOSED@64 | FULL@1024 | EMPTY@0 | ok   | IMP@68  | EIO   | EIO   | EIO    | FULL@1024
            EXP       | ok      | CLOSED@64 | FULL@1024 | EMPTY@0 | ok   | EXP@68  | EIO   | EIO   | EIO    | FULL@1024
            CLOSED    | EXP@64  | ok        | FULL@1024 | EMPTY@0 | ok   | IMP@68  | EIO   | EIO   | EIO    | FULL@1024
            FULL      | EIO     | EIO       | ok        | EMPTY@0 | ok   | EIO     | EIO   | EIO   | EIO    | EIO
            READ_ONLY | EIO     | EIO       | EIO       | EIO     | ok   | EIO     | EIO   | EIO   | EIO    | EIO
            OFFLINE   | EIO     | EIO       | EIO       | EIO     | EIO  | EIO     | EIO   | EIO   | EIO    | EIO
            """;

    private static final String OPEN_LIMIT_AND_AN_IMPLICITLY_OPEN_ZONE = """
            .         | open    | close     | finish     | reset   | read | write   | below | above | across | fill
            NOT_WP    | EIO     | EIO       | EIO        | EIO     | ok   | EIO     | EIO   | EIO   | EIO    | EIO
            EMPTY     | EXP@0*  | EIO       | FULL@1024* | EMPTY@0 | ok   | IMP@4*  | EIO   | EIO   | EIO    | FULL@1024*
            IMP       | EXP@64  | CLOSED@64 | FULL@1024  | EMPTY@0 | ok   | IMP@68  | EIO   | EIO   | EIO    | FULL@1024
            EXP       | ok      | CLOSED@64 | FULL@1024  | EMPTY@0 | ok   | EXP@68  | EIO   | EIO   | EIO    | FULL@1024
            CLOSED    | EXP@64* | ok        | FULL@1024* | EMPTY@0 | ok   | IMP@68* | EIO   | EIO   | EIO    | FULL@1024*
            FULL      | EIO     | EIO       | ok         | EMPTY@0 | ok   | EIO     | EIO   | EIO   | EIO    | EIO
            READ_ONLY | EIO     | EIO       | EIO        | EIO     | ok   | EIO     | EIO   | EIO   | EIO    | EIO
            OFFLINE   | EIO     | EIO       | EIO        | EIO     | EIO  | EIO     | EIO   | EIO   | EIO    | EIO
            """;

    private static final String OPEN_LIMIT_AND_ONLY_EXPLICITLY_OPEN_ZONES = """
            .         | open         | close     | finish       | reset   | read | write        | below | above | across | fill
            NOT_WP    | EIO          | EIO       | EIO          | EIO     | ok   | EIO          | EIO   | EIO   | EIO    | EIO
            EMPTY     | ETOOMANYREFS | EIO       | ETOOMANYREFS | EMPTY@0 | ok   | ETOOMANYREFS | EIO   | EIO   | EIO    | ETOOMANYREFS
            IMP       | EXP@64       | CLOSED@64 | FULL@1024    | EMPTY@0 | ok   | IMP@68       | EIO   | EIO   | EIO    | FULL@1024
            EXP       | ok           | CLOSED@64 | FULL@1024    | EMPTY@0 | ok   | EXP@68       | EIO   | EIO   | EIO    | FULL@1024
            CLOSED    | ETOOMANYREFS | ok        | ETOOMANYREFS | EMPTY@0 | ok   | ETOOMANYREFS | EIO   | EIO   | EIO    | ETOOMANYREFS
            FULL      | EIO          | EIO       | ok           | EMPTY@0 | ok   | EIO          | EIO   | EIO   | EIO    | EIO
            READ_ONLY | EIO          | EIO       | EIO          | EIO     | ok   | EIO          | EIO   | EIO   | EIO    | EIO
            OFFLINE   | EIO          | EIO       | EIO          | EIO     | EIO  | EIO          | EIO   | EIO   | EIO    | EIO
            """;

    private static final String ACTIVE_LIMIT = """
            .         | open      | close     | finish    | reset   | read | write     | below | above | across | fill
            NOT_WP    | EIO       | EIO       | EIO       | EIO     | ok   | EIO       | EIO   | EIO   | EIO    | EIO
            EMPTY     | EOVERFLOW | EIO       | EOVERFLOW | EMPTY@0 | ok   | EOVERFLOW | EIO   | EIO   | EIO    | EOVERFLOW
            IMP       | EXP@64    | CLOSED@64 | FULL@1024 | EMPTY@0 | ok   | IMP@68    | EIO   | EIO   | EIO    | FULL@1024
            EXP       | ok        | CLOSED@64 | FULL@1024 | EMPTY@0 | ok   | EXP@68    | EIO   | EIO   | EIO    | FULL@1024
            CLOSED    | EXP@64    | ok        | FULL@1024 | EMPTY@0 | ok   | IMP@68    | EIO   | EIO   | EIO    | FULL@1024
            FULL      | EIO       | EIO       | ok        | EMPTY@0 | ok   | EIO       | EIO   | EIO   | EIO    | EIO
            READ_ONLY | EIO       | EIO       | EIO       | EIO     | ok   | EIO       | EIO   | EIO   | EIO    | EIO
            OFFLINE   | EIO       | EIO       | EIO       | EIO     | EIO  | EIO       | EIO   | EIO   | EIO    | EIO
            """;

    /**
     * The boundary case that {@link ZoneResources} documents: a CLOSED zone gets room although the active limit is
     * reached.
     */
    private static final String BOTH_LIMITS_AND_AN_IMPLICITLY_OPEN_ZONE = """
            .         | open      | close     | finish     | reset   | read | write     | below | above | across | fill
            NOT_WP    | EIO       | EIO       | EIO        | EIO     | ok   | EIO       | EIO   | EIO   | EIO    | EIO
            EMPTY     | EOVERFLOW | EIO       | EOVERFLOW  | EMPTY@0 | ok   | EOVERFLOW | EIO   | EIO   | EIO    | EOVERFLOW
            IMP       | EXP@64    | CLOSED@64 | FULL@1024  | EMPTY@0 | ok   | IMP@68    | EIO   | EIO   | EIO    | FULL@1024
            EXP       | ok        | CLOSED@64 | FULL@1024  | EMPTY@0 | ok   | EXP@68    | EIO   | EIO   | EIO    | FULL@1024
            CLOSED    | EXP@64*   | ok        | FULL@1024* | EMPTY@0 | ok   | IMP@68*   | EIO   | EIO   | EIO    | FULL@1024*
            FULL      | EIO       | EIO       | ok         | EMPTY@0 | ok   | EIO       | EIO   | EIO   | EIO    | EIO
            READ_ONLY | EIO       | EIO       | EIO        | EIO     | ok   | EIO       | EIO   | EIO   | EIO    | EIO
            OFFLINE   | EIO       | EIO       | EIO        | EIO     | EIO  | EIO       | EIO   | EIO   | EIO    | EIO
            """;

    private static final String BOTH_LIMITS_AND_ONLY_EXPLICITLY_OPEN_ZONES = """
            .         | open         | close     | finish       | reset   | read | write        | below | above | across | fill
            NOT_WP    | EIO          | EIO       | EIO          | EIO     | ok   | EIO          | EIO   | EIO   | EIO    | EIO
            EMPTY     | EOVERFLOW    | EIO       | EOVERFLOW    | EMPTY@0 | ok   | EOVERFLOW    | EIO   | EIO   | EIO    | EOVERFLOW
            IMP       | EXP@64       | CLOSED@64 | FULL@1024    | EMPTY@0 | ok   | IMP@68       | EIO   | EIO   | EIO    | FULL@1024
            EXP       | ok           | CLOSED@64 | FULL@1024    | EMPTY@0 | ok   | EXP@68       | EIO   | EIO   | EIO    | FULL@1024
            CLOSED    | ETOOMANYREFS | ok        | ETOOMANYREFS | EMPTY@0 | ok   | ETOOMANYREFS | EIO   | EIO   | EIO    | ETOOMANYREFS
            FULL      | EIO          | EIO       | ok           | EMPTY@0 | ok   | EIO          | EIO   | EIO   | EIO    | EIO
            READ_ONLY | EIO          | EIO       | EIO          | EIO     | ok   | EIO          | EIO   | EIO   | EIO    | EIO
            OFFLINE   | EIO          | EIO       | EIO          | EIO     | EIO  | EIO          | EIO   | EIO   | EIO    | EIO
            """;

    private static final int SUBJECT = 3;
    private static final int FIRST_OTHER = 4;
    private static final int BLOCK_KIB = 4;
    private static final int MAX_OPEN = 2;
    private static final int MAX_ACTIVE = 3;

    /** The state of the limits: their values, and the condition of the other zones that use them up. */
    enum Limits {
        NO_LIMITS(0, 0, ZoneCondition.CLOSED),
        OPEN_LIMIT_AND_AN_IMPLICITLY_OPEN_ZONE(MAX_OPEN, 0, ZoneCondition.IMPLICIT_OPEN),
        OPEN_LIMIT_AND_ONLY_EXPLICITLY_OPEN_ZONES(MAX_OPEN, 0, ZoneCondition.EXPLICIT_OPEN),
        ACTIVE_LIMIT(0, MAX_ACTIVE, ZoneCondition.CLOSED),
        BOTH_LIMITS_AND_AN_IMPLICITLY_OPEN_ZONE(MAX_OPEN, MAX_ACTIVE, ZoneCondition.IMPLICIT_OPEN),
        BOTH_LIMITS_AND_ONLY_EXPLICITLY_OPEN_ZONES(MAX_OPEN, MAX_ACTIVE, ZoneCondition.EXPLICIT_OPEN);

        final int maxOpen;
        final int maxActive;
        final ZoneCondition openOnes;

        Limits(int maxOpen, int maxActive, ZoneCondition openOnes) {
            this.maxOpen = maxOpen;
            this.maxActive = maxActive;
            this.openOnes = openOnes;
        }

        String table() {
            return switch (this) {
                case NO_LIMITS -> ZoneStateMachineTest.NO_LIMITS;
                case OPEN_LIMIT_AND_AN_IMPLICITLY_OPEN_ZONE ->
                    ZoneStateMachineTest.OPEN_LIMIT_AND_AN_IMPLICITLY_OPEN_ZONE;
                case OPEN_LIMIT_AND_ONLY_EXPLICITLY_OPEN_ZONES ->
                    ZoneStateMachineTest.OPEN_LIMIT_AND_ONLY_EXPLICITLY_OPEN_ZONES;
                case ACTIVE_LIMIT -> ZoneStateMachineTest.ACTIVE_LIMIT;
                case BOTH_LIMITS_AND_AN_IMPLICITLY_OPEN_ZONE ->
                    ZoneStateMachineTest.BOTH_LIMITS_AND_AN_IMPLICITLY_OPEN_ZONE;
                case BOTH_LIMITS_AND_ONLY_EXPLICITLY_OPEN_ZONES ->
                    ZoneStateMachineTest.BOTH_LIMITS_AND_ONLY_EXPLICITLY_OPEN_ZONES;
            };
        }

        /** Puts the subject into its condition, and others so that with it the limits are reached. */
        ZoneFixture around(ZoneCondition condition) {
            ZoneFixture fixture = new ZoneFixture(maxOpen, maxActive);
            if (condition != ZoneCondition.NOT_WP) {
                fixture.put(SUBJECT, condition, writePointerBefore(condition));
            }
            int other = FIRST_OTHER;
            while (fixture.table.openCount() < maxOpen) {
                fixture.put(other++, openOnes, 8);
            }
            while (fixture.table.activeCount() < maxActive) {
                fixture.put(other++, ZoneCondition.CLOSED, 8);
            }
            return fixture;
        }
    }

    private static int writePointerBefore(ZoneCondition condition) {
        return switch (condition) {
            case EMPTY -> 0;
            case NOT_WP, FULL -> SIZE_KIB;
            case IMPLICIT_OPEN, EXPLICIT_OPEN, CLOSED, READ_ONLY, OFFLINE -> 64;
        };
    }

    static Stream<Arguments> cells() {
        List<Arguments> cells = new ArrayList<>();
        for (Limits limits : Limits.values()) {
            List<String[]> rows = limits.table()
                    .lines()
                    .map(line -> line.trim().split(" *\\| *"))
                    .toList();
            for (String[] row : rows.subList(1, rows.size())) {
                for (int column = 1; column < row.length; column++) {
                    cells.add(Arguments.of(limits, row[0], rows.getFirst()[column], row[column]));
                }
            }
        }
        return cells.stream();
    }

    @ParameterizedTest(name = "{0}: {2} of {1} gives {3}")
    @MethodSource("cells")
    void operationMatchesTheTable(Limits limits, String condition, String operation, String expected) {
        ZoneCondition before = parse(condition);
        ZoneFixture fixture = limits.around(before);
        Zone zone = fixture.zone(before == ZoneCondition.NOT_WP ? 0 : SUBJECT);
        String stateBefore = ZoneFixture.state(zone);
        List<String> othersBefore = othersOf(fixture, zone);

        int result = apply(fixture, operation, zone);

        boolean makesRoom = expected.endsWith("*");
        String outcome = makesRoom ? expected.substring(0, expected.length() - 1) : expected;
        assertEquals(outcome.contains("@") || outcome.equals("ok") ? "ok" : outcome, errorName(result));
        assertEquals(outcome.contains("@") ? fullName(outcome) : stateBefore, ZoneFixture.state(zone));
        List<String> othersAfter = othersOf(fixture, zone);
        if (makesRoom) {
            assertEquals("IMPLICIT_OPEN@8", othersBefore.set(FIRST_OTHER, "CLOSED@8"));
        }
        assertEquals(othersBefore, othersAfter, "the other zones");
    }

    @Test
    void tablesNameEveryConditionAndEveryOperation() {
        assertEquals(10L * Limits.values().length * ZoneCondition.values().length, cells().count());
    }

    private static int apply(ZoneFixture fixture, String operation, Zone zone) {
        ZoneStateMachine rules = fixture.rules;
        long pointer = zone.writePointerBytes();
        int room = Math.max(0, CAPACITY_KIB - ZoneFixture.writePointerKib(zone));
        return switch (operation) {
            case "open" -> rules.open(zone);
            case "close" -> rules.close(zone);
            case "finish" -> rules.finish(zone);
            case "reset" -> {
                int error = rules.checkReset(zone);
                if (error == 0) {
                    rules.reset(zone);
                }
                yield error;
            }
            case "read" -> rules.checkRead(zone);
            case "write" -> fixture.write(zone, BLOCK_KIB);
            case "below" -> rules.openForWrite(zone, pointer - (BLOCK_KIB << 10), BLOCK_KIB << 10);
            case "above" -> rules.openForWrite(zone, pointer + (BLOCK_KIB << 10), BLOCK_KIB << 10);
            case "across" -> fixture.write(zone, room + BLOCK_KIB);
            case "fill" -> {
                int error = fixture.write(zone, Math.max(room, BLOCK_KIB));
                if (error == 0) {
                    rules.filled(zone);
                }
                yield error;
            }
            default -> throw new IllegalArgumentException(operation);
        };
    }

    /** Returns the states of all zones except the subject, by index. */
    private static List<String> othersOf(ZoneFixture fixture, Zone subject) {
        List<String> states = new ArrayList<>();
        for (int i = 0; i < fixture.table.size(); i++) {
            states.add(i == subject.index() ? "" : ZoneFixture.state(fixture.zone(i)));
        }
        return states;
    }

    private static ZoneCondition parse(String name) {
        return switch (name) {
            case "IMP" -> ZoneCondition.IMPLICIT_OPEN;
            case "EXP" -> ZoneCondition.EXPLICIT_OPEN;
            default -> ZoneCondition.valueOf(name);
        };
    }

    private static String fullName(String state) {
        int at = state.indexOf('@');
        return parse(state.substring(0, at)) + state.substring(at);
    }

    private static String errorName(int result) {
        return switch (-result) {
            case 0 -> "ok";
            case BlockErrors.EIO -> "EIO";
            case BlockErrors.EOVERFLOW -> "EOVERFLOW";
            case BlockErrors.ETOOMANYREFS -> "ETOOMANYREFS";
            default -> "errno " + -result;
        };
    }
}
