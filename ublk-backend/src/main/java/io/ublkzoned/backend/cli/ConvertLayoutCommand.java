package io.ublkzoned.backend.cli;

import io.ublkzoned.backend.image.FdImageFile;
import io.ublkzoned.backend.image.LockedImage;
import io.ublkzoned.backend.ublk.DeadDevice;
import io.ublkzoned.bindings.linux.FileDescriptor;
import io.ublkzoned.engine.qcow2.CheckProgress;
import io.ublkzoned.engine.qcow2.ImageFormatException;
import io.ublkzoned.engine.qcow2.LayoutConverter;
import io.ublkzoned.engine.qcow2.ZonedLayout;
import io.ublkzoned.engine.zone.GeometryException;
import java.io.IOException;
import java.nio.file.Path;

/** The command {@code convert-layout}: changes the layout by which the header of an image describes its zones. */
final class ConvertLayoutCommand implements Command {

    @Override
    public Syntax syntax() {
        return new Syntax(
                        "ublk-zoned convert-layout",
                        "Change the layout of an image that is not attached.",
                        "[OPTION]... IMAGE LAYOUT")
                .image()
                .footer(
                        "",
                        LayoutName.HELP,
                        LayoutName.ALL,
                        "",
                        "The header and the table of write pointers are rewritten. The data are not moved. If a conversion is",
                        "interrupted, the image has the old layout or the new one: run it again. An image that was not closed is",
                        "recovered and closed, even if it already has the layout.");
    }

    @Override
    public int run(Arguments line) throws IOException {
        Operands operands = line.operands();
        Path path = operands.image();
        String word = operands.next();
        operands.end();
        if (word == null) {
            throw line.usage("the layout is missing: name it, as in 'ublk-zoned convert-layout " + path + " be44'");
        }
        ZonedLayout layout = line.converted("'LAYOUT'", word, LayoutName::parse);
        boolean converted;
        try (FileDescriptor file = LockedImage.open(path);
                ProgressBar bar = new ProgressBar(line.err())) {
            DeadDevice.requireNone(path, file);
            CheckProgress progress = ProgressBar.isTerminal() ? bar : CheckProgress.UNSEEN;
            converted = LayoutConverter.convert(new FdImageFile(file), layout, progress);
        } catch (ImageFormatException | GeometryException e) {
            throw new CommandFailure(path + ": " + e.getMessage(), e);
        }
        line.out().println(path + ": " + (converted ? "now in layout " : "already in layout ") + layout.label());
        return ExitStatus.SUCCESS;
    }
}
