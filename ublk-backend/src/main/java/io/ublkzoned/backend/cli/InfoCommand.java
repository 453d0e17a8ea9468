package io.ublkzoned.backend.cli;

import com.fasterxml.jackson.jr.ob.JSON;
import io.ublkzoned.backend.image.CacheMode;
import io.ublkzoned.backend.ublk.GeometryJson;
import io.ublkzoned.engine.qcow2.Qcow2Image;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Sizes;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The command {@code info}: shows the geometry of an image and its state. */
final class InfoCommand implements Command {

    /**
     * The facts that are shown. {@code device} is the path of the block device, and {@code cache} its mode; both are
     * null if the image is not attached.
     */
    private record Facts(
            Path image,
            @Nullable String device,
            @Nullable CacheMode cache,
            long fileBytes,
            DeviceGeometry geometry,
            int clusterSizeBytes,
            String layout,
            boolean closed,
            List<ReportedZone> zones) {

        /**
         * Returns the bytes that sequential zones hold below their write pointers, or up to their capacity if they are
         * full. Zones whose write pointer is unknown do not count.
         */
        long writtenBytes() {
            return zones.stream()
                    .filter(ReportedZone::hasWritePointer)
                    .mapToLong(zone -> Math.min(zone.writePointer() - zone.start(), zone.capacity()))
                    .sum();
        }
    }

    @Override
    public Syntax syntax() {
        return Target.options(new Syntax(
                        "ublk-zoned info",
                        "Show the geometry and the state of a device or of an image, attached or not.",
                        "[OPTION]... IMAGE|DEV"))
                .flag("--json", "Print JSON, with sizes in bytes.")
                .footer(
                        "",
                        "For an image that is not attached, data in read-only and offline zones count as written. For a device they",
                        "do not, since the kernel does not report the write pointers of such zones.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Target target = Target.find(line);
        List<ReportedZone> zones = target.zones();
        Facts facts = ImageReader.read(target.image(), file -> {
            Qcow2Image image = ImageReader.open(file);
            return new Facts(
                    target.image().toRealPath(),
                    target.device() == null ? null : target.device().path(),
                    target.device() == null ? null : target.device().cacheMode(),
                    file.sizeBytes(),
                    image.geometry(),
                    image.clusterSizeBytes(),
                    image.layout().label(),
                    !image.isDirty(),
                    zones);
        });
        if (line.has("--json")) {
            line.out().println(json(facts));
        } else {
            print(facts, line.out());
        }
        return ExitStatus.SUCCESS;
    }

    private static void print(Facts facts, PrintWriter out) {
        DeviceGeometry geometry = facts.geometry();
        out.println("image:     " + facts.image() + ", " + Sizes.roughly(facts.fileBytes()) + " long, clusters of "
                + Sizes.text(facts.clusterSizeBytes()) + ", layout " + facts.layout());
        out.println("device:    " + state(facts));
        out.println("size:      " + Sizes.text(geometry.sizeBytes()));
        out.println("zones:     " + ZoneMapText.summary(facts.zones()));
        out.println("limits:    " + limit(geometry.maxOpenZones()) + " open, " + limit(geometry.maxActiveZones())
                + " active");
        out.println("condition: "
                + ZoneMapText.counts(facts.zones()).entrySet().stream()
                        .map(entry -> entry.getValue() + " " + ZoneMapText.name(entry.getKey()))
                        .collect(Collectors.joining(", ")));
        out.println("written:   " + Sizes.roughly(facts.writtenBytes()) + " in sequential zones");
    }

    private static String state(Facts facts) {
        if (facts.cache() != null) {
            return facts.device() + ", cache " + facts.cache().label();
        }
        boolean attachable = facts.geometry().isAttachable(facts.clusterSizeBytes());
        return facts.closed()
                ? "not attached"
                : "not attached, and was not closed: " + recoveredBy(attachable) + " recovers it";
    }

    /** Returns the command that recovers an image that was not closed. */
    static String recoveredBy(boolean attachable) {
        return attachable ? "add" : "convert-layout";
    }

    private static String limit(int zones) {
        return zones == 0 ? "any number" : Integer.toString(zones);
    }

    private static String json(Facts facts) throws IOException {
        var object = JSON.std
                .composeString()
                .startObject()
                .put("image", facts.image().toString());
        object = facts.device() == null ? object.putNull("device") : object.put("device", facts.device());
        object = facts.cache() == null
                ? object.putNull("cache")
                : object.put("cache", facts.cache().label());
        object = object.put("fileSize", facts.fileBytes())
                .put("clusterSize", facts.clusterSizeBytes())
                .put("layout", facts.layout())
                .put("closed", facts.closed());
        object = GeometryJson.put(object, facts.geometry()).put("written", facts.writtenBytes());
        var conditions = object.startObjectField("conditions");
        for (var entry : ZoneMapText.counts(facts.zones()).entrySet()) {
            conditions = conditions.put(entry.getKey().label(), entry.getValue().intValue());
        }
        return conditions.end().end().finish();
    }
}
