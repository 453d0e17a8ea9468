package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.ublk.ControlClient;
import io.ublkzoned.backend.ublk.DetachedDevice;
import io.ublkzoned.bindings.linux.Errno;
import io.ublkzoned.engine.OfflineDevice;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.zone.DeviceGeometry;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** The command {@code zone}: changes zones of a device or of an image. */
final class ZoneCommand implements Command {

    @Override
    public Syntax syntax() {
        return Target.options(new Syntax(
                        "ublk-zoned zone",
                        "Change zones: open, close, finish, reset; readonly, offline, recover.",
                        "OPERATION [OPTION]... IMAGE|DEV ZONES"))
                .footer(
                        "",
                        "ZONES is a list of zone numbers and ranges, such as 5 or 5-9 or 5,7-9.",
                        "readonly and offline make zones fail like zones of a drive that wears out. The image keeps the condition.",
                        "recover makes such zones usable again, with their data.",
                        "open and close need an attached image: zones of an image that is not attached are never open.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Operands operands = line.operands();
        ZoneOperation operation = ZoneOperation.parse(operands.next(), operands);
        Target target = Target.find(line, operands);
        String list = operands.next();
        operands.end();
        if (list == null) {
            throw operands.usage("the zones are missing");
        }
        List<ZoneRange> ranges = ZoneRange.parse(list, operands);
        LiveDevice device = target.device();
        DeviceGeometry geometry =
                ImageReader.read(target.image(), file -> ImageReader.open(file).geometry());
        requireInside(geometry, ranges);
        if (device != null) {
            for (ZoneRange range : ranges) {
                change(device, geometry, operation, range);
            }
        } else {
            change(target.image(), operation, ranges);
        }
        return ExitStatus.SUCCESS;
    }

    private static void requireInside(DeviceGeometry geometry, List<ZoneRange> ranges) throws IOException {
        for (ZoneRange range : ranges) {
            if (range.first() < geometry.conventionalZones() || range.last() >= geometry.zoneCount()) {
                throw new CommandFailure("only the sequential zones, %d to %d, have a condition that can change"
                        .formatted(geometry.conventionalZones(), geometry.zoneCount() - 1));
            }
        }
    }

    private static void change(LiveDevice device, DeviceGeometry geometry, ZoneOperation operation, ZoneRange range)
            throws IOException {
        if (operation.op == null) {
            new ControlClient(device.id()).changeCondition(range.first(), range.count(), operation.condition);
            return;
        }
        long start = geometry.zoneStart(range.first());
        require(device.operate(operation.ioctl, start, range.count() * geometry.zoneSizeBytes()), operation, range);
    }

    private static void require(int result, ZoneOperation operation, ZoneRange range) throws IOException {
        if (result < 0) {
            throw new CommandFailure("%s: %s failed with %s: 'ublk-zoned report' shows the conditions"
                    .formatted(range, operation.word(), Errno.name(-result)));
        }
    }

    private static void change(Path image, ZoneOperation operation, List<ZoneRange> ranges) throws IOException {
        if (operation == ZoneOperation.OPEN || operation == ZoneOperation.CLOSE) {
            throw new CommandFailure(image + " is not attached, so none of its zones can be open: add it first");
        }
        try (DetachedDevice detached = new DetachedDevice(image)) {
            OfflineDevice device = detached.device();
            for (ZoneRange range : ranges) {
                if (operation.op == null) {
                    device.changeCondition(range.first(), range.count(), operation.condition);
                    continue;
                }
                for (int zone = range.first(); zone <= range.last(); zone++) {
                    require(device.run(operation.op, zone), operation, new ZoneRange(zone, 1));
                }
            }
        } catch (ImageFormatException e) {
            throw new CommandFailure(image + ": " + e.getMessage(), e);
        }
    }
}
