package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.image.ChannelImageFile;
import io.ublkzoned.engine.DeviceGeometry;
import io.ublkzoned.engine.qcow2.FormatOptions;
import io.ublkzoned.engine.qcow2.ImageFormatter;
import io.ublkzoned.engine.qcow2.ZonedLayout;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.TypeConversionException;

/** {@code create}: makes an image. */
@Command(
        name = "create",
        description = "Make an image with a zoned disk in it.",
        synopsisHeading = "usage: ",
        customSynopsis = "ublk-zoned create [OPTION]... IMAGE SIZE",
        optionListHeading = "%n",
        sortOptions = false)
final class Create implements Subcommand {

    @Mixin
    private final ImageOperand image = new ImageOperand();

    @Option(
            names = "--size",
            paramLabel = "SIZE",
            converter = Sizes.Large.class,
            description = "The size of the disk, instead of an argument: a whole number of zones.")
    private @Nullable Long size;

    @Option(
            names = "--zone-size",
            paramLabel = "SIZE",
            converter = Sizes.Large.class,
            description = "A power of two, 256M by default.")
    private @Nullable Long zoneSize;

    @Option(
            names = "--zone-capacity",
            paramLabel = "SIZE",
            converter = Sizes.Large.class,
            description = "How much of a sequential zone can be written; all of it by default.")
    private @Nullable Long zoneCapacity;

    @Option(
            names = "--conventional-zones",
            paramLabel = "N",
            description = "The first N zones take writes anywhere; none by default.")
    private @Nullable Integer conventionalZones;

    @Option(names = "--max-open", paramLabel = "N", description = "The most open zones; any number by default.")
    private @Nullable Integer maxOpen;

    @Option(
            names = "--max-active",
            paramLabel = "N",
            description = "The most active zones, open or closed; any number by default.")
    private @Nullable Integer maxActive;

    @Option(
            names = "--cluster-size",
            paramLabel = "SIZE",
            converter = Sizes.Bytes.class,
            description = "The unit of allocation, a power of two from 4K to 2M; 64K by default.")
    private @Nullable Long clusterSize;

    @Option(
            names = "--layout",
            paramLabel = "NAME",
            converter = LayoutName.class,
            description = {
                "How the header describes the zones, by the revision of QEMU's patches",
                "that reads it: v4 (2 to 4), v6 (5 to 7, the default), v8 (8 to 10),",
                "be48 (the rework of 2026) or be44 (the newest). Zones of 4G and more",
                "need v8 or a later one."
            })
    private ZonedLayout layout = FormatOptions.DEFAULT_LAYOUT;

    @Option(
            names = "-o",
            paramLabel = "NAME=VALUE[,...]",
            hideParamSyntax = true,
            split = ",",
            description = {
                "The same by qemu-img's names: size, cluster_size, zone.size,",
                "zone.capacity, zone.conventional_zones, zone.max_open_zones,",
                "zone.max_active_zones, zone.mode=host-managed."
            })
    private Map<String, String> qemuOptions = Map.of();

    @Option(names = "--force", description = "Overwrite an existing file.")
    private boolean force;

    @Override
    public int run(CommandLine line) throws IOException {
        Operands operands = image.operands(line);
        Path path = image.path(operands);
        String sizeWord = operands.next();
        operands.end();
        if (sizeWord != null) {
            size = converted(line, size, "SIZE", sizeWord, new Sizes.Large());
        }
        qemuOptions.forEach((name, value) -> takeQemuOption(line, name, value));
        FormatOptions options = formatOptions(line);
        make(path, options);
        line.getOut().println(path + ": " + summary(options));
        return Main.DONE;
    }

    private void takeQemuOption(CommandLine line, String name, String value) {
        ITypeConverter<Integer> number = Integer::valueOf;
        switch (name) {
            case "size" -> size = converted(line, size, name, value, new Sizes.Large());
            case "cluster_size" -> clusterSize = converted(line, clusterSize, name, value, new Sizes.Bytes());
            case "zone.size" -> zoneSize = converted(line, zoneSize, name, value, new Sizes.Large());
            case "zone.capacity" -> zoneCapacity = converted(line, zoneCapacity, name, value, new Sizes.Large());
            case "zone.conventional_zones" ->
                conventionalZones = converted(line, conventionalZones, name, value, number);
            case "zone.max_open_zones" -> maxOpen = converted(line, maxOpen, name, value, number);
            case "zone.max_active_zones" -> maxActive = converted(line, maxActive, name, value, number);
            case "zone.mode" -> {
                if (!value.equals("host-managed")) {
                    throw new ParameterException(line, "the only zone.mode is host-managed, not '" + value + "'");
                }
            }
            case "zone.max_append_bytes" ->
                throw new ParameterException(
                        line, "zone.max_append_bytes cannot be chosen: the kernel sets that limit");
            default -> throw new ParameterException(line, "there is no option '" + name + "' for -o");
        }
    }

    /** Reads what may also have been said by an option of our own, but not by both. */
    private static <T> T converted(
            CommandLine line, @Nullable T before, String name, String value, ITypeConverter<T> converter) {
        if (before != null) {
            throw new ParameterException(line, name + " is given twice");
        }
        try {
            return converter.convert(value);
        } catch (NumberFormatException e) {
            throw new ParameterException(line, "Invalid value for '" + name + "': '" + value + "' is not a number", e);
        } catch (TypeConversionException e) {
            throw new ParameterException(line, "Invalid value for '" + name + "': " + e.getMessage(), e);
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private FormatOptions formatOptions(CommandLine line) {
        if (size == null) {
            throw new ParameterException(line, "how large is the disk to be? Add --size, as in --size 4G");
        }
        FormatOptions.Builder builder = FormatOptions.ofSize(size).layout(layout);
        if (zoneSize != null) {
            builder.zoneSize(zoneSize);
        }
        if (zoneCapacity != null) {
            builder.capacity(zoneCapacity);
        }
        if (conventionalZones != null) {
            builder.conventionalZones(conventionalZones);
        }
        if (maxOpen != null) {
            builder.maxOpenZones(maxOpen);
        }
        if (maxActive != null) {
            builder.maxActiveZones(maxActive);
        }
        if (clusterSize != null) {
            builder.clusterSize((int) Math.min(clusterSize, Integer.MAX_VALUE));
        }
        return builder.build();
    }

    private void make(Path path, FormatOptions options) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            format(path, options);
            return;
        }
        Path old = path.toRealPath();
        if (!Files.isRegularFile(old)) {
            throw new FileSystemException(path.toString(), null, "exists and is not a regular file");
        }
        if (!force) {
            throw new FileSystemException(path.toString(), null, "exists: --force overwrites it");
        }
        ImageReader.requireUnused(old);
        // The old file stays as it was until the new one is complete.
        Path fresh = old.resolveSibling(
                "." + old.getFileName() + "." + ProcessHandle.current().pid());
        format(fresh, options);
        Files.move(fresh, old, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void format(Path path, FormatOptions options) throws IOException {
        try (ChannelImageFile file = ChannelImageFile.create(path)) {
            try {
                ImageFormatter.format(file, options);
            } catch (IOException | RuntimeException | Error e) {
                Files.deleteIfExists(path);
                throw e;
            }
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
