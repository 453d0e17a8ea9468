# shellcheck shell=bash
# Functions for tests: sourced by run in the process of one test, whose folder is the current one.
# Sizes and offsets are in bytes. Some functions also accept K, M or G; their comments say so.

readonly EXIT_SKIP=77

DEVICE=
declare -a SERVER_LOGS=()

trap 'where_failed' ERR
trap 'finish_test' EXIT

# shellcheck disable=SC2317 # a trap calls it
where_failed() {
    local frame=0 place
    echo "failed: $BASH_COMMAND"
    while place=$(caller "$frame"); do
        echo "    at $place"
        frame=$((frame + 1))
    done
    trap - ERR
}

# Prints the servers' logs if the test failed. They are read from open descriptors, because a log is deleted with its device.
# shellcheck disable=SC2317
finish_test() {
    local status=$? log
    ((status != 0 && status != EXIT_SKIP)) || return 0
    for log in "${SERVER_LOGS[@]}"; do
        echo "--- server log"
        tail -n 40 "/proc/self/fd/$log"
    done
}

fail() {
    trap - ERR
    echo "$*"
    local frame=0 place
    while place=$(caller "$frame"); do
        echo "    at $place"
        frame=$((frame + 1))
    done
    exit 1
}

# skip REASON...: ends the test as skipped
skip() {
    echo "$*"
    exit "$EXIT_SKIP"
}

# need_file_system TYPE: skips the test if the kernel does not have it
need_file_system() {
    modprobe "$1" 2>/dev/null || grep -qw "$1" /proc/filesystems || skip "this kernel has no $1"
}

# Skips the test if the kernel or mkfs.xfs does not have XFS for zoned devices.
need_zoned_xfs() {
    local version
    version=$(mkfs.xfs -V) || fail "mkfs.xfs does not start"
    printf '%s\n' 6.15 "${version##* }" | sort -CV || skip "mkfs.xfs makes no zoned file systems: it is older than 6.15"
    printf '%s\n' 6.15 "$(uname -r)" | sort -CV || skip "this kernel's XFS has no zoned file systems: it is older than 6.15"
}

# expect_warnings REGEX: warnings in the kernel's log that match do not fail this test
expect_warnings() {
    printf '<5>guest test expects: %s\n' "$1" >/dev/kmsg
}

# ---- expectations ----

# expect_equal WHAT ACTUAL EXPECTED
expect_equal() {
    [[ $2 == "$3" ]] || fail "$1 is '$2', and should be '$3'"
}

# expect_match WHAT ACTUAL REGEX
expect_match() {
    [[ $2 =~ $3 ]] || fail "$1 is '$2', and should match '$3'"
}

# expect_failure STATUS REGEX COMMAND...: the command exits with STATUS, and prints one line on stderr, which matches, and none
# on stdout
expect_failure() {
    local status=$1 regex=$2 actual=0
    shift 2
    "$@" >failure.out 2>failure.err || actual=$?
    [[ $actual == "$status" ]] || fail "'$*' exits with $actual, and should with $status: $(cat failure.out failure.err)"
    expect_match "the error of '$*'" "$(<failure.err)" "$regex"
    expect_equal "the number of lines of '$(<failure.err)'" "$(wc -l <failure.err)" 1
    expect_equal "stdout of '$*'" "$(<failure.out)" ''
}

# expect_error REGEX COMMAND...: a command of another program fails, and its message matches
expect_error() {
    local regex=$1 status=0
    shift
    "$@" >error.txt 2>&1 || status=$?
    ((status != 0)) || fail "'$*' succeeds, and should fail"
    expect_match "the error of '$*'" "$(<error.txt)" "$regex"
}

# expect_json EXPRESSION: stdin is well-formed JSON, and the Python expression is true with x as its value
expect_json() {
    python3 -c '
import json, sys
x = json.load(sys.stdin)
if not eval("(" + sys.argv[1] + ")"):
    sys.exit("not true: %s\nof %s" % (sys.argv[1], json.dumps(x)[:2000]))' "$1"
}

# await SECONDS WHAT COMMAND...: the command succeeds within SECONDS seconds
await() {
    local seconds=$1 what=$2 end=$((SECONDS + $1))
    shift 2
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || fail "not within $seconds s: $what"
        sleep 0.1
    done
}

# ---- images and devices ----

# new_image FILE OPTION...: makes an image as create does with these options. It is created once per run and then copied.
new_image() {
    local file=$1 fresh
    shift
    fresh=$SCRATCH/fresh/$(tr -c 'A-Za-z0-9\n' _ <<<"$*")
    [[ -e $fresh ]] || ublk-zoned create "$fresh" "$@" >/dev/null
    cp --sparse=always "$fresh" "$file"
}

# attach IMAGE [OPTION]...: sets DEVICE
attach() {
    DEVICE=$(ublk-zoned add --image "$@")
    [[ -b $DEVICE ]] || fail "'add' printed '$DEVICE', which is not a block device"
    local log
    exec {log}<"/run/ublk-zoned/${DEVICE#/dev/ublkb}/log"
    SERVER_LOGS+=("$log")
}

# Deletes the device, and verifies that nothing of it is left.
detach() {
    ublk-zoned del "$DEVICE"
    [[ ! -e $DEVICE ]] || fail "$DEVICE is still there after del"
    [[ ! -e /run/ublk-zoned/${DEVICE#/dev/ublkb} ]] || fail "the folder in /run is still there after del"
}

# del_and_check IMAGE: the end of every test that had an image attached
del_and_check() {
    detach
    ublk-zoned check "$1"
}

# The process that serves the device.
server_pid() {
    pgrep -x java || fail "no server is running"
}

# Kills the server with SIGKILL, so that it cannot close anything.
kill_server() {
    local server
    server=$(server_pid)
    kill -KILL "$server"
    await 30 "the server has ended" test ! -e "/proc/$server"
}

# inject OPTION...: puts a fault rule in force
inject() {
    ublk-zoned inject "$@" "$DEVICE" >rule
}

# has_lived COUNT: the server has made the device live COUNT times
has_lived() {
    gawk -v count="$1" '{ exit !($2 == "STARTED" && $3 == count) }' "/run/ublk-zoned/${DEVICE#/dev/ublkb}/server"
}

recover_device() {
    expect_equal "what recover prints" "$(ublk-zoned recover "$DEVICE")" "$DEVICE"
}

sysfs() {
    cat "/sys/block/${DEVICE#/dev/}/$1"
}

# Prints bytes for a number with K, M or G.
bytes() {
    numfmt --from=iec "$1"
}

# zone N: the sector at which zone N starts, as blkzone wants it
zone() {
    echo $(($1 * $(sysfs queue/chunk_sectors)))
}

# blkzones OPERATION FIRST COUNT: runs blkzone on COUNT zones
blkzones() {
    blkzone "$1" -o "$(zone "$2")" -c "$3" "$DEVICE"
}

# write_zone N AT SIZE [DD-OPTION]...: writes the pattern for that offset on the device, by direct I/O, at AT in the zone. AT
# and SIZE may have K, M or G.
write_zone() {
    local at=$(($1 * $(sysfs queue/chunk_sectors) * 512 + $(bytes "$2"))) size chunk=65536
    size=$(bytes "$3")
    shift 3
    # dd writes a short last block through the page cache, so there must be none.
    while ((size % chunk)); do
        chunk=$((chunk / 2))
    done
    pattern "$at" "$size" | dd of="$DEVICE" bs="$chunk" iflag=fullblock oflag=direct,seek_bytes seek="$at" conv=nocreat,notrunc \
        status=none "$@"
}

# read_zone N AT SIZE: prints the data at AT in the zone. AT and SIZE may have K, M or G.
read_zone() {
    dd if="$DEVICE" bs=64K iflag=direct,skip_bytes,count_bytes \
        skip=$(($1 * $(sysfs queue/chunk_sectors) * 512 + $(bytes "$2"))) count="$(bytes "$3")" status=none
}

# write_zone_fails REGEX N AT SIZE: write_zone fails, and the message of dd matches
write_zone_fails() {
    expect_error "$1" write_zone "$2" "$3" "$4"
}

# Flushes the device.
sync_device() {
    dd if=/dev/null of="$DEVICE" bs=4K count=1 conv=fsync,nocreat,notrunc status=none
}

# pattern FROM SIZE: prints the pattern for an offset: the same bytes in every run, and different bytes at different offsets
pattern() {
    local from=$(($1 % 1048573)) left chunk
    left=$(bytes "$2")
    make_pattern
    while ((left > 0)); do
        chunk=$((left < 8388608 ? left : 8388608))
        dd if="$SCRATCH/fresh/pattern" bs=1M iflag=skip_bytes,count_bytes skip="$from" count="$chunk" status=none
        left=$((left - chunk))
        from=$(((from + 7919) % 1048576))
    done
}

make_pattern() {
    [[ -e $SCRATCH/fresh/pattern ]] ||
        python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(9 << 20))' >"$SCRATCH/fresh/pattern"
}

# make_file_system TYPE: makes one on DEVICE
make_file_system() {
    local make
    case $1 in
        btrfs) make=(mkfs.btrfs -q -f -O zoned -d single -m single) ;;
        f2fs) make=(mkfs.f2fs -q -f -m) ;;
        xfs) make=(mkfs.xfs -q -f -r zoned=1) ;;
        zonefs) make=(mkzonefs -f) ;;
    esac
    "${make[@]}" "$DEVICE" >mkfs.txt 2>&1 || fail "${make[*]}: $(<mkfs.txt)"
}

# ---- reports: a line for each zone, "INDEX START CAPACITY WRITE-POINTER CONDITION", the write pointer from the zone's start
# ----

# Prints blkzone's report of DEVICE.
kernel_zones() {
    blkzone report "$DEVICE" | parse_blkzone
}

# parse_blkzone <REPORT: prints "-" for the write pointer of conventional, read-only and offline zones, and the end of the zone
# for that of full zones. Since util-linux 2.42, blkzone prints N/A for all of them.
parse_blkzone() {
    gawk --non-decimal-data '
        BEGIN {
            split("nw em oi oe cl ro fu of", short)
            split("not-wp empty implicit-open explicit-open closed read-only full offline", long)
            for (i in short) name[short[i]] = long[i]
        }
        match($0, /start: (0x[0-9a-f]+), len (0x[0-9a-f]+), cap (0x[0-9a-f]+), wptr (0x[0-9a-f]+|N\/A) .*zcond: ?[0-9]+\((..)\) \[type: ([12])\(/, f) {
            pointer = f[4] == "N/A" ? f[2] * 512 : f[4] * 512
            print NR - 1, f[1] * 512, f[3] * 512, f[5] ~ /nw|ro|of/ ? "-" : pointer, name[f[5]]
            next
        }
        {
            print "not understood: " $0 >"/dev/stderr"
            exit 1
        }'
}

# raw_zones device|cached [DEVICE]: prints the device's own report, or the one from the kernel's cache (since 6.19), as the
# ioctl returns it. A write pointer of all ones is "-". The cache has "active" for each condition between empty and full.
raw_zones() {
    python3 -c '
import fcntl, struct, sys

# linux/blkzoned.h: _IOWR(0x12, 130 and 142, struct blk_zone_report), BLK_ZONE_REP_CACHED
BLKREPORTZONE, BLKREPORTZONEV2, CACHED, ZONES = 0xC0101282, 0xC010128E, 1 << 31, 4096
request, flags = {"device": (BLKREPORTZONE, 0), "cached": (BLKREPORTZONEV2, CACHED)}[sys.argv[1]]
conditions = {0: "not-wp", 1: "empty", 2: "implicit-open", 3: "explicit-open", 4: "closed", 13: "read-only", 14: "full",
              15: "offline", 255: "active"}
report = bytearray(16 + 64 * ZONES)
struct.pack_into("=QII", report, 0, 0, ZONES, flags)
with open(sys.argv[2], "rb") as device:
    fcntl.ioctl(device, request, report)
for i in range(struct.unpack_from("=QI", report)[1]):
    start, _, pointer, kind, condition, capacity = struct.unpack_from("=QQQBB6xQ", report, 16 + 64 * i)
    pointer = "-" if kind == 1 or pointer == 2**64 - 1 else (pointer - start) * 512
    print(i, start * 512, capacity * 512, pointer, conditions[condition])' "$1" "${2:-$DEVICE}"
}

# our_zones REPORT-ARGUMENT...: prints the report of ublk-zoned
our_zones() {
    ublk-zoned report --json "$@" | python3 -c '
import json, sys
for index, zone in enumerate(json.load(sys.stdin)["zones"]):
    assert zone["index"] == index, zone
    conventional = zone["type"] == "conventional"
    failed = zone["condition"] in ("read-only", "offline")
    assert conventional == (zone["condition"] == "not-wp"), zone
    assert failed or conventional == (zone["writePointer"] is None), zone
    pointer = "-" if conventional or failed else zone["writePointer"] - zone["start"]
    print(index, zone["start"], zone["capacity"], pointer, zone["condition"])'
}

# as_after_power_cycle <ZONES: prints the zones as they are after a power cycle, which leaves none open
as_after_power_cycle() {
    gawk '$5 ~ /-open$/ { $5 = $4 == 0 ? "empty" : "closed" } { print }'
}

# expect_zones "FIRST[-LAST] CONDITION [WRITE-POINTER]"...: the kernel reports these zones so. A write pointer may have K, M or
# G.
expect_zones() {
    local report zone condition pointer index
    report=$(kernel_zones)
    for zone; do
        read -r zone condition pointer <<<"$zone"
        [[ -z $pointer ]] || pointer=$(bytes "$pointer")
        for ((index = ${zone%-*}; index <= ${zone#*-}; index++)); do
            expect_match "zone $index" "$(gawk -v i="$index" '$1 == i { print $5, $4 }' <<<"$report")" \
                "^$condition ${pointer:-.*}$"
        done
    done
}

# expect_same WHAT FILE FILE
expect_same() {
    diff -u "$2" "$3" || fail "$1 differs"
}
