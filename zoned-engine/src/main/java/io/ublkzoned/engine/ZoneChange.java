package io.ublkzoned.engine;

import io.ublkzoned.engine.zone.BlockOp;
import io.ublkzoned.engine.zone.ZoneCondition;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * An operation that needs zones to itself. While it holds them, their new requests wait. It begins when no data is in
 * flight in them. The device's lock guards it, except between {@link PendingWork#takeChanges} and
 * {@link PendingWork#changesDone}, when it belongs to the metadata thread.
 */
abstract sealed class ZoneChange {

    final List<ActiveZone> zones;

    /** The zones whose metadata differs from the disk. */
    List<ActiveZone> written = List.of();

    private boolean holding;

    private ZoneChange(List<ActiveZone> zones) {
        this.zones = zones;
    }

    /**
     * Keeps new requests out of the zones. Returns true once all zones are idle. If it returns false, the caller must
     * try again.
     */
    boolean hold() {
        if (!holding) {
            if (zones.stream().anyMatch(ActiveZone::isHeld)) {
                return false;
            }
            zones.forEach(ActiveZone::hold);
            holding = true;
        }
        return zones.stream().allMatch(ActiveZone::isIdle);
    }

    /** Lets requests into the zones again. */
    void release() {
        if (holding) {
            zones.forEach(ActiveZone::release);
            holding = false;
        }
    }

    /** Records a failure as -errno. Only the first one is kept. */
    abstract void fail(int error);

    /** Reports the result to the requester of the change. */
    abstract void complete();

    /** A change that a request started. */
    abstract static sealed class Requested extends ZoneChange {
        private final BlockRequest request;
        private int result;

        private Requested(BlockRequest request, List<ActiveZone> zones) {
            super(zones);
            this.request = request;
        }

        BlockRequest request() {
            return request;
        }

        /** Returns whether nothing has failed yet. */
        boolean succeeds() {
            return result == 0;
        }

        @Override
        void fail(int error) {
            result = result == 0 ? error : result;
        }

        @Override
        void complete() {
            request.complete(result);
        }
    }

    /** A reset of one zone, or of all zones that can be reset. */
    static final class Reset extends Requested {

        /** Whether zones that cannot be reset are skipped without an error. */
        final boolean skipsFailedZones;

        /** The zones that can be reset. */
        final List<ActiveZone> resettable = new ArrayList<>();

        /** The write pointers of these zones in the file before the reset. */
        long[] storedPointers = {};

        /** Whether the new write pointers of these zones are durable. */
        boolean stored;

        /** The zones whose clusters a power cut can bring back. */
        final List<ActiveZone> kept = new ArrayList<>();

        Reset(BlockRequest request, List<ActiveZone> zones) {
            super(request, zones);
            skipsFailedZones = request.op() == BlockOp.ZONE_RESET_ALL;
        }
    }

    /** A finish of one zone. */
    static final class Finish extends Requested {

        final ActiveZone zone;

        Finish(BlockRequest request, ActiveZone zone) {
            super(request, List.of(zone));
            this.zone = zone;
        }
    }

    /** A loss of everything that was not flushed, with which a flush fails. */
    static final class Loss extends Requested {

        /** -errno of the flush, and of all other requests that wait for a flush then. */
        final int error;

        /** Whether the conventional zones are among the zones. */
        final boolean withConventional;

        /** The write pointers that the last flush has stored, in the order of the zones. */
        long[] storedPointers = {};

        Loss(BlockRequest flush, List<ActiveZone> zones, int error, boolean withConventional) {
            super(flush, zones);
            this.error = error;
            this.withConventional = withConventional;
            fail(error);
        }
    }

    /** A change of the condition of consecutive zones, made by the user. */
    static final class Wear extends ZoneChange {

        /** READ_ONLY, OFFLINE, or null if the zones recover. */
        final @Nullable ZoneCondition condition;

        final CompletableFuture<@Nullable Void> done = new CompletableFuture<>();

        @Nullable
        IOException failure;

        Wear(List<ActiveZone> zones, @Nullable ZoneCondition condition) {
            super(zones);
            this.condition = condition;
        }

        @Override
        void fail(int error) {
            if (failure == null) {
                failure = new IOException("the change failed because of a bug: see the server's log");
            }
        }

        @Override
        void complete() {
            if (failure == null) {
                done.complete(null);
            } else {
                done.completeExceptionally(failure);
            }
        }
    }
}
