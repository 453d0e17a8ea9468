package io.ublkzoned.engine.qcow2;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * The extensions may span several sectors. The feature bit of zones lies in the first one, next to the header's length,
 * which is also the offset of the extensions. So one write within a sector can switch both:
 *
 * <ol>
 *   <li>The extensions are copied to the space behind them.
 *   <li>The header's length is set to the offset of the copy.
 *   <li>The extensions are rewritten in their old place.
 *   <li>The header's length is restored, and the feature bit changes.
 * </ol>
 *
 * <p>Between steps 2 and 4 the header is valid for every program. Everything before the copy counts as fields of a
 * longer header, which readers ignore (qcow2 specification, "Additional fields").
 *
 * <p>The copy has one more extension, which says where the extensions belong. If a power cut leaves the copy in use,
 * the next switch reads that offset from it.
 */
final class ExtensionSwitch {

    private final Qcow2Header header;
    private final HeaderExtension zoned;
    private final boolean isZoned;
    private final int home;
    private final int copyAt;

    /**
     * Plans the switch.
     *
     * @param header the header as it is in the file
     * @param zoned the new zoned extension
     * @param isZoned the new feature bit
     * @throws ImageFormatException if the header's cluster has no room for the copy
     */
    ExtensionSwitch(Qcow2Header header, HeaderExtension zoned, boolean isZoned) throws ImageFormatException {
        this.header = header;
        this.zoned = zoned;
        this.isZoned = isZoned;
        home = home(header);
        copyAt = copyOffset();
        // Both throw if the result does not fit the cluster.
        withCopyAt(copyAt);
        rewritten();
    }

    /** Returns whether the copy is in use, because a switch was interrupted. */
    static boolean isCopyInUse(Qcow2Header header) {
        return header.extension(HeaderExtension.MOVED) != null;
    }

    /** Returns the offset at which the extensions belong. */
    private static int home(Qcow2Header header) throws ImageFormatException {
        HeaderExtension moved = header.extension(HeaderExtension.MOVED);
        if (moved == null) {
            return header.extensionsAt();
        }
        int home = moved.data().byteSize() < Integer.BYTES ? 0 : moved.data().get(BigEndian.INT, 0);
        if (home < Qcow2Header.LENGTH_MIN || home % 8 != 0 || home >= header.extensionsAt()) {
            throw new ImageFormatException(
                    "the header is damaged: its extensions were moved from offset %d, which is not a possible offset; restore the image from a copy"
                            .formatted(home));
        }
        return home;
    }

    /**
     * Returns the offset of the copy. A copy that is in use stays in its place, provided that it does not overlap the
     * rewritten extensions.
     */
    private int copyOffset() throws ImageFormatException {
        // Leave room for the longest layout, so that an interrupted switch can be followed by a switch to any layout.
        HeaderExtension longest =
                new HeaderExtension(HeaderExtension.ZONED, MemorySegment.ofArray(new byte[ZonedLayout.LENGTH_MAX]));
        long homeEnd = home + encoded(extensions(longest), home).byteSize();
        int current = header.extensionsAt();
        if (isCopyInUse(header) && homeEnd <= current) {
            Qcow2Header same = withCopyAt(current);
            if (header.hasSame(same, current, same.extensionsEnd())) {
                return current;
            }
        }
        return (int) Math.max(homeEnd, header.extensionsEnd());
    }

    /** Returns the final extensions, with the zoned one replaced. */
    private List<HeaderExtension> extensions(HeaderExtension newZoned) {
        List<HeaderExtension> extensions = new ArrayList<>(header.extensions());
        extensions.removeIf(extension -> extension.type() == HeaderExtension.MOVED);
        extensions.replaceAll(extension -> extension.type() == HeaderExtension.ZONED ? newZoned : extension);
        return extensions;
    }

    private Qcow2Header withCopyAt(int offset) throws ImageFormatException {
        List<HeaderExtension> copies = new ArrayList<>(header.extensions());
        copies.removeIf(extension -> extension.type() == HeaderExtension.MOVED);
        MemorySegment from = MemorySegment.ofArray(new byte[Integer.BYTES]);
        from.set(BigEndian.INT, 0, home);
        copies.add(new HeaderExtension(HeaderExtension.MOVED, from));
        return header.withExtensions(encoded(copies, offset), offset, header.has(FeatureBits.ZONED));
    }

    private Qcow2Header rewritten() throws ImageFormatException {
        return header.withExtensions(encoded(extensions(zoned), home), home, isZoned);
    }

    /** Encodes extensions that begin at an offset of the header's cluster, with the end mark behind them. */
    private static MemorySegment encoded(List<HeaderExtension> extensions, int at) {
        List<HeaderExtension> placed = new ArrayList<>();
        long length = 0;
        for (HeaderExtension extension : extensions) {
            placed.add(FailedZones.placed(extension, at + length));
            length += placed.getLast().paddedBytes();
        }
        MemorySegment bytes = MemorySegment.ofArray(new byte[(int) length + HeaderExtension.PREFIX_BYTES]);
        long next = 0;
        for (HeaderExtension extension : placed) {
            next = extension.writeTo(bytes, next);
        }
        return bytes;
    }

    /**
     * Switches the header. Blocks; the switch is durable when this returns.
     *
     * <p>Repeats the steps of an earlier, interrupted switch, because its syncs may have failed.
     */
    void run(ImageFile file) throws IOException {
        Qcow2Header copy = withCopyAt(copyAt);
        copy.writeExtensions(file);
        file.sync(Barrier.CONVERSION_COPY_BEFORE_USE);
        copy.writeExtensionsAt(file);
        file.sync(Barrier.CONVERSION_USE_BEFORE_REWRITE);
        Qcow2Header rewritten = rewritten();
        assert rewritten.extensionsEnd() <= copyAt : "the extensions would overwrite their copy";
        rewritten.writeExtensions(file);
        file.sync(Barrier.CONVERSION_REWRITE_BEFORE_SWITCH);
        rewritten.writeExtensionsAt(file);
        file.sync(Barrier.CONVERSION_SWITCH_BEFORE_RELEASE);
    }
}
