# shellcheck shell=bash
# Zone reports by ioctl: the device's own, and the kernel's from its cache.

# This test needs neither a guest nor a device, so scripts/test --modules runs it too.
understands_every_blkzone() {
    local parsed
    # Reports in the format of util-linux 2.38, the last with a write pointer of all ones, and in that of 2.42.
    parsed=$(parse_blkzone <<'LINES'
  start: 0x000000000, len 0x008000, cap 0x008000, wptr 0x000000 reset:0 non-seq:0, zcond: 0(nw) [type: 1(CONVENTIONAL)]
  start: 0x000008000, len 0x008000, cap 0x006000, wptr 0x000000 reset:0 non-seq:0, zcond: 1(em) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000010000, len 0x008000, cap 0x006000, wptr 0x000088 reset:0 non-seq:0, zcond: 4(cl) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000018000, len 0x008000, cap 0x006000, wptr 0x008000 reset:0 non-seq:0, zcond:14(fu) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000020000, len 0x008000, cap 0x006000, wptr 0xfffffffffffdffff reset:0 non-seq:0, zcond:13(ro) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000000000, len 0x008000, cap 0x008000, wptr N/A reset:0 non-seq:0, zcond: 0(nw) [type: 1(CONVENTIONAL)]
  start: 0x000008000, len 0x008000, cap 0x006000, wptr 0x000000 reset:0 non-seq:0, zcond: 1(em) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000010000, len 0x008000, cap 0x006000, wptr 0x000088 reset:0 non-seq:0, zcond: 2(oi) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000018000, len 0x008000, cap 0x006000, wptr N/A reset:0 non-seq:0, zcond:14(fu) [type: 2(SEQ_WRITE_REQUIRED)]
  start: 0x000020000, len 0x008000, cap 0x006000, wptr N/A reset:0 non-seq:0, zcond:15(of) [type: 2(SEQ_WRITE_REQUIRED)]
LINES
    )
    expect_equal "the parsed report" "$parsed" "\
0 0 16777216 - not-wp
1 16777216 12582912 0 empty
2 33554432 12582912 69632 closed
3 50331648 12582912 16777216 full
4 67108864 12582912 - read-only
5 0 16777216 - not-wp
6 16777216 12582912 0 empty
7 33554432 12582912 69632 implicit-open
8 50331648 12582912 16777216 full
9 67108864 12582912 - offline"
}

# _expect_failed "ZONE CONDITION"...: these zones have these conditions, and the device reports no valid write pointer for them
_expect_failed() {
    local zone
    expect_zones "$@"
    raw_zones device >raw.txt
    for zone; do
        expect_equal "the write pointer of zone ${zone%% *}" "$(gawk -v i="${zone%% *}" '$1 == i { print $4 }' raw.txt)" '-'
    done
}

# _write_on FIRST LAST AT: verifies that each of these zones accepts a write at AT
_write_on() {
    local zone
    for ((zone = $1; zone <= $2; zone++)); do
        write_zone "$zone" "$3" 4K
    done
}

# seconds: 600
# runs: newest
takes_writes_at_the_write_pointer_after_failed_zones_recover() {
    new_image disk.qcow2 --size 64M --zone-size 4M --conventional-zones 2
    attach disk.qcow2
    local zone
    for zone in 3 4 5 6; do
        write_zone "$zone" 0 64K
    done

    # Zones fail on a live device and recover, in three ways: without I/O in between, after a failed write, and after a reset of
    # all zones.
    ublk-zoned zone readonly "$DEVICE" 3-5
    ublk-zoned zone offline "$DEVICE" 6-7
    _expect_failed "3 read-only" "4 read-only" "5 read-only" "6 offline" "7 offline"
    ublk-zoned report "$DEVICE" >report.txt
    expect_match "the text of the report" "$(<report.txt)" ' 4 [^+]* - +sequential +read-only'
    expect_error 'Input/output error' write_zone 4 64K 4K
    expect_error 'Input/output error' write_zone 6 64K 4K
    _expect_failed "4 read-only" "6 offline"
    ublk-zoned zone recover "$DEVICE" 3-7
    expect_zones "3-6 closed 64K" "7 empty 0"
    _write_on 3 6 64K
    _write_on 7 7 0
    expect_zones "3-6 implicit-open 68K" "7 implicit-open 4K"
    ublk-zoned zone readonly "$DEVICE" 3-4
    expect_error 'Input/output error' write_zone 4 68K 4K
    blkzone reset "$DEVICE"
    _expect_failed "3 read-only" "4 read-only"
    ublk-zoned zone recover "$DEVICE" 3-4
    _write_on 3 4 68K
    expect_zones "3-4 implicit-open 72K" "5-15 empty 0"

    # Zones that had failed when the device was attached.
    ublk-zoned zone readonly "$DEVICE" 3
    ublk-zoned zone offline "$DEVICE" 4
    detach
    ublk-zoned report --json disk.qcow2 | expect_json "
        [(z['writePointer'] - z['start'], z['condition']) for z in x['zones'][3:5]] == [(72 << 10, 'read-only'), (72 << 10, 'offline')]"
    attach disk.qcow2
    _expect_failed "3 read-only" "4 offline"
    ublk-zoned report --json "$DEVICE" | expect_json "[z['writePointer'] for z in x['zones'][3:5]] == [None, None]"
    ublk-zoned zone recover "$DEVICE" 3-4
    expect_zones "3-4 closed 72K"
    _write_on 3 4 72K
    expect_zones "3-4 implicit-open 76K"
    for zone in 3 4; do
        cmp <(pattern $((zone * 4194304)) 64K) <(read_zone "$zone" 0 64K)
        cmp <(pattern $((zone * 4194304 + 73728)) 4K) <(read_zone "$zone" 72K 4K)
    done
    del_and_check disk.qcow2
}

# _expect_cached_as_reported WHEN: verifies that the kernel's cache agrees with the device, except for write pointers of full
# zones
_expect_cached_as_reported() {
    raw_zones device | gawk '$5 ~ /-open$|closed/ { $5 = "active" } $5 == "full" { $4 = "-" } { print }' >reported.txt
    raw_zones cached | gawk '$5 == "full" { $4 = "-" } { print }' >cached.txt
    expect_same "the device's report and the cached one $1" reported.txt cached.txt
}

# seconds: 600
# runs: newest
reports_from_the_cache_what_the_device_reports() {
    new_image disk.qcow2 --size 64M --zone-size 4M --zone-capacity 3M --conventional-zones 2
    attach disk.qcow2
    _expect_cached_as_reported "at first"
    write_zone 1 0 64K
    write_zone 3 0 64K
    write_zone 4 0 3M
    write_zone 5 0 64K
    blkzones close 5 1
    write_zone 6 0 64K
    blkzones finish 6 2
    write_zone 8 0 64K
    blkzones open 8 1
    write_zone 9 0 64K
    blkzones reset 9 1
    write_zone 10 0 64K
    expect_error 'Input/output error' write_zone 10 128K 4K
    write_zone 15 0 4K
    _expect_cached_as_reported "after writes, close, finish, open and reset"
    expect_zones "1 not-wp" "3 implicit-open 64K" "4 full" "5 closed 64K" "6-7 full" "8 explicit-open 64K" "9 empty 0" \
        "10 implicit-open 64K" "11-14 empty 0" "15 implicit-open 4K"

    kill_server
    recover_device
    _expect_cached_as_reported "after recover"
    write_zone 3 64K 64K
    blkzones finish 5 1
    _expect_cached_as_reported "after a write and a finish"
    detach
    attach disk.qcow2
    _expect_cached_as_reported "after del and add"
    expect_zones "3 closed 128K" "4-7 full" "8 closed 64K" "9 empty 0"
    blkzone reset "$DEVICE"
    _expect_cached_as_reported "after a reset of all"
    write_zone 3 0 4K
    _expect_cached_as_reported "after a write"
    del_and_check disk.qcow2
}

# Only file systems send appends. After the first one, the kernel takes cached reports from the device, until all zones are
# reset.
# seconds: 600
# runs: newest
reports_from_the_cache_what_the_device_reports_after_appends() {
    modprobe btrfs
    new_image disk.qcow2 --size 2G --zone-size 64M
    attach disk.qcow2
    mkfs.btrfs -q -O zoned -d single -m single "$DEVICE"
    mkdir mnt
    mount -t btrfs "$DEVICE" mnt
    pattern 1 2M >mnt/file
    sync -f mnt
    _expect_cached_as_reported "after appends"
    (($(grep -c ' active$' cached.txt) >= 3)) || fail "btrfs has written to fewer than three zones"
    umount mnt
    blkzone reset "$DEVICE"
    write_zone 2 0 64K
    _expect_cached_as_reported "after a reset of all and a write"
    del_and_check disk.qcow2
}

# _zone N: prints the zone's condition and write pointer, the device's and the cached ones
_zone() {
    echo "$(raw_zones device | gawk -v i="$1" '$1 == i { print $5, $4 }'), cached $(raw_zones cached | gawk -v i="$1" '$1 == i { print $5, $4 }')"
}

# _go_through_failures FAIL RECOVER: makes zones fail and recover, and prints their state after each step. FAIL and RECOVER are
# commands with two arguments, a condition and a zone.
_go_through_failures() {
    blkzones open 3 1
    echo "opened: $(_zone 3)"
    "$1" readonly 4
    echo "read-only: $(_zone 4)"
    expect_error 'Input/output error' write_zone 4 0 4K
    echo "after a write: $(_zone 4)"
    "$2" readonly 4
    echo "recovered: $(_zone 4)"
    write_zone 4 0 4K
    echo "after a write: $(_zone 4)"
    "$1" offline 5
    echo "offline: $(_zone 5)"
    blkzone reset "$DEVICE"
    echo "after a reset of all: $(_zone 5)"
    "$2" offline 5
    echo "recovered: $(_zone 5)"
    write_zone 5 0 4K
    echo "after a write: $(_zone 5)"
}

# A second call makes a null_blk zone recover. It is then empty.
_fail_oracle() {
    zone "$2" >"/sys/kernel/config/nullb/oracle/zone_$1"
}

_fail() {
    ublk-zoned zone "$1" "$DEVICE" "$2"
}

_recover() {
    ublk-zoned zone recover "$DEVICE" "$2"
}

# The cache does not show that a zone without data is open, nor that zones of a live device fail and recover. The same holds for
# null_blk.
# seconds: 600
# runs: newest
reports_from_the_cache_what_it_reports_of_null_blk() {
    local setting
    modprobe null_blk nr_devices=0
    trap 'rmdir /sys/kernel/config/nullb/oracle; rmmod null_blk; finish_test' EXIT
    mkdir /sys/kernel/config/nullb/oracle
    for setting in size=64 blocksize=4096 memory_backed=1 zoned=1 zone_size=4 zone_nr_conv=2 power=1; do
        echo "${setting#*=}" >"/sys/kernel/config/nullb/oracle/${setting%=*}"
    done
    DEVICE=/dev/oracle
    _go_through_failures _fail_oracle _fail_oracle >oracle.txt

    new_image disk.qcow2 --size 64M --zone-size 4M --conventional-zones 2
    attach disk.qcow2
    _go_through_failures _fail _recover >ours.txt
    expect_same "null_blk's zones and ours" oracle.txt ours.txt
    expect_equal "what happens to the zones" "$(<ours.txt)" "\
opened: explicit-open 0, cached empty 0
read-only: read-only -, cached empty 0
after a write: read-only -, cached full -
recovered: empty 0, cached full -
after a write: implicit-open 4096, cached active 4096
offline: offline -, cached empty 0
after a reset of all: offline -, cached empty 0
recovered: empty 0, cached empty 0
after a write: implicit-open 4096, cached active 4096"

    # If a zone had failed before the device was attached, it stays failed in the kernel's cache until its reset.
    _fail readonly 5
    detach
    attach disk.qcow2
    expect_equal "the zone" "$(_zone 5)" "read-only -, cached read-only -"
    _recover readonly 5
    expect_equal "the zone, recovered" "$(_zone 5)" "closed 4096, cached read-only -"
    write_zone 5 4K 4K
    expect_equal "the zone, recovered and written" "$(_zone 5)" "implicit-open 8192, cached read-only -"
    blkzones reset 5 1
    expect_equal "the zone, recovered, written and reset" "$(_zone 5)" "empty 0, cached empty 0"
    del_and_check disk.qcow2
}
