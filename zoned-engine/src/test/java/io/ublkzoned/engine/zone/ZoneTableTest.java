package io.ublkzoned.engine.zone;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

/** The zones after a power cycle: everything follows from the stored write pointers. */
final class ZoneTableTest {

    private static final long MIB = 1L << 20;
    private static final long GIB = 1L << 30;

    /** Returns four zones of 1 MiB with 512 KiB of capacity, the first one conventional. */
    private static ZoneTable restored(long... writePointers) {
        var geometry = new DeviceGeometry(4 * MIB, MIB, MIB / 2, 1, 0, 0);
        return new ZoneTable(geometry, i -> writePointers[i], zone -> null);
    }

    @Test
    void conditionsFollowFromTheWritePointers() {
        ZoneTable table = restored(0, MIB, 2 * MIB + 4096, 3 * MIB + MIB / 2);

        assertEquals(ZoneCondition.NOT_WP, table.zone(0).condition());
        assertEquals(ZoneCondition.EMPTY, table.zone(1).condition());
        assertEquals(ZoneCondition.CLOSED, table.zone(2).condition());
        assertEquals(ZoneCondition.FULL, table.zone(3).condition());
    }

    @Test
    void writePointerAtTheCapacityAndAtTheEndOfTheZoneAreBothFull() {
        ZoneTable table = restored(0, MIB + MIB / 2, 2 * MIB + MIB * 3 / 4, 4 * MIB);

        for (int i = 1; i < 4; i++) {
            assertEquals(ZoneCondition.FULL, table.zone(i).condition(), "zone " + i);
            assertEquals(table.zone(i).endBytes(), table.zone(i).writePointerBytes(), "zone " + i);
        }
    }

    @Test
    void closedZonesAreCountedFromTheStart() {
        ZoneTable table = restored(0, MIB + 4096, 2 * MIB + 4096, 3 * MIB);

        assertEquals(2, table.activeCount());
        assertEquals(0, table.openCount());
        assertNull(table.leastRecentlyWritten());
    }

    @Test
    void moreClosedZonesThanTheActiveLimitOpenAnywayAndOnlyNewOnesAreRefused() {
        var geometry = new DeviceGeometry(4 * MIB, MIB, MIB, 0, 1, 1);
        ZoneTable table = new ZoneTable(geometry, i -> i * MIB + (i < 3 ? 4096 : 0), zone -> null);
        ZoneStateMachine rules = new ZoneStateMachine(table, geometry);

        assertEquals(3, table.activeCount());
        assertEquals(-BlockErrors.EOVERFLOW, rules.open(table.zone(3)));
        assertEquals(0, rules.open(table.zone(0)));
        assertEquals(3, table.activeCount());
    }

    @Test
    void conventionalZoneCanHoldItsWholeSize() {
        Zone zone = restored(0, MIB, 2 * MIB, 3 * MIB).zone(0);

        assertTrue(zone.isConventional());
        assertEquals(MIB, zone.capacityBytes());
        assertEquals(MIB, zone.writePointerBytes());
    }

    @Test
    void sequentialZoneHasTheCapacityOfTheGeometry() {
        Zone zone = restored(0, MIB, 2 * MIB, 3 * MIB).zone(2);

        assertEquals(MIB / 2, zone.capacityBytes());
        assertEquals(2 * MIB + MIB / 2, zone.writableEndBytes());
        assertEquals(3 * MIB, zone.endBytes());
    }

    @Test
    void addressesBeyondFourGiBFindTheirZones() {
        var geometry = new DeviceGeometry(64 * GIB, 2 * GIB, 2 * GIB, 0, 0, 0);
        ZoneTable table = new ZoneTable(geometry, geometry::zoneStart, zone -> null);

        for (int i = 0; i < 32; i++) {
            assertEquals(i * 2L * GIB, table.zone(i).startBytes());
            assertEquals(ZoneCondition.EMPTY, table.zone(i).condition(), "zone " + i);
            assertEquals(i, table.indexOf(i * 2L * GIB));
            assertEquals(i, table.indexOf((i + 1) * 2L * GIB - 512));
        }
    }

    @Test
    void leastRecentListSurvivesTheRemovalOfItsMiddle() {
        ZoneFixture fixture = new ZoneFixture(0, 0);
        fixture.write(fixture.zone(2), 4);
        fixture.write(fixture.zone(3), 4);
        fixture.write(fixture.zone(4), 4);
        fixture.rules.close(fixture.zone(3));
        fixture.rules.close(fixture.zone(2));

        assertSame(fixture.zone(4), fixture.table.leastRecentlyWritten());
        fixture.rules.close(fixture.zone(4));
        assertNull(fixture.table.leastRecentlyWritten());
    }
}
