package io.ublkzoned.engine.zone;

import static io.ublkzoned.engine.zone.ZoneCondition.CLOSED;
import static io.ublkzoned.engine.zone.ZoneCondition.EMPTY;
import static io.ublkzoned.engine.zone.ZoneCondition.EXPLICIT_OPEN;
import static io.ublkzoned.engine.zone.ZoneCondition.FULL;
import static io.ublkzoned.engine.zone.ZoneCondition.IMPLICIT_OPEN;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

/** The limits: the choice of the zone that is closed to make room, and the operations that free a place. */
final class ZoneLimitsTest {

    @Test
    void leastRecentlyWrittenZoneIsClosedNotTheFirstNorTheLastOpened() {
        ZoneFixture fixture = new ZoneFixture(3, 0);
        fixture.write(fixture.zone(2), 4);
        fixture.write(fixture.zone(3), 4);
        fixture.write(fixture.zone(4), 4);
        fixture.write(fixture.zone(2), 4);

        assertEquals(0, fixture.write(fixture.zone(5), 4));

        assertEquals(IMPLICIT_OPEN, fixture.zone(2).condition());
        assertEquals(CLOSED, fixture.zone(3).condition());
        assertEquals(IMPLICIT_OPEN, fixture.zone(4).condition());
    }

    @Test
    void everyFurtherWriteRefreshesAZone() {
        ZoneFixture fixture = new ZoneFixture(2, 0);
        fixture.write(fixture.zone(2), 4);
        fixture.write(fixture.zone(3), 4);
        for (int i = 4; i < 8; i++) {
            fixture.write(fixture.zone(2), 4);
            fixture.write(fixture.zone(i), 4);
            assertEquals(IMPLICIT_OPEN, fixture.zone(2).condition(), "after the first write of zone " + i);
            assertEquals(CLOSED, fixture.zone(i - 1).condition(), "after the first write of zone " + i);
        }
    }

    @Test
    void zoneClosedAndWrittenAgainCountsFromItsLastWrite() {
        ZoneFixture fixture = new ZoneFixture(2, 0);
        fixture.write(fixture.zone(2), 4);
        fixture.write(fixture.zone(3), 4);
        fixture.rules.close(fixture.zone(2));
        fixture.write(fixture.zone(2), 4);

        fixture.write(fixture.zone(4), 4);

        assertEquals(IMPLICIT_OPEN, fixture.zone(2).condition());
        assertEquals(CLOSED, fixture.zone(3).condition());
    }

    @Test
    void explicitlyOpenZoneIsNeverClosedToMakeRoom() {
        ZoneFixture fixture = new ZoneFixture(2, 0);
        fixture.rules.open(fixture.zone(2));
        fixture.write(fixture.zone(3), 4);

        assertEquals(0, fixture.write(fixture.zone(4), 4));

        assertEquals(EXPLICIT_OPEN, fixture.zone(2).condition());
        assertEquals(CLOSED, fixture.zone(3).condition());
    }

    @Test
    void writeToAnExplicitlyOpenZoneLeavesItExplicitlyOpen() {
        ZoneFixture fixture = new ZoneFixture(1, 0);
        fixture.rules.open(fixture.zone(2));
        fixture.write(fixture.zone(2), 4);

        assertEquals(-BlockErrors.ETOOMANYREFS, fixture.write(fixture.zone(3), 4));
        assertEquals("EXPLICIT_OPEN@4", ZoneFixture.state(fixture.zone(2)));
    }

    @Test
    void implicitlyOpenZoneWithoutDataBecomesEmptyWhenItMakesRoom() {
        ZoneFixture fixture = new ZoneFixture(1, 0);
        fixture.write(fixture.zone(2), 4);
        fixture.rules.rollBack(fixture.zone(2), fixture.zone(2).startBytes());

        assertEquals(0, fixture.write(fixture.zone(3), 4));

        assertEquals(EMPTY, fixture.zone(2).condition());
        assertEquals(1, fixture.table.activeCount());
    }

    @Test
    void closedZoneGetsRoomAtBothLimitsByClosingAnotherZone() {
        ZoneFixture fixture = new ZoneFixture(1, 2);
        fixture.write(fixture.zone(2), 4);
        fixture.write(fixture.zone(3), 4);

        assertEquals(0, fixture.write(fixture.zone(2), 4));

        assertEquals(IMPLICIT_OPEN, fixture.zone(2).condition());
        assertEquals(CLOSED, fixture.zone(3).condition());
        assertEquals(2, fixture.table.activeCount());
    }

    @Test
    void emptyZoneGetsNoRoomAtBothLimitsAndNoZoneIsClosedForIt() {
        ZoneFixture fixture = new ZoneFixture(1, 2);
        fixture.write(fixture.zone(2), 4);
        fixture.write(fixture.zone(3), 4);

        assertEquals(-BlockErrors.EOVERFLOW, fixture.write(fixture.zone(4), 4));

        assertEquals(CLOSED, fixture.zone(2).condition());
        assertEquals(IMPLICIT_OPEN, fixture.zone(3).condition());
        assertEquals(EMPTY, fixture.zone(4).condition());
    }

    @Test
    void closeFreesAnOpenPlaceButNoActiveOne() {
        ZoneFixture fixture = new ZoneFixture(1, 2);
        fixture.rules.open(fixture.zone(2));
        fixture.write(fixture.zone(2), 4);
        fixture.rules.close(fixture.zone(2));
        assertEquals(0, fixture.rules.open(fixture.zone(3)));
        fixture.write(fixture.zone(3), 4);
        fixture.rules.close(fixture.zone(3));

        assertEquals(-BlockErrors.EOVERFLOW, fixture.rules.open(fixture.zone(4)));
    }

    @Test
    void closeOfAnUnwrittenZoneFreesItsActivePlaceToo() {
        ZoneFixture fixture = new ZoneFixture(1, 1);
        fixture.rules.open(fixture.zone(2));
        fixture.rules.close(fixture.zone(2));

        assertEquals(EMPTY, fixture.zone(2).condition());
        assertEquals(0, fixture.rules.open(fixture.zone(3)));
    }

    @Test
    void resetFreesBothPlaces() {
        ZoneFixture fixture = new ZoneFixture(1, 1);
        fixture.rules.open(fixture.zone(2));
        fixture.write(fixture.zone(2), 4);
        fixture.rules.reset(fixture.zone(2));

        assertEquals(0, fixture.rules.open(fixture.zone(3)));
    }

    @Test
    void fullZoneFreesBothPlaces() {
        ZoneFixture fixture = new ZoneFixture(1, 1);
        fixture.rules.open(fixture.zone(2));
        fixture.write(fixture.zone(2), ZoneFixture.CAPACITY_KIB);
        fixture.rules.filled(fixture.zone(2));

        assertEquals(FULL, fixture.zone(2).condition());
        assertEquals(0, fixture.rules.open(fixture.zone(3)));
    }

    @Test
    void finishFreesThePlaceThatItPassesThrough() {
        ZoneFixture fixture = new ZoneFixture(1, 1);
        for (int i = 2; i < 8; i++) {
            assertEquals(0, fixture.rules.finish(fixture.zone(i)), "zone " + i);
        }
        assertEquals(0, fixture.table.activeCount());
    }

    @Test
    void conventionalZonesTakeNoPlace() {
        ZoneFixture fixture = new ZoneFixture(1, 1);
        assertEquals(0, fixture.table.activeCount());
        assertEquals(0, fixture.rules.open(fixture.zone(2)));
        assertEquals(1, fixture.table.activeCount());
    }
}
