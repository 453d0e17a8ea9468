package io.ublkzoned.engine;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Moves the data of a queue's requests between byte arrays and a {@link MemoryImage}: at once, or when the test says so,
 * in the order and with the result that it says. A part has no effect on the image before it completes.
 */
final class FakePort implements DataPort {

    private static final long NO_OFFSET = -1;

    private enum Kind {
        READ,
        WRITE,
        ZERO
    }

    private record Part(Kind kind, BlockRequest request, int requestOffset, long imageOffset, int length) {}

    private final FakeQueue queue;
    private final MemoryImage image;
    private final List<Part> held = new ArrayList<>();
    private boolean holding;

    FakePort(FakeQueue queue, MemoryImage image) {
        this.queue = queue;
        this.image = image;
    }

    /** From now on parts wait for {@link #complete}. */
    void hold() {
        holding = true;
    }

    /** Completes what waits, in order, and from now on everything at once. */
    void release() {
        holding = false;
        while (!held.isEmpty()) {
            complete(0);
        }
    }

    /** Drops what is held, and from now on everything moves at once. */
    void forgetAll() {
        held.clear();
        holding = false;
    }

    int heldParts() {
        return held.size();
    }

    /** How many of the held parts belong to a request. */
    long heldParts(IoCall call) {
        return held.stream().filter(part -> part.request() == call.request).count();
    }

    /** Completes the part that has waited for the {@code index}th longest time. */
    void complete(int index) {
        move(held.remove(index));
    }

    /** Completes all held parts of a request. */
    void complete(IoCall call) {
        List<Part> parts = take(call);
        parts.forEach(this::move);
    }

    /** Fails all held parts of a request; of each write half has gone into the image. */
    void fail(IoCall call, int errno) {
        take(call).forEach(part -> fail(part, errno));
    }

    /** Fails one held part; of a write half has gone into the image. */
    void fail(int index, int errno) {
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

    private void move(Part part) {
        byte[] data = queue.callOf(part.request()).data;
        switch (part.kind()) {
            case READ -> image.readData(part.imageOffset(), data, part.requestOffset(), part.length());
            case WRITE -> image.writeData(part.imageOffset(), data, part.requestOffset(), part.length());
            case ZERO -> Arrays.fill(data, part.requestOffset(), part.requestOffset() + part.length(), (byte) 0);
        }
        queue.device().partCompleted(part.request(), part.length());
    }

    private void fail(Part part, int errno) {
        if (part.kind() == Kind.WRITE) {
            byte[] data = queue.callOf(part.request()).data;
            image.writeData(part.imageOffset(), data, part.requestOffset(), part.length() / 2);
        }
        queue.device().partCompleted(part.request(), -errno);
    }

    private void add(Part part) {
        int end = part.requestOffset() + part.length();
        if (part.length() <= 0 || end > queue.callOf(part.request()).data.length) {
            throw new AssertionError("not a part of its request: " + part);
        }
        if (holding) {
            held.add(part);
        } else {
            move(part);
        }
    }

    @Override
    public void readPart(BlockRequest request, int requestOffset, long imageOffset, int length) {
        add(new Part(Kind.READ, request, requestOffset, imageOffset, length));
    }

    @Override
    public void writePart(BlockRequest request, int requestOffset, long imageOffset, int length) {
        add(new Part(Kind.WRITE, request, requestOffset, imageOffset, length));
    }

    @Override
    public void zeroPart(BlockRequest request, int requestOffset, int length) {
        add(new Part(Kind.ZERO, request, requestOffset, NO_OFFSET, length));
    }
}
