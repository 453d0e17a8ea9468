package io.ublkzoned.engine;

import org.jspecify.annotations.Nullable;

/** A first-in, first-out list that links the requests themselves, so that adding one allocates nothing. */
public final class RequestList {

    private @Nullable BlockRequest head;
    private @Nullable BlockRequest tail;

    /** Creates an empty list. */
    public RequestList() {}

    public boolean isEmpty() {
        return head == null;
    }

    @Nullable
    BlockRequest peek() {
        return head;
    }

    /** Appends a request that is in no other list. */
    public void add(BlockRequest request) {
        request.next = null;
        if (tail == null) {
            head = request;
        } else {
            tail.next = request;
        }
        tail = request;
    }

    /** Removes and returns the first request, or null if the list is empty. */
    public @Nullable BlockRequest poll() {
        BlockRequest first = head;
        if (first != null) {
            head = first.next;
            first.next = null;
            if (head == null) {
                tail = null;
            }
        }
        return first;
    }

    /** Moves all of {@code other} to the end of this list. */
    public void addAll(RequestList other) {
        if (other.head == null) {
            return;
        }
        if (tail == null) {
            head = other.head;
        } else {
            tail.next = other.head;
        }
        tail = other.tail;
        other.head = null;
        other.tail = null;
    }
}
