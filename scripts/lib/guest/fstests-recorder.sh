# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # fstests sets and reads the variables; fstests-session sets RECORDER
# Stands in for common/dmlogwrites of fstests, which tests source: the functions that use dm-log-writes now use the recorder of
# ublk-zoned. All others are those of fstests. While a test records, SCRATCH_DEV itself is the device that is recorded.
#
# Files in RECORDER: empty.qcow2, the image that a recording begins with; scratch.qcow2, the image of SCRATCH_DEV; log.
# shellcheck disable=SC1091 # exists in the guest only
. ./common/dmlogwrites.original

LOGWRITES_DEV=$RECORDER/log
LOGWRITES_DMDEV=$SCRATCH_DEV
recording=

_require_log_writes() {
    _exclude_scratch_mount_option dax
}

# _log_writes_init DEVICE: replaces SCRATCH_DEV by an empty device that is recorded
_log_writes_init() {
    [[ $# == 1 && $1 == "$SCRATCH_DEV" ]] || _notrun "the recorder of ublk-zoned records SCRATCH_DEV only, and all of it"
    ublk-zoned del "$SCRATCH_DEV" || _fail "$SCRATCH_DEV cannot be deleted"
    rm -f "$LOGWRITES_DEV"
    cp --sparse=always "$RECORDER/empty.qcow2" "$RECORDER/scratch.qcow2"
    ublk-zoned add "$RECORDER/scratch.qcow2" "${SCRATCH_DEV#/dev/ublkb}" --record "$LOGWRITES_DEV" >>"$seqres.full" ||
        _fail "$SCRATCH_DEV cannot be recorded"
    recording=yes
}

_log_writes_mark() {
    ublk-zoned mark "$SCRATCH_DEV" "$1" || _fail "the mark $1 cannot be set"
}

# Ends the recording. SCRATCH_DEV keeps its data.
_log_writes_remove() {
    [[ -n $recording ]] || return 0
    ublk-zoned del "$SCRATCH_DEV" || _fail "the recording of $SCRATCH_DEV cannot be ended"
    recording=
    ublk-zoned add "$RECORDER/scratch.qcow2" "${SCRATCH_DEV#/dev/ublkb}" >>"$seqres.full" ||
        _fail "$SCRATCH_DEV cannot be added"
}
