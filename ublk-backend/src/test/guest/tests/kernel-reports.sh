# shellcheck shell=bash
# Zone reports by ioctl: the device's own, and the kernel's from its cache.

# Needs neither a guest nor a device: scripts/test --modules runs it too.
understands_every_blkzone() {
    local parsed
    # As util-linux 2.38 prints them, with a write pointer of all ones at the end, and as 2.42 does.
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
    expect_equal "what is understood" "$parsed" "\
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

# _write_on FIRST LAST AT: each of these zones takes a write there
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

    # Zones fail on a live device and recover: without I/O in between; after a failed write; after a reset of all zones.
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
