# shellcheck shell=bash
# The end of a server: by del, by signals, and by failures.

_state() {
    echo "devices: $(devices | tr '\n' ' ')"
    echo "run: $(find /run -not -path '/run/udev/*' -not -path '/run/lock/*' | sort | tr '\n' ' ')"
    echo "mounts: $(mounts | tr '\n' ' ')"
    # Processes with a command line: kernel threads come and go.
    echo "processes: $(ps -o args= --ppid 2 -p 2 --deselect | grep -cv -e '^ps ' -e '^bash ' -e '^grep ' -e '(udev-worker)')"
    echo "driver: $(gawk '$1 == "ublk_drv" { print $3 }' /proc/modules)"
}

# Prints the number of open files in the whole system.
_open_files() {
    cut -f 1 /proc/sys/fs/file-nr
}

# Tests whether fewer files are open. Callers await this, because udev keeps its workers for a while, and ending processes still
# have files open.
_has_open_files_fewer_than() {
    (($(_open_files) < $1))
}

# seconds: 7200
leaves_nothing_behind_after_rounds_of_add_and_del() {
    # shellcheck source=ublk-backend/src/test/guest/lib/leftovers.sh
    . "$HERE/lib/leftovers.sh"
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    local round rounds=${LIFECYCLE_ROUNDS:-20} device files_before
    udevadm settle
    _state >before.txt
    files_before=$(_open_files)
    for ((round = 0; round < rounds; round++)); do
        device=$(ublk-zoned add disk.qcow2)
        pattern "$round" 4K | dd of="$device" bs=4K iflag=fullblock seek=$((8192 + round)) oflag=direct conv=nocreat,notrunc status=none
        ublk-zoned del "$device"
        _state >after.txt
        expect_same "the system before and after round $((round + 1))" before.txt after.txt
    done
    await 30 "as few open files as before, $files_before" _has_open_files_fewer_than $((files_before + 20))
    attach disk.qcow2
    expect_zones "2 closed $((rounds * 4))K"
    del_and_check disk.qcow2
}

# runs: long
serves_eight_devices_at_once_and_the_driver_can_be_unloaded_after_them() {
    new_image fresh.qcow2 --size 64M --zone-size 2M --conventional-zones 2
    local device number
    for number in {0..7}; do
        cp --sparse=always fresh.qcow2 "$number.qcow2"
        attach "$number.qcow2"
        expect_equal "the device" "$DEVICE" "/dev/ublkb$number"
    done
    for number in {0..7}; do
        DEVICE=/dev/ublkb$number
        fio --name=busy --filename="$DEVICE" --direct=1 --zonemode=zbd --ioengine=libaio --iodepth=8 --rw=write --bs=64k \
            --offset=4M --size=$(((number + 1) * 2))M --verify=crc32c >"fio$number.txt" 2>&1 &
    done
    for device in $(jobs -p); do
        wait "$device" || { cat fio?.txt; fail "fio failed"; }
    done
    ublk-zoned del -a
    rmmod ublk_drv
    modprobe ublk_drv
    for number in {0..7}; do
        ublk-zoned check "$number.qcow2"
        expect_equal "the bytes written in $number.qcow2" "$(our_zones "$number.qcow2" | gawk '$4 != "-" { sum += $4 } END { print sum }')" \
            $(((number + 1) << 21))
    done
}

# runs: long
deletes_by_force_what_is_in_use_or_has_a_server_that_does_not_end() {
    modprobe f2fs
    new_image disk.qcow2 --size 2G --zone-size 16M --conventional-zones 16
    attach disk.qcow2
    local server
    server=$(server_pid)
    kill -STOP "$server"
    expect_failure 1 "the server of $DEVICE is stopped: 'kill -CONT $server'" ublk-zoned del "$DEVICE"
    kill -CONT "$server"
    mkfs.f2fs -q -f -m "$DEVICE"
    mkdir mnt
    mount "$DEVICE" mnt
    pattern 1 300K >mnt/synced
    sync -f mnt
    expect_failure 1 "$DEVICE is mounted: umount $PWD/mnt" ublk-zoned del "$DEVICE"
    cmp <(pattern 1 300K) mnt/synced
    kill -STOP "$server"
    ublk-zoned del --force "$DEVICE"
    [[ ! -e /proc/$server && ! -e $DEVICE ]] || fail "the server or $DEVICE is still there"
    umount mnt
    ublk-zoned check disk.qcow2

    attach disk.qcow2
    mount "$DEVICE" mnt
    cmp <(pattern 1 300K) mnt/synced
    ublk-zoned del --force "$DEVICE"
    umount mnt
    ublk-zoned check disk.qcow2
}

closes_the_image_cleanly_on_sigterm() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach disk.qcow2
    local server zones
    write_zone 2 0 16M
    write_zone 3 0 260K
    write_zone 0 1M 64K
    zones=$(kernel_zones | as_after_power_cycle)
    server=$(server_pid)
    kill -TERM "$server"
    await 30 "the server ends on SIGTERM" test ! -e "/proc/$server"
    [[ ! -e $DEVICE ]] || fail "$DEVICE is still there"
    [[ ! -e /run/ublk-zoned ]] || fail "/run/ublk-zoned is still there"
    ublk-zoned info --json disk.qcow2 | expect_json 'x["closed"] is True and x["device"] is None'
    ublk-zoned check disk.qcow2
    attach disk.qcow2
    expect_equal "the zones" "$(kernel_zones)" "$zones"
    cmp <(pattern $((2 * 16777216)) 16M; pattern $((3 * 16777216)) 260K) <(read_zone 2 0 $((16777216 + 266240)))
    cmp <(pattern 1048576 64K) <(read_zone 0 1M 64K)
    del_and_check disk.qcow2
}

# runs: long
closes_the_image_cleanly_on_sigterm_while_requests_are_in_flight() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach disk.qcow2
    local server
    fio --name=busy --filename="$DEVICE" --direct=1 --zonemode=zbd --ioengine=libaio --iodepth=32 --rw=write --bs=16k \
        --offset=32M --size=192M --time_based --runtime=60 >fio.txt 2>&1 &
    sleep 4
    server=$(server_pid)
    kill -TERM "$server"
    await 60 "the server ends on SIGTERM" test ! -e "/proc/$server"
    wait || true
    [[ ! -e $DEVICE && ! -e /run/ublk-zoned ]] || fail "$DEVICE or its folder is still there"
    ublk-zoned info --json disk.qcow2 | expect_json 'x["closed"] is True and x["written"] > 0'
    ublk-zoned check disk.qcow2
}

# runs: long
comes_and_goes_in_a_storm_of_udev_events() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    local round storm
    while [[ ! -e calm ]]; do
        udevadm trigger --subsystem-match=block --action=change
        sleep 0.05
    done &
    storm=$!
    for round in 1 2 3 4 5; do
        attach disk.qcow2
        write_zone "$((round + 1))" 0 64K
        detach
    done
    touch calm
    wait "$storm"
    udevadm settle
    ublk-zoned check disk.qcow2
}

# runs: long
ends_in_the_foreground_on_ctrl_c() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    local server status=0
    # A script's background process ignores SIGINT, unless the signal's default action is restored.
    env --default-signal=INT ublk-zoned add --foreground disk.qcow2 >out.txt 2>log.txt &
    server=$!
    await 60 "the device's path on stdout" grep -q '^/dev/ublkb' out.txt
    DEVICE=$(<out.txt)
    [[ -b $DEVICE ]] || fail "it printed '$DEVICE', which is not a block device"
    write_zone 1 0 64K
    kill -INT "$(server_pid)"
    wait "$server" || status=$?
    expect_equal "the exit status" "$status" 0
    [[ ! -e $DEVICE ]] || fail "$DEVICE is still there"
    expect_equal "stdout" "$(<out.txt)" "$DEVICE"
    ublk-zoned check disk.qcow2
    attach disk.qcow2
    expect_zones "1 closed 64K"
    del_and_check disk.qcow2
}

# runs: long
keeps_what_was_synced_when_the_server_is_killed() {
    modprobe btrfs
    new_image disk.qcow2 --size 4G --zone-size 16M
    attach disk.qcow2 --recovery off
    mkfs.btrfs -q -O zoned -d single -m single "$DEVICE"
    mkdir mnt
    mount "$DEVICE" mnt
    pattern 1 5M | dd of=mnt/synced bs=64K iflag=fullblock conv=fsync status=none
    pattern 2 200K >mnt/second
    sync -f mnt
    pattern 3 3M >mnt/unsynced
    kill_server
    umount mnt || umount -l mnt
    ublk-zoned list >list.txt
    expect_match "the list" "$(<list.txt)" 'dead'
    ublk-zoned del "$DEVICE"
    await 10 "$DEVICE is gone" test ! -e "$DEVICE"

    attach disk.qcow2
    mount "$DEVICE" mnt
    cmp mnt/synced <(pattern 1 5M)
    cmp mnt/second <(pattern 2 200K)
    pattern 4 1M >mnt/after
    umount mnt
    del_and_check disk.qcow2
}

# runs: long
removes_a_device_whose_server_was_killed_while_it_wrote() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach disk.qcow2 --recovery off
    fio --name=busy --filename="$DEVICE" --direct=1 --zonemode=zbd --ioengine=libaio --iodepth=32 --rw=write --bs=16k \
        --offset=32M --size=192M --time_based --runtime=30 >fio.txt 2>&1 &
    sleep 3
    kill_server
    wait || true
    ublk-zoned del "$DEVICE"
    await 10 "$DEVICE is gone" test ! -e "$DEVICE"
    attach disk.qcow2
    kernel_zones >zones.txt
    read_zone 2 0 16M >/dev/null
    del_and_check disk.qcow2
}
