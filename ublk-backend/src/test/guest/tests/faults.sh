# shellcheck shell=bash
# The faults of 'ublk-zoned inject', as the kernel sees them.

leaves_the_write_pointer_where_a_torn_write_ended() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    write_zone 5 0 64K
    inject --on write --zones 5 --keep 8K --error EIO
    write_zone_fails 'Input/output error' 5 64K 32K
    expect_zones "5 implicit-open 72K"
    # The kernel has read the write pointer again: the next write starts there.
    write_zone 5 72K 16K
    expect_zones "5 implicit-open 88K"

    inject --on write --zones 6 --keep 4K --error ENODATA --pointer advanced
    write_zone_fails 'No data available' 6 0 16K
    expect_zones "6 implicit-open 16K"
    write_zone 6 16K 4K
    dd if="$DEVICE" bs=4K skip=$((6 * 4096 + 1)) count=3 iflag=direct status=none | cmp - <(head -c 12K /dev/zero)

    inject --on write --zones 7 --keep all --error EIO --pointer unmoved
    write_zone_fails 'Input/output error' 7 0 16K
    expect_zones "7 .*empty|implicit-open 0"
    write_zone 7 0 4K
    expect_zones "7 implicit-open 4K"

    # Only the answer is lost.
    inject --on finish --keep all --error ETIMEDOUT
    expect_error 'timed out' blkzones finish 8 1
    expect_zones "8 full"
    inject --on reset --error EIO
    expect_error 'Input/output error' blkzones reset 5 1
    expect_zones "5 implicit-open 88K"
    blkzones reset 5 1
    expect_zones "5 empty 0"
    ublk-zoned inject --list --json "$DEVICE" | expect_json 'len(x) == 5 and all(r["hits"] == 1 for r in x)'
    del_and_check disk.qcow2
}

lets_requests_fail_wait_and_wear_zones_out() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    cat >rules <<'END'
# A bad block, for ever.
--on read --range 1M+4K --error ENODATA --times 0

--on flush --nth 2 --error EIO
END
    DEVICE=$(ublk-zoned add disk.qcow2 --inject-file rules --inject '--on write --zones 9 --nth 2 --make-zone read-only')
    pattern 1 64K | dd of="$DEVICE" bs=64K oseek=16 oflag=direct iflag=fullblock status=none
    expect_error 'No data available' dd if="$DEVICE" bs=64K skip=16 count=1 iflag=direct of=/dev/null
    dd if="$DEVICE" bs=4K skip=257 count=15 iflag=direct status=none | cmp - <(pattern 1 64K | tail -c 60K)

    dd if=/dev/zero of="$DEVICE" bs=4K count=1 oflag=direct conv=fsync,notrunc status=none
    expect_error 'Input/output error' dd if=/dev/zero of="$DEVICE" bs=4K count=1 oflag=direct conv=fsync,notrunc
    dd if=/dev/zero of="$DEVICE" bs=4K count=1 oflag=direct conv=fsync,notrunc status=none

    write_zone 9 0 4K
    write_zone_fails 'Input/output error' 9 4K 4K
    our_zones disk.qcow2 >zones
    expect_match "zone 9" "$(sed -n 10p zones)" ' - read-only$'

    inject --on finish --stall
    blkzones finish 10 1 &
    await 30 "a request waits" _is_waiting
    expect_zones "10 empty 0"
    expect_equal "the requests that --release releases" "$(ublk-zoned inject "$DEVICE" --release)" 1
    wait $!
    expect_zones "10 full"

    ublk-zoned inject "$DEVICE" --clear 2
    dd if="$DEVICE" bs=64K skip=16 count=1 iflag=direct status=none | cmp - <(pattern 1 64K)
    expect_failure 1 'has no fault 2' ublk-zoned inject "$DEVICE" --clear 2
    ublk-zoned inject "$DEVICE" --clear
    expect_equal "the rules after --clear" "$(ublk-zoned inject "$DEVICE" --list)" ''

    # A server that ends carries out what is stalled.
    inject --on write --stall
    write_zone 11 0 4K &
    await 30 "a request waits" _is_waiting
    ublk-zoned del --force "$DEVICE"
    wait $! || true
    ublk-zoned check disk.qcow2
}

_is_waiting() {
    ublk-zoned inject "$DEVICE" --list | grep -q 'holds back 1'
}

refuses_rules_that_make_no_sense() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    expect_failure 1 'disk.qcow2 is not attached' ublk-zoned inject disk.qcow2 --on write --error EIO
    expect_failure 1 "'--on write --zones 99 --error EIO': the last zone of the device is 31" \
        ublk-zoned add disk.qcow2 --inject '--on write --zones 99 --error EIO'
    expect_failure 2 "--on write': say what happens" ublk-zoned add disk.qcow2 --inject '--on write'
    expect_failure 1 'rules does not exist' ublk-zoned add disk.qcow2 --inject-file rules
    attach disk.qcow2
    expect_failure 1 'the last zone of the device is 31' ublk-zoned inject "$DEVICE" --on write --zones 99 --error EIO
    expect_failure 1 'must be a multiple of 4096' ublk-zoned inject "$DEVICE" --on write --keep 512 --error EIO
    expect_failure 2 'omit --keep' ublk-zoned inject "$DEVICE" --on read --keep all --error EIO
    expect_failure 2 "cannot be 'EAGAIN'" ublk-zoned inject "$DEVICE" --on read --error EAGAIN
    expect_failure 2 'exclude each other' ublk-zoned inject "$DEVICE" --list --on read --error EIO
    expect_equal "the rules" "$(ublk-zoned inject "$DEVICE" --list)" ''
    del_and_check disk.qcow2
}
