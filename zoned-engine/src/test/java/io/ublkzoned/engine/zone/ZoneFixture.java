package io.ublkzoned.engine.zone;

/**
 * Eight zones of 1 MiB with a capacity of 768 KiB, the first two conventional, and methods to put them into any
 * condition. Write pointers are in KiB from the start of the zone.
 */
final class ZoneFixture {

    static final int ZONES = 8;
    static final int CONVENTIONAL = 2;
    static final int SIZE_KIB = 1024;
    static final int CAPACITY_KIB = 768;

    final ZoneTable table;
    final ZoneStateMachine rules;

    ZoneFixture(int maxOpen, int maxActive) {
        long size = (long) SIZE_KIB << 10;
        var geometry =
                new DeviceGeometry(ZONES * size, size, (long) CAPACITY_KIB << 10, CONVENTIONAL, maxOpen, maxActive);
        table = new ZoneTable(geometry, geometry::zoneStart, zone -> null);
        rules = new ZoneStateMachine(table, geometry);
    }

    Zone zone(int index) {
        return table.zone(index);
    }

    /** Gives a sequential zone a condition and a write pointer, regardless of the rules. */
    Zone put(int index, ZoneCondition condition, int writePointerKib) {
        Zone zone = zone(index);
        zone.writePointerBytes = zone.startBytes() + ((long) writePointerKib << 10);
        table.transition(zone, condition);
        return zone;
    }

    /** Writes some KiB at the write pointer. */
    int write(Zone zone, int kib) {
        int error = rules.openForWrite(zone, zone.writePointerBytes(), kib << 10);
        if (error == 0) {
            rules.advance(zone, kib << 10);
        }
        return error;
    }

    static int writePointerKib(Zone zone) {
        return (int) ((zone.writePointerBytes() - zone.startBytes()) >> 10);
    }

    /** Returns condition and write pointer, for example {@code CLOSED@64}. */
    static String state(Zone zone) {
        return zone.condition() + "@" + writePointerKib(zone);
    }
}
