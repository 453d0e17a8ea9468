package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.StateMemory;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.InaccessibleObjectException;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A hash of everything that an engine keeps in memory. Two engines with the same hash continue in the same way. */
@SuppressWarnings("EnumOrdinal") // ordinals only within one run
final class StateHash {

    private static final String ENGINE = "io.ublkzoned.engine";

    /** The fields that are written before they are read, so their contents decide nothing. */
    private static final Set<String> SCRATCH =
            Set.of("hostClusters", "found", "hint", "runStart", "runClusters", "generation");

    private static final ClassValue<List<Field>> FIELDS = new ClassValue<>() {
        @Override
        protected List<Field> computeValue(Class<?> type) {
            List<Field> fields = new ArrayList<>();
            for (Field field : type.getDeclaredFields()) {
                if (!Modifier.isStatic(field.getModifiers()) && !SCRATCH.contains(field.getName())) {
                    field.setAccessible(true);
                    fields.add(field);
                }
            }
            return fields;
        }
    };

    private final IdentityHashMap<Object, Integer> seen = new IdentityHashMap<>();
    private long hash;

    private StateHash() {}

    static long of(Object root) {
        StateHash state = new StateHash();
        state.visit(root);
        return state.hash;
    }

    private void add(long value) {
        hash = Trace.mix(hash ^ value);
    }

    private void visit(@Nullable Object object) {
        switch (object) {
            case null -> add(0);
            case Boolean flag -> add(flag ? 1 : 2);
            case Number number -> add(number.longValue());
            case Enum<?> constant -> add(constant.ordinal());
            case BitSet set -> add(set.hashCode());
            case SimulatedDisk disk -> add(3);
            case StateMemory memory -> add(4); // its contents follow from the zones
            default -> visitOnce(object);
        }
    }

    private void visitOnce(Object object) {
        Integer number = seen.putIfAbsent(object, seen.size());
        if (number != null) {
            add(number);
        } else if (object instanceof Collection<?> collection) {
            add(collection.size());
            collection.forEach(this::visit);
        } else if (object.getClass().isArray()) {
            for (int i = 0; i < Array.getLength(object); i++) {
                visit(Array.get(object, i));
            }
        } else if (object.getClass().getName().startsWith(ENGINE)
                && !object.getClass().isHidden()) {
            visitFields(object);
        }
    }

    private void visitFields(Object object) {
        for (Field field : FIELDS.get(object.getClass())) {
            try {
                visit(field.get(object));
            } catch (IllegalAccessException e) {
                throw new InaccessibleObjectException(field.toString());
            }
        }
    }
}
