package io.ublkzoned.backend.live;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.jr.ob.JSON;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/** A JSON object whose members must exist. */
record JsonObject(Map<?, ?> members) {

    static JsonObject parse(String text) throws IOException {
        return new JsonObject(JSON.std.mapFrom(text));
    }

    private Object member(String name) {
        return requireNonNull(members.get(name), name);
    }

    double number(String name) {
        return ((Number) member(name)).doubleValue();
    }

    String text(String name) {
        return (String) member(name);
    }

    JsonObject object(String name) {
        return new JsonObject((Map<?, ?>) member(name));
    }

    List<JsonObject> objects(String name) {
        return ((List<?>) member(name))
                .stream().map(each -> new JsonObject((Map<?, ?>) each)).toList();
    }

    /** Returns the element of an array whose member has this value. */
    JsonObject element(String array, String name, Object value) {
        return objects(array).stream()
                .filter(each -> each.member(name).equals(value))
                .findFirst()
                .orElseThrow();
    }
}
