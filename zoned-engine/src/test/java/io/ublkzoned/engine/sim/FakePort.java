package io.ublkzoned.engine.sim;

import io.ublkzoned.engine.BlockRequest;
import io.ublkzoned.engine.DataPort;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A data port that moves the data of a queue's requests between byte arrays and a {@link SimulatedDisk}. It does so
 * immediately, or when the test decides, in the order and with the result that the test decides. A part has no effect
 * on the image before it completes.
 */
public final class FakePort implements DataPort {

    private static final long NO_OFFSET = -1;

    private enum Kind {
        READ,
        WRITE,
        COMPARE,
        ZERO
    }

    private record Part(int number, Kind kind, BlockRequest request, int requestOffset, long imageOffset, int length) {}

    private final FakeQueue queue;
    private final SimulatedDisk image;
    private final List<Part> held = new ArrayList<>();
    private boolean holding;
    private int parts;

    FakePort(FakeQueue queue, SimulatedDisk image) {
        this.queue = queue;
        this.image = image;
    }

    /** Holds all parts from now on until {@link #complete}. */
    public void hold() {
        holding = true;
    }

    /** Completes the held parts in order, and from now on every part immediately. */
    public void release() {
        holding = false;
        while (!held.isEmpty()) {
            complete(0);
        }
    }

    /**
     * Drops the held parts, because the server dies. {@code survival} decides which sectors of each write are in the
     * image.
     */
    void forgetAll(SimulatedDisk.Survival survival) {
        for (int i = 0; i < held.size(); i++) {
            Part part = held.get(i);
            if (part.kind() == Kind.WRITE) {
                for (int sector = 0; sector * TestData.SECTOR < part.length(); sector++) {
                    if (survival.survives(i, sector)) {
                        writeSome(part, sector * TestData.SECTOR, TestData.SECTOR);
                    }
                }
            }
        }
        held.clear();
        holding = false;
    }

    public int heldParts() {
        return held.size();
    }

    /** Returns the number of a held part among all parts so far. */
    int heldPart(int index) {
        return held.get(index).number();
    }

    /** Returns the number of held parts that belong to a request. */
    public int heldParts(IoCall call) {
        int count = 0;
        for (Part part : held) {
            count += part.request() == call.request ? 1 : 0;
        }
        return count;
    }

    /** Completes the part that has waited for the {@code index}th longest time. */
    public void complete(int index) {
        moveHeld(held.remove(index));
    }

    /** Completes all held parts of a request. */
    public void complete(IoCall call) {
        List<Part> parts = take(call);
        parts.forEach(this::moveHeld);
    }

    /** Fails all held parts of a request. Half of each write is in the image. */
    public void fail(IoCall call, int errno) {
        take(call).forEach(part -> fail(part, errno));
    }

    /** Fails one held part. Half of a write is in the image. */
    public void fail(int index, int errno) {
        fail(held.remove(index), errno);
    }

    private List<Part> take(IoCall call) {
        List<Part> parts =
                held.stream().filter(part -> part.request() == call.request).toList();
        if (parts.isEmpty()) {
            throw new AssertionError("nothing of it is held: " + call);
        }
        held.removeAll(parts);
        return parts;
    }

    private int move(Part part) {
        byte[] data = queue.callOf(part.request()).data;
        switch (part.kind()) {
            case READ -> image.readData(part.imageOffset(), data, part.requestOffset(), part.length());
            case WRITE -> writeSome(part, 0, part.length());
            case COMPARE -> {
                if (!sameAsImage(part, data)) {
                    return 0;
                }
            }
            case ZERO -> Arrays.fill(data, part.requestOffset(), part.requestOffset() + part.length(), (byte) 0);
        }
        return part.length();
    }

    private void moveHeld(Part part) {
        int moved = move(part);
        queue.device().partCompleted(part.request(), moved);
    }

    private boolean sameAsImage(Part part, byte[] data) {
        byte[] found = new byte[part.length()];
        image.readData(part.imageOffset(), found, 0, found.length);
        int from = part.requestOffset();
        return Arrays.equals(found, 0, found.length, data, from, from + part.length());
    }

    private void fail(Part part, int errno) {
        if (part.kind() == Kind.WRITE) {
            writeSome(part, 0, part.length() / TestData.SECTOR / 2 * TestData.SECTOR);
        }
        queue.device().partCompleted(part.request(), -errno);
    }

    private void writeSome(Part part, int from, int length) {
        byte[] data = queue.callOf(part.request()).data;
        if (length > 0) {
            image.writeData(part.imageOffset() + from, data, part.requestOffset() + from, length);
        }
    }

    private int add(Part part) {
        int end = part.requestOffset() + part.length();
        if (part.length() <= 0 || end > queue.callOf(part.request()).data.length) {
            throw new AssertionError("not a part of its request: " + part);
        }
        if (holding) {
            held.add(part);
            return PENDING;
        }
        return move(part);
    }

    @Override
    public int readPart(BlockRequest request, int requestOffset, long imageOffset, int length) {
        return add(new Part(parts++, Kind.READ, request, requestOffset, imageOffset, length));
    }

    @Override
    public int writePart(BlockRequest request, int requestOffset, long imageOffset, int length) {
        return add(new Part(parts++, Kind.WRITE, request, requestOffset, imageOffset, length));
    }

    @Override
    public int comparePart(BlockRequest request, int requestOffset, long imageOffset, int length) {
        return add(new Part(parts++, Kind.COMPARE, request, requestOffset, imageOffset, length));
    }

    @Override
    public int erasePart(long imageOffset, int length) {
        image.writeData(imageOffset, new byte[length], 0, length);
        return length;
    }

    @Override
    public int readImage(long imageOffset, byte[] target) {
        image.readData(imageOffset, target, 0, target.length);
        return target.length;
    }

    @Override
    public int zeroPart(BlockRequest request, int requestOffset, int length) {
        return add(new Part(parts++, Kind.ZERO, request, requestOffset, NO_OFFSET, length));
    }
}
