package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.image.ImageOpener;
import io.ublkzoned.backend.image.NewImage;
import io.ublkzoned.backend.ublk.DeadDevice;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.qcow2.ImageIoException;
import io.ublkzoned.engine.zone.DeviceGeometry;
import io.ublkzoned.engine.zone.Sizes;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The command {@code create}: creates images. */
final class CreateCommand implements Command {

    // The options of this program, and their names in -o.
    private static final String SIZE = "--size";
    private static final String ZONE_SIZE = "--zone-size";
    private static final String ZONE_CAPACITY = "--zone-capacity";
    private static final String CONVENTIONAL_ZONES = "--conventional-zones";
    private static final String MAX_OPEN = "--max-open-zones";
    private static final String MAX_ACTIVE = "--max-active-zones";
    private static final String CLUSTER_SIZE = "--cluster-size";
    private static final Map<String, String> QEMU_NAMES = Map.of(
            "size", SIZE,
            "cluster_size", CLUSTER_SIZE,
            "zone.size", ZONE_SIZE,
            "zone.capacity", ZONE_CAPACITY,
            "zone.conventional_zones", CONVENTIONAL_ZONES,
            "zone.max_open_zones", MAX_OPEN,
            "zone.max_active_zones", MAX_ACTIVE);

    /** An option of qemu-img until the rework of 2026. Published command lines still contain it. */
    private static final String QEMU_MAX_APPEND = "zone.max_append_bytes";

    private static final String FORCE = "--force";

    @Override
    public Syntax syntax() {
        return new Syntax("ublk-zoned create", "Create images of zoned disks.", "[OPTION]... IMAGE... SIZE")
                .image()
                .option(SIZE, "SIZE", "The disk size, if it is not an argument: a whole number of zones.")
                .option(ZONE_SIZE, "SIZE", "The zone size, a power of two. Default: 256M.")
                .option(ZONE_CAPACITY, "SIZE", "The writable part of each sequential zone. Default: the whole zone.")
                .option(
                        CONVENTIONAL_ZONES,
                        "N",
                        "The number of conventional zones, which come first and take writes anywhere. Default: 0.")
                .option(MAX_OPEN, "N", "The maximum number of open zones. Default: no limit.")
                .olderName("--max-open", MAX_OPEN)
                .option(
                        MAX_ACTIVE,
                        "N",
                        "The maximum number of active zones, which are open or closed. Default: no limit.")
                .olderName("--max-active", MAX_ACTIVE)
                .option(CLUSTER_SIZE, "SIZE", "The unit of allocation, a power of two from 4K to 2M. Default: 64K.")
                .option(
                        "--layout",
                        "NAME",
                        "The layout by which the header describes the zones. Default: be44. Zones of 4G and more need v8 or later.")
                .option(
                        "-o",
                        "NAME=VALUE[,...]",
                        "The same options by qemu-img's names: size, cluster_size, zone.size, zone.capacity,"
                                + " zone.conventional_zones, zone.max_open_zones, zone.max_active_zones,"
                                + " zone.mode=host-managed. zone.max_append_bytes is ignored.")
                .flag(FORCE, "Overwrite an existing file.")
                .footer("", LayoutName.HELP, LayoutName.ALL);
    }

    /** A value, and the name by which it was given. */
    private record Given(String name, String value) {}

    @Override
    public int run(Arguments line) throws IOException {
        Operands operands = line.operands();
        List<Path> images = new ArrayList<>(List.of(operands.image()));
        Map<String, Given> given = new HashMap<>();
        for (String word = operands.next(); word != null; word = operands.next()) {
            if (isSize(word) || (operands.isEmpty() && !hasSize(line))) {
                given.put(SIZE, new Given("SIZE", word));
                operands.end();
            } else {
                images.add(operands.path(word));
            }
        }
        for (String list : line.values("-o")) {
            for (String setting : list.split(",", -1)) {
                takeQemuSetting(line, given, setting);
            }
        }
        FormatOptions options = formatOptions(line, given);
        Given maxAppend = given.get(QEMU_MAX_APPEND);
        if (maxAppend != null) {
            line.converted("'" + QEMU_MAX_APPEND + "'", maxAppend.value, Sizes::bytes);
            line.err()
                    .println("ublk-zoned: " + QEMU_MAX_APPEND + " is ignored: the kernel sets the limit of an append");
        }
        make(images, options, line.has(FORCE));
        images.forEach(path -> line.out().println(path + ": " + summary(options)));
        return ExitStatus.SUCCESS;
    }

    private static boolean hasSize(Arguments line) {
        return line.has(SIZE) || line.values("-o").stream().anyMatch(list -> ("," + list).contains(",size="));
    }

    private static boolean isSize(String word) {
        try {
            return Sizes.large(word) > 0;
        } catch (IllegalArgumentException e) {
            return false;
        }
    }

    private static void takeQemuSetting(Arguments line, Map<String, Given> given, String setting) {
        String[] words = setting.split("=", 2);
        if (words.length < 2) {
            throw line.usage("the value of option '-o' must be NAME=VALUE, not '" + setting + "'");
        }
        String name = words[0];
        String value = words[1];
        String option = name.equals(QEMU_MAX_APPEND) ? name : QEMU_NAMES.get(name);
        if (option != null) {
            if (given.put(option, new Given(name, value)) != null) {
                throw line.usage(name + " is given twice");
            }
        } else if (name.equals("zone.mode")) {
            if (!value.equals("host-managed")) {
                throw line.usage("zone.mode must be host-managed, not '" + value + "'");
            }
        } else {
            throw line.usage("-o has no option '" + name + "'");
        }
    }

    /** Returns a value that the user can give by an option of this program, by -o or as an operand, but only once. */
    private static <T> @Nullable T value(
            Arguments line, Map<String, Given> given, String option, Function<String, T> converter) {
        T own = line.value(option, converter);
        Given other = given.get(option);
        if (other == null) {
            return own;
        }
        if (own != null) {
            throw line.usage(other.name + " is given twice");
        }
        return line.converted("'" + other.name + "'", other.value, converter);
    }

    private static FormatOptions formatOptions(Arguments line, Map<String, Given> given) {
        Long size = value(line, given, SIZE, Sizes::large);
        if (size == null) {
            throw line.usage("the size is missing: add --size, as in --size 4G");
        }
        FormatOptions.Builder builder = FormatOptions.ofSize(size)
                .layout(line.value("--layout", LayoutName::parse, FormatOptions.DEFAULT_LAYOUT));
        Optional.ofNullable(value(line, given, ZONE_SIZE, Sizes::large)).ifPresent(builder::zoneSize);
        Optional.ofNullable(value(line, given, ZONE_CAPACITY, Sizes::large)).ifPresent(builder::capacity);
        Optional.ofNullable(value(line, given, CONVENTIONAL_ZONES, Arguments::number))
                .ifPresent(builder::conventionalZones);
        Optional.ofNullable(value(line, given, MAX_OPEN, Arguments::number)).ifPresent(builder::maxOpenZones);
        Optional.ofNullable(value(line, given, MAX_ACTIVE, Arguments::number)).ifPresent(builder::maxActiveZones);
        Optional.ofNullable(value(line, given, CLUSTER_SIZE, Sizes::bytes))
                .ifPresent(bytes -> builder.clusterSize((int) Math.min(bytes, Integer.MAX_VALUE)));
        return builder.build();
    }

    /**
     * Creates the images, or none of them if one cannot be created. Files that they replace stay unchanged until all new
     * ones are complete.
     */
    private static void make(List<Path> paths, FormatOptions options, boolean force) throws IOException {
        List<NewImage> made = new ArrayList<>();
        try {
            for (Path path : paths) {
                if (Collections.frequency(paths, path) > 1) {
                    throw new CommandFailure(path + " is given twice");
                }
                made.add(open(path, force));
                format(made.getLast(), path, options, force);
            }
            for (NewImage image : made) {
                image.finish();
            }
        } finally {
            made.forEach(NewImage::close);
        }
    }

    private static NewImage open(Path path, boolean force) throws IOException {
        try {
            return force ? NewImage.replace(path) : NewImage.create(path);
        } catch (FileAlreadyExistsException e) {
            throw new CommandFailure(path + ": exists: --force overwrites it", e);
        }
    }

    private static void format(NewImage image, Path path, FormatOptions options, boolean force) throws IOException {
        try {
            if (force) {
                DeadDevice.requireNone(path);
            }
            ImageFormatter.format(image.file(), options);
        } catch (ImageIoException e) {
            throw ImageOpener.failure(path, e.errno(), e);
        }
    }

    private static String summary(FormatOptions options) {
        DeviceGeometry geometry = options.geometry();
        StringBuilder text = new StringBuilder(Sizes.text(geometry.sizeBytes()))
                .append(", ")
                .append(geometry.zoneCount())
                .append(geometry.zoneCount() == 1 ? " zone" : " zones")
                .append(" of ")
                .append(Sizes.text(geometry.zoneSizeBytes()));
        if (geometry.capacityBytes() != geometry.zoneSizeBytes()) {
            text.append(", capacity ").append(Sizes.text(geometry.capacityBytes()));
        }
        if (geometry.conventionalZones() != 0) {
            text.append(", ").append(geometry.conventionalZones()).append(" conventional");
        }
        if (geometry.maxOpenZones() != 0) {
            text.append(", ").append(geometry.maxOpenZones()).append(" open at most");
        }
        if (geometry.maxActiveZones() != 0) {
            text.append(", ").append(geometry.maxActiveZones()).append(" active at most");
        }
        if (options.layout() != FormatOptions.DEFAULT_LAYOUT) {
            text.append(", layout ").append(options.layout().label());
        }
        return text.toString();
    }
}
