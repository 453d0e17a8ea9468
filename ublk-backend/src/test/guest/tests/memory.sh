# shellcheck shell=bash
# The memory of the server. The test ../memory-pressure runs in a guest that is short of memory.

readonly SERVER_RESIDENT_MIB_MAX=80 # for a device of 4 GiB
readonly IO_FLUSHER=$((0x00080000 | 0x00100000)) # PF_MEMALLOC_NOIO and PF_LOCAL_THROTTLE

_status_kibibytes() {
    gawk -v name="$1:" '$1 == name { print $2 }' "/proc/$(server_pid)/status"
}

# Prints the sum of a field of /proc/PID/smaps over the mappings of disk.qcow2 (mapped), or over all others (own).
_sum_kibibytes() {
    gawk -v which="$1" -v field="$2:" -v image="$PWD/disk.qcow2" '
        /^[0-9a-f]+-/ { counts = ($6 == image) == (which == "mapped") }
        $1 == field && counts { sum += $2 }
        END { print sum + 0 }' "/proc/$(server_pid)/smaps"
}

# Prints the flags of the server's thread with a name, from /proc/PID/stat.
_thread_flags() {
    local task
    for task in /proc/"$(server_pid)"/task/*; do
        [[ $(<"$task/comm") != "$1" ]] || sed 's/.*) //' "$task/stat" | cut -d ' ' -f 7
    done
}

# runs: long
keeps_what_it_touches_in_memory_and_stays_small() {
    local thread flags mebibytes
    new_image disk.qcow2 --size 4G --zone-size 64M
    attach disk.qcow2
    for thread in "ublk${DEVICE#/dev/ublkb}-q0" ublk-metadata ublk-sync; do
        flags=$(_thread_flags "$thread")
        (((flags & IO_FLUSHER) == IO_FLUSHER)) || fail "the flags of thread $thread are '$flags': it is no I/O flusher"
    done
    fio --name=large --filename="$DEVICE" --direct=1 --zonemode=zbd --ioengine=libaio --rw=write --bs=512k --iodepth=8 \
        --numjobs=4 --size=320M --offset_increment=512M --group_reporting --output=fio.txt
    fio --name=small --filename="$DEVICE" --direct=1 --zonemode=zbd --ioengine=libaio --rw=randread --bs=4k --iodepth=128 \
        --time_based --runtime=10 --output=fio.txt
    mebibytes=$(($(_sum_kibibytes own Rss) / 1024))
    echo "resident: $mebibytes MiB, and $(($(_sum_kibibytes mapped Rss) / 1024)) MiB of mapped page cache"
    ((mebibytes <= SERVER_RESIDENT_MIB_MAX)) || fail "the server has taken $mebibytes MiB"
    (($(_status_kibibytes VmLck) * 1024 >= mebibytes << 20)) || fail "only $(_status_kibibytes VmLck) kB are locked"
    (($(_sum_kibibytes mapped Rss) > 0)) || fail "the image is not mapped"
    expect_equal "the page cache that the server has locked, in kB" "$(_sum_kibibytes mapped Locked)" 0
    expect_equal "what the server has in swap" "$(_status_kibibytes VmSwap)" 0
    del_and_check disk.qcow2
}

# _mixed SECONDS: runs writers that flush in parallel with readers
_mixed() {
    fio --filename="$DEVICE" --direct=1 --zonemode=zbd --ioengine=libaio --time_based --runtime="$1" --output=fio.txt \
        --name=write --rw=write --bs=16k --iodepth=8 --offset=64M --size=480M --fsync=32 \
        --name=read --rw=randread --bs=4k --iodepth=8 --offset=64M --size=480M \
        --name=conventional --zonemode=none --rw=randwrite --bs=4k --iodepth=4 --size=64M
}

# seconds: 900
# runs: long
collects_no_garbage_in_ten_minutes_of_requests() {
    local warm
    new_image disk.qcow2 --size 1G --zone-size 16M --conventional-zones 4
    UBLK_ZONED_JAVA_OPTIONS="-Xlog:gc:file=$PWD/gc.log" attach disk.qcow2
    _mixed 60
    warm=$(wc -l <gc.log)
    _mixed 600
    expect_equal "what the collector has done" "$(tail -n +$((warm + 1)) gc.log)" ""
    del_and_check disk.qcow2
}
