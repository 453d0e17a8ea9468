# shellcheck shell=bash
# What a device loses when its power is cut or a flush fails, and how it comes back.

loses_only_what_was_not_flushed_when_the_power_is_cut() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    expect_failure 1 'is not attached, so it has no power' ublk-zoned cut disk.qcow2
    attach disk.qcow2
    write_zone 5 0 64K
    sync_device
    write_zone 5 64K 128K
    write_zone 6 0 64K
    expect_equal "what cut prints" "$(ublk-zoned cut "$DEVICE" --keep none)" ''
    [[ ! -e $DEVICE ]] || fail "$DEVICE is still there"
    expect_match "zone 5" "$(our_zones disk.qcow2 | sed -n 6p)" ' 65536 closed$'
    expect_match "zone 6" "$(our_zones disk.qcow2 | sed -n 7p)" ' 0 empty$'

    DEVICE=$(ublk-zoned add disk.qcow2 --inject '--on write --zones 7 --nth 2 --power-cut --keep all')
    write_zone 5 64K 64K
    write_zone 7 0 4K
    write_zone_fails 'Input/output error' 7 4K 4K
    await 100 "the server has ended" test ! -e /run/ublk-zoned/0
    expect_match "zone 5" "$(our_zones disk.qcow2 | sed -n 6p)" ' 131072 closed$'
    expect_match "zone 7" "$(our_zones disk.qcow2 | sed -n 8p)" ' 4096 closed$'
    attach disk.qcow2
    cmp <(read_zone 5 0 128K) <(pattern $((5 << 24)) 64K && pattern $(((5 << 24) + 65536)) 64K) || fail "wrong data"
    del_and_check disk.qcow2
}

# _overwrite SEED CONVERSIONS: replaces the first 64 KiB of the device, which are in a conventional zone
_overwrite() {
    pattern "$1" 64K | dd of="$DEVICE" bs=64K iflag=fullblock oflag=direct conv="$2" status=none
}

undoes_writes_to_conventional_zones_when_the_power_is_cut() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    DEVICE=$(ublk-zoned add disk.qcow2 --power-cuts)
    _overwrite 1 fsync,notrunc
    _overwrite 2 notrunc
    ublk-zoned cut "$DEVICE" --keep none
    DEVICE=$(ublk-zoned add disk.qcow2 --power-cuts)
    cmp <(dd if="$DEVICE" bs=64K count=1 iflag=direct status=none) <(pattern 1 64K) || fail "not the flushed data"

    _overwrite 3 fsync,notrunc
    ublk-zoned cut "$DEVICE" --keep none
    DEVICE=$(ublk-zoned add disk.qcow2 --cache none --power-cuts)
    cmp <(dd if="$DEVICE" bs=64K count=1 iflag=direct status=none) <(pattern 3 64K) || fail "lost flushed data"

    _overwrite 4 notrunc
    ublk-zoned cut "$DEVICE" --keep none
    attach disk.qcow2
    cmp <(dd if="$DEVICE" bs=64K count=1 iflag=direct status=none) <(pattern 3 64K) || fail "not the flushed data"

    # Without --power-cuts, only sequential zones lose data.
    _overwrite 5 notrunc
    ublk-zoned cut "$DEVICE" --keep none
    attach disk.qcow2
    cmp <(dd if="$DEVICE" bs=64K count=1 iflag=direct status=none) <(pattern 5 64K) || fail "lost data"
    del_and_check disk.qcow2
}

undoes_resets_when_the_power_is_cut() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2 --power-cuts
    write_zone 5 0 64K
    write_zone 6 0 64K
    sync_device
    write_zone 5 64K 128K
    blkzones reset 5 1
    write_zone 5 0 4K
    blkzones finish 5 1
    blkzones reset 5 2
    expect_zones "5 empty 0" "6 empty 0"
    ublk-zoned cut "$DEVICE" --keep none --then continue
    expect_zones "5 closed 64K" "6 closed 64K"
    cmp <(read_zone 5 0 64K) <(pattern $((5 << 24)) 64K) || fail "wrong data"

    blkzones reset 5 1
    sync_device
    ublk-zoned cut "$DEVICE" --keep none --then continue
    expect_zones "5 empty 0" "6 closed 64K"

    # Without --power-cuts, resets are durable.
    detach
    attach disk.qcow2
    blkzones reset 6 1
    ublk-zoned cut "$DEVICE" --keep none --then continue
    expect_zones "6 empty 0"
    del_and_check disk.qcow2
}

stays_up_when_a_failed_flush_loses_what_was_not_flushed() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    DEVICE=$(ublk-zoned add disk.qcow2 --power-cuts)
    _overwrite 1 fsync,notrunc
    write_zone 5 0 64K
    blkzones finish 6 1
    sync_device
    write_zone 5 64K 128K
    write_zone 7 0 64K
    inject --on flush --error EIO --lose unflushed
    expect_error 'Input/output error' _overwrite 2 fsync,notrunc
    expect_zones "5 closed 64K"
    expect_zones "6 full"
    expect_zones "7 empty 0"
    cmp <(dd if="$DEVICE" bs=64K count=1 iflag=direct status=none) <(pattern 1 64K) || fail "not the flushed data"
    # The kernel reads the write pointer again after a failed write.
    write_zone_fails 'Input/output error' 5 192K 4K
    expect_zones "5 closed 64K"
    write_zone 5 64K 64K
    sync_device
    cmp <(read_zone 5 0 128K) <(pattern $((5 << 24)) 64K && pattern $(((5 << 24) + 65536)) 64K) || fail "wrong data"
    del_and_check disk.qcow2
}

# Prints the options of add that the kernel shows.
_options() {
    sysfs queue/logical_block_size
    find "/sys/block/${DEVICE#/dev/}/mq" -maxdepth 1 -name '[0-9]*' | wc -l
    sysfs mq/0/nr_tags
}

_is_off() {
    ublk-zoned list | grep -q "^$DEVICE  off "
}

# _cut_while_open: opens the device in a process, USER_PID, and cuts its power in another one, CUT_PID. Its server is SERVER_PID.
_cut_while_open() {
    SERVER_PID=$(server_pid)
    sleep 1000 3<"$DEVICE" &
    USER_PID=$!
    ublk-zoned cut "$DEVICE" --then continue 2>cut.txt &
    CUT_PID=$!
    await 60 "the device waits for its user" _is_off
}

_end_user() {
    kill "$USER_PID"
    wait "$USER_PID" || true
}

# seconds: 600
comes_back_after_a_power_cut() {
    local server options round files
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2 --block-size 512 -q 2 -d 24 --recovery fail
    server=$(server_pid)
    options=$(_options)
    write_zone 5 0 64K
    sync_device
    write_zone 5 64K 128K
    inject --on reset --error EIO
    expect_equal "what cut prints" "$(ublk-zoned cut "$DEVICE" --keep none --then continue 2>&1)" ''
    expect_zones "5 closed 64K"
    expect_equal "the options" "$(_options)" "$options"
    expect_equal "the rules" "$(ublk-zoned inject "$DEVICE" --list)" ''
    expect_equal "the server" "$(server_pid)" "$server"

    inject --on write --zones 7 --nth 2 --power-cut --keep all --then continue
    write_zone 7 0 4K
    write_zone_fails 'Input/output error' 7 4K 4K
    await 60 "the device is live again" has_lived 3
    expect_zones "5 closed 64K" "7 closed 4K"
    cmp <(read_zone 5 0 64K) <(pattern $((5 << 24)) 64K) || fail "wrong data"

    files=$(find "/proc/$server/fd" | wc -l)
    for round in 1 2 3; do
        write_zone 8 $(((round - 1) * 4))K 4K
        ublk-zoned cut "$DEVICE" --keep all --then continue
        expect_zones "8 closed $((round * 4))K"
    done
    expect_equal "the open files of the server" "$(find "/proc/$server/fd" | wc -l)" "$files"

    # A device that was taken over has its options, too.
    kill_server
    recover_device
    ublk-zoned cut "$DEVICE" --then continue
    expect_zones "5 closed 64K" "8 closed 12K"
    expect_equal "the options" "$(_options)" "$options"
    del_and_check disk.qcow2
}

# seconds: 600
comes_back_when_its_last_user_closes_it() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    _cut_while_open
    await 20 "cut prints a sentence" test -s cut.txt
    expect_equal "what cut prints" "$(<cut.txt)" "ublk-zoned: $DEVICE comes back when its last user closes it"
    expect_failure 1 'has no power: it comes back' ublk-zoned report "$DEVICE"
    expect_failure 1 "is attached as $DEVICE" ublk-zoned add disk.qcow2
    _end_user
    wait "$CUT_PID" || fail "cut: $(<cut.txt)"
    write_zone 5 0 64K

    # del and SIGTERM end the wait.
    _cut_while_open
    ublk-zoned del "$DEVICE" 2>del.txt
    expect_match "what del prints" "$(<del.txt)" 'keeps its number until its last user closes it'
    [[ ! -e /run/ublk-zoned ]] || fail "/run/ublk-zoned is still there"
    ! wait "$CUT_PID" || fail "cut succeeds after del"
    expect_match "what cut prints" "$(<cut.txt)" "$DEVICE was deleted before it came back"
    _end_user
    attach disk.qcow2
    _cut_while_open
    kill "$SERVER_PID"
    await 30 "nothing is left" test ! -e /run/ublk-zoned
    ! wait "$CUT_PID" || fail "cut succeeds after SIGTERM"
    _end_user

    # A dead server leaves what del removes.
    attach disk.qcow2
    _cut_while_open
    kill -KILL "$SERVER_PID"
    ! wait "$CUT_PID" || fail "cut succeeds after kill -9"
    expect_match "what cut prints" "$(<cut.txt)" "$DEVICE does not come back: its server ended, .* 'ublk-zoned del 0'"
    _end_user
    ublk-zoned del "$DEVICE"
    ublk-zoned check disk.qcow2
}

says_why_a_device_does_not_come_back() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    ln disk.qcow2 saved.qcow2
    rm disk.qcow2
    expect_failure 1 "$DEVICE does not come back: .*: no such image" ublk-zoned cut "$DEVICE" --then continue
    expect_match "the list" "$(ublk-zoned list)" "^$DEVICE  dead "
    ublk-zoned del "$DEVICE"
    ublk-zoned check saved.qcow2
}
