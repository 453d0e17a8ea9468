package io.ublkzoned.engine.zone;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Random sequences of operations; after each one the counters are compared with a scan of all zones. */
final class ZoneRulesPropertyTest {

    private static final int SEQUENCES = 500;
    private static final int OPERATIONS = 200;

    @Test
    void countersListAndConditionsAgreeAfterEveryOperation() {
        for (long seed = 1; seed <= SEQUENCES; seed++) {
            try {
                new Sequence(seed).run();
            } catch (AssertionError e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
    }

    private static final class Sequence {
        private final RandomGenerator random;
        private final int maxOpen;
        private final int maxActive;
        private final ZoneFixture fixture;
        private final long[] lastWrite = new long[ZoneFixture.ZONES];
        private long now;

        Sequence(long seed) {
            random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
            maxActive = random.nextInt(5);
            maxOpen = maxActive == 0 ? random.nextInt(5) : random.nextInt(maxActive + 1);
            fixture = new ZoneFixture(maxOpen, maxActive);
        }

        void run() {
            for (int i = 0; i < OPERATIONS; i++) {
                List<String> before = states();
                Zone victim = naiveVictim();
                Zone zone = fixture.zone(random.nextInt(ZoneFixture.ZONES));
                int result = apply(zone);
                checkOthers(before, zone, victim);
                if (result != 0) {
                    assertEquals(
                            before.get(zone.index()), ZoneFixture.state(zone), "a failed operation changed its zone");
                }
                checkCounters();
                for (int z = ZoneFixture.CONVENTIONAL; z < ZoneFixture.ZONES; z++) {
                    checkCondition(fixture.zone(z));
                }
            }
        }

        private int apply(Zone zone) {
            now++;
            return switch (random.nextInt(7)) {
                case 0 -> fixture.rules.open(zone);
                case 1 -> fixture.rules.close(zone);
                case 2 -> fixture.rules.finish(zone);
                case 3 -> reset(zone);
                case 4 -> fill(zone);
                default -> write(zone);
            };
        }

        private int reset(Zone zone) {
            int error = fixture.rules.checkReset(zone);
            if (error == 0) {
                fixture.rules.reset(zone);
            }
            return error;
        }

        private int write(Zone zone) {
            int pointer = ZoneFixture.writePointerKib(zone);
            int kib = 4 * (1 + random.nextInt(8));
            int error = fixture.write(zone, kib);
            if (error == 0) {
                lastWrite[zone.index()] = now;
                if (pointer + kib == ZoneFixture.CAPACITY_KIB) {
                    fixture.rules.filled(zone);
                } else if (random.nextInt(4) == 0) {
                    fixture.rules.rollBack(zone, zone.startBytes() + ((long) pointer << 10));
                }
            }
            return error;
        }

        private int fill(Zone zone) {
            int error = fixture.write(zone, ZoneFixture.CAPACITY_KIB - ZoneFixture.writePointerKib(zone));
            if (error == 0) {
                fixture.rules.filled(zone);
            }
            return error;
        }

        private List<String> states() {
            List<String> states = new ArrayList<>();
            for (int i = 0; i < ZoneFixture.ZONES; i++) {
                states.add(ZoneFixture.state(fixture.zone(i)));
            }
            return states;
        }

        private @Nullable Zone naiveVictim() {
            Zone oldest = null;
            for (int i = 0; i < ZoneFixture.ZONES; i++) {
                Zone zone = fixture.zone(i);
                boolean isImplicit = zone.condition() == ZoneCondition.IMPLICIT_OPEN;
                if (isImplicit && (oldest == null || lastWrite[i] < lastWrite[oldest.index()])) {
                    oldest = zone;
                }
            }
            return oldest;
        }

        private void checkOthers(List<String> before, Zone subject, @Nullable Zone victim) {
            for (int i = 0; i < ZoneFixture.ZONES; i++) {
                Zone other = fixture.zone(i);
                if (other != subject && !before.get(i).equals(ZoneFixture.state(other))) {
                    assertSame(victim, other, "a zone was closed that was not written least recently");
                    boolean written = other.writePointerBytes() > other.startBytes();
                    assertEquals(written ? ZoneCondition.CLOSED : ZoneCondition.EMPTY, other.condition());
                }
            }
        }

        private void checkCounters() {
            int open = 0;
            int active = 0;
            for (int i = 0; i < ZoneFixture.ZONES; i++) {
                open += fixture.zone(i).condition().isOpen() ? 1 : 0;
                active += fixture.zone(i).condition().isActive() ? 1 : 0;
            }
            assertEquals(open, fixture.table.openCount());
            assertEquals(active, fixture.table.activeCount());
            assertTrue(maxOpen == 0 || open <= maxOpen, "over the open limit");
            assertTrue(maxActive == 0 || active <= maxActive, "over the active limit");
            Zone victim = naiveVictim();
            Zone first = fixture.table.leastRecentlyWritten();
            if (maxOpen != 0 || victim == null || first == null) {
                assertSame(victim, first);
            } else { // in no order, because nothing reads it
                assertSame(ZoneCondition.IMPLICIT_OPEN, first.condition());
            }
        }

        private static void checkCondition(Zone zone) {
            int pointer = ZoneFixture.writePointerKib(zone);
            boolean agrees = switch (zone.condition()) {
                case EMPTY -> pointer == 0;
                case CLOSED -> pointer > 0 && pointer < ZoneFixture.CAPACITY_KIB;
                case IMPLICIT_OPEN, EXPLICIT_OPEN -> pointer >= 0 && pointer < ZoneFixture.CAPACITY_KIB;
                case FULL -> pointer == ZoneFixture.SIZE_KIB;
                case NOT_WP, READ_ONLY, OFFLINE -> false;
            };
            assertTrue(agrees, () -> "zone " + zone.index() + " is " + ZoneFixture.state(zone));
        }
    }
}
