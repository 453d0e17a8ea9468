package io.ublkzoned.backend.cli;

import io.ublkzoned.engine.zone.Sizes;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.PrintWriter;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The map of the zones of a device, with one character per zone. */
final class ZoneMapText {

    private static final int ZONES_PER_ROW = 64;

    private ZoneMapText() {}

    /**
     * Prints the map with its legend. A row that equals the one above it is left out. A {@code *} stands for any number
     * of such rows.
     */
    static void print(String title, List<ReportedZone> zones, PrintWriter out) {
        out.println(title + ": " + summary(zones));
        out.println();
        int digits = Integer.toString(zones.getLast().index()).length();
        String above = "";
        boolean skipping = false;
        for (int from = 0; from < zones.size(); from += ZONES_PER_ROW) {
            int to = Math.min(from + ZONES_PER_ROW, zones.size());
            String row = row(zones.subList(from, to));
            if (row.equals(above) && to < zones.size()) {
                if (!skipping) {
                    out.println("*".indent(digits - 1).stripTrailing());
                }
                skipping = true;
            } else {
                out.println(("%" + digits + "d  %s").formatted(zones.get(from).index(), row));
                skipping = false;
            }
            above = row;
        }
        out.println();
        out.println(legend(counts(zones)));
    }

    /** Returns a summary: {@code 64 zones of 64M, 8 conventional, capacity 48M, the last of 32M}. */
    static String summary(List<ReportedZone> zones) {
        long conventional = zones.stream().filter(ReportedZone::isConventional).count();
        ReportedZone first = zones.getFirst();
        ReportedZone last = zones.getLast();
        long capacity = zones.stream()
                .filter(zone -> !zone.isConventional())
                .findFirst()
                .orElse(first)
                .capacity();
        return count(zones.size(), "zone") + " of " + Sizes.text(first.length())
                + (capacity == first.length() ? "" : ", capacity " + Sizes.text(capacity))
                + (conventional == 0 ? "" : ", " + conventional + " conventional")
                + (last.length() == first.length() ? "" : ", the last of " + Sizes.text(last.length()));
    }

    /** Returns a number of things: {@code 1 zone}. */
    static String count(int number, String noun) {
        return number + " " + noun + (number == 1 ? "" : "s");
    }

    private static String row(List<ReportedZone> zones) {
        StringBuilder row = new StringBuilder();
        zones.forEach(zone -> row.append(symbol(zone.condition())));
        return row.toString();
    }

    /** Returns the legend of a map: the conditions that occur, with their numbers of zones. */
    static String legend(Map<ZoneCondition, Integer> counts) {
        return counts.entrySet().stream()
                .filter(entry -> entry.getValue() > 0)
                .map(entry -> symbol(entry.getKey()) + " " + name(entry.getKey()) + " " + entry.getValue())
                .collect(Collectors.joining("   "));
    }

    /** Returns the number of zones in each condition that occurs. */
    static Map<ZoneCondition, Integer> counts(List<ReportedZone> zones) {
        Map<ZoneCondition, Integer> counts = new EnumMap<>(ZoneCondition.class);
        zones.forEach(zone -> counts.merge(zone.condition(), 1, Integer::sum));
        return counts;
    }

    static String name(ZoneCondition condition) {
        return condition == ZoneCondition.NOT_WP ? "conventional" : condition.label();
    }

    /** Returns the character of a condition in the map. */
    static char symbol(ZoneCondition condition) {
        return switch (condition) {
            case NOT_WP -> '=';
            case EMPTY -> '.';
            case IMPLICIT_OPEN -> 'o';
            case EXPLICIT_OPEN -> 'O';
            case CLOSED -> 'c';
            case FULL -> '#';
            case READ_ONLY -> 'r';
            case OFFLINE -> 'x';
        };
    }
}
