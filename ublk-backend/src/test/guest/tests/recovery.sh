# shellcheck shell=bash
# The server is killed by SIGKILL at any time: no acknowledged write is lost, and the device can be resumed.

# Sleeps between 0.2 and 5 s.
_sleep_at_random() {
    sleep "$((RANDOM % 5)).$((2 + RANDOM % 8))"
}

# _written FIRST LAST: prints the number of bytes below the write pointers of these zones
_written() {
    kernel_zones | gawk -v first="$1" -v last="$2" '$1 >= first && $1 <= last { sum += $4 } END { print sum }'
}

# _fio_verified OUTPUT OPTION...
_fio_verified() {
    local output=$1
    shift
    fio --filename="$DEVICE" --direct=1 --zonemode=zbd --verify=crc32c --verify_fatal=1 --do_verify=1 --ioengine=libaio \
        --output-format=json --output="$output" "$@" || {
        sed '/^{/,$d' "$output"
        touch failed
        return 1
    }
}

# Runs fio repeatedly until the file stop exists. Leaves in zones.json what the last run wrote.
_fio_until_stopped() {
    local run=0 other
    while [[ ! -e stop ]]; do
        run=$((run + 1))
        _fio_verified conventional.json --name=conventional --rw=randwrite --bs=4k --iodepth=8 --offset=0 --size=32M \
            --io_size=8M --rate=1m &
        other=$!
        _fio_verified zones.json --max_open_zones=8 \
            --name=sequential --rw=write --bs=64k --iodepth=8 --offset=64M --size=64M --rate=8m \
            --name=random --rw=randwrite --bs=16k --iodepth=4 --offset=128M --size=64M --io_size=24M --rate=3m || return
        wait "$other" || return
    done
    echo "$run runs of fio"
}

# seconds: 7200
serves_fio_through_kill_and_recover_at_random_moments() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    local round fio rounds=${RECOVERY_ROUNDS:-12}
    _fio_until_stopped >fio.txt 2>&1 &
    fio=$!
    for ((round = 1; round <= rounds; round++)); do
        _sleep_at_random
        [[ ! -e failed ]] || break
        kill_server
        recover_device
    done
    touch stop
    wait "$fio" || { cat fio.txt; fail "fio failed after $round rounds"; }
    tail -n 1 fio.txt
    # The first job's zones are 4 to 7, the second's 8 to 11.
    python3 - "$(_written 4 11)" <<'END'
import json, sys
jobs = json.load(open("zones.json"))["jobs"]
written = {job["jobname"]: job["write"]["io_bytes"] for job in jobs}
implied = written["sequential"] + written["random"]
print("fio wrote", written, "and the write pointers say", sys.argv[1])
assert all(job["error"] == 0 for job in jobs), jobs
assert implied == int(sys.argv[1]), implied
END
    del_and_check disk.qcow2
}

keeps_conditions_and_unflushed_data_through_kill_and_recover() {
    new_image disk.qcow2 --size 256M --zone-size 16M --zone-capacity 12M --conventional-zones 2 --max-open 4 --max-active 6
    attach disk.qcow2
    write_zone 2 0 12M
    write_zone 3 0 260K
    blkzones open 4 1
    write_zone 5 0 64K
    blkzones close 5 1
    write_zone 6 0 64K
    blkzones finish 6 1
    write_zone 7 0 64K
    blkzones reset 7 1
    write_zone 0 1M 64K
    local zones
    zones=$(kernel_zones)
    kill_server
    expect_match "the list" "$(ublk-zoned list)" "$DEVICE  quiesced"
    expect_failure 1 "device 0 waits for a new server: ublk-zoned recover 0" ublk-zoned report 0
    expect_failure 1 "whose server died: 'ublk-zoned recover 0'" ublk-zoned add disk.qcow2
    expect_equal "what recover -a prints" "$(ublk-zoned recover -a)" "$DEVICE"
    expect_match "the list" "$(ublk-zoned list)" "$DEVICE  live"
    expect_failure 1 "device 0 is live" ublk-zoned recover 0
    expect_equal "the zones" "$(kernel_zones)" "$zones"
    cmp <(pattern $((2 * 16777216)) 12M) <(read_zone 2 0 12M)
    cmp <(pattern $((3 * 16777216)) 260K) <(read_zone 3 0 260K)
    cmp <(pattern 1048576 64K) <(read_zone 0 1M 64K)
    write_zone 3 260K 60K
    del_and_check disk.qcow2
}

# runs: long
goes_on_after_the_oom_killer_has_taken_the_server() {
    new_image disk.qcow2 --size 512M --zone-size 16M
    attach disk.qcow2
    local server
    server=$(server_pid)
    expect_equal "the server's standing with the OOM killer" "$(<"/proc/$server/oom_score_adj")" -1000
    write_zone 4 0 1M
    echo 1000 >"/proc/$server/oom_score_adj"
    echo f >/proc/sysrq-trigger
    await 30 "the OOM killer has taken the server" test ! -e "/proc/$server"
    recover_device
    cmp <(pattern $((4 * 16777216)) 1M) <(read_zone 4 0 1M)
    write_zone 4 1M 64K
    expect_zones "4 implicit-open 1088K"
    del_and_check disk.qcow2
}

# runs: long
del_of_a_dead_device_closes_its_image_with_all_that_was_acknowledged() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    local way
    for way in off fail; do
        attach disk.qcow2 --recovery "$way"
        blkzone reset "$DEVICE"
        write_zone 3 0 260K
        write_zone 0 1M 64K
        kill_server
        ublk-zoned list >list.txt
        if [[ $way = off ]]; then
            expect_match "the list" "$(<list.txt)" "$DEVICE  dead"
            expect_failure 1 "device 0 is dead and cannot be recovered" ublk-zoned recover 0
        fi
        ublk-zoned del "$DEVICE"
        ublk-zoned check disk.qcow2
        attach disk.qcow2
        expect_zones "3 closed 260K"
        cmp <(pattern $((3 * 16777216)) 260K) <(read_zone 3 0 260K)
        cmp <(pattern 1048576 64K) <(read_zone 0 1M 64K)
        del_and_check disk.qcow2
    done
}

# _kill_during SECONDS COMMAND...: runs the command, and kills every Java at a random moment between SECONDS and SECONDS + 1
_kill_during() {
    local seconds=$1 command
    shift
    "$@" >command.txt 2>&1 &
    command=$!
    sleep "$seconds.$((RANDOM % 10))"
    pkill -KILL -x java || true
    wait "$command" || true
}

# seconds: 900
# runs: long
survives_kill_during_add_del_and_recover() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach disk.qcow2
    write_zone 3 0 260K conv=nocreat,notrunc,fsync
    del_and_check disk.qcow2
    local round
    # While the server starts, at a later moment each time.
    for round in 1 2 3 4 5; do
        _kill_during $((1 + round)) ublk-zoned add disk.qcow2
        _clean_up
        ublk-zoned check disk.qcow2
    done
    for round in 1 2 3; do
        attach disk.qcow2
        write_zone 4 0 64K
        blkzones reset 4 1
        _kill_during $((2 + round)) ublk-zoned del "$DEVICE"
        _clean_up
        ublk-zoned check disk.qcow2
    done
    for round in 1 2 3; do
        attach disk.qcow2
        write_zone 5 0 64K
        kill_server
        _kill_during $((1 + round)) ublk-zoned recover "$DEVICE"
        recover_device
        expect_zones "3 closed 260K" "5 implicit-open 64K"
        blkzones reset 5 1
        del_and_check disk.qcow2
    done
    attach disk.qcow2
    expect_zones "3 closed 260K"
    cmp <(pattern $((3 * 16777216)) 260K) <(read_zone 3 0 260K)
    del_and_check disk.qcow2
}

# Deletes a device even if it was only half made or half deleted.
_clean_up() {
    [[ ! -e /run/ublk-zoned ]] || ublk-zoned del -a
}

# runs: long
survives_kill_during_reset_all() {
    new_image disk.qcow2 --size 1G --zone-size 4M --conventional-zones 2
    attach disk.qcow2
    fio --name=fill --filename="$DEVICE" --direct=1 --zonemode=zbd --ioengine=libaio --iodepth=8 --rw=write --bs=128k \
        --offset=8M --size=256M >fio.txt
    local reset
    blkzone reset "$DEVICE" &
    reset=$!
    sleep 0.0$((RANDOM % 10))
    kill_server
    recover_device
    wait "$reset"
    expect_zones "2-255 empty 0"
    cmp -n $((4 << 20)) /dev/zero <(read_zone 10 0 4M)
    write_zone 10 0 64K
    del_and_check disk.qcow2
}

# _goes_through_kills TYPE ROUNDS: writes files to a formatted device, and kills and recovers its server meanwhile
_goes_through_kills() {
    local round rounds=$2
    mkdir mnt
    mount -t "$1" "$DEVICE" mnt
    for ((round = 1; round <= rounds; round++)); do
        _write_files "$round" &
        _sleep_at_random
        kill_server
        recover_device
        wait $!
    done
    (cd mnt && sha256sum -- *) >sums
    umount mnt
    detach
    ublk-zoned check disk.qcow2
    attach disk.qcow2
    mount -t "$1" "$DEVICE" mnt
    (cd mnt && sha256sum --quiet -c ../sums)
    for ((round = 1; round <= rounds; round++)); do
        cmp <(pattern $((round * 1000 + 11)) 770011) "mnt/$round-11"
    done
    umount mnt
    del_and_check disk.qcow2
}

# _write_files ROUND: writes twelve files. Syncs the last four one by one, and finally all together.
_write_files() {
    local i
    for ((i = 0; i < 12; i++)); do
        pattern $(($1 * 1000 + i)) $((i * 70001)) >"mnt/$1-$i"
        ((i < 8)) || sync "mnt/$1-$i"
    done
    sync -f mnt
}

# seconds: 900
# runs: long
keeps_an_f2fs_whose_server_is_killed_and_recovered() {
    modprobe f2fs
    new_image disk.qcow2 --size 2G --zone-size 16M --conventional-zones 16
    attach disk.qcow2
    mkfs.f2fs -q -f -m "$DEVICE"
    _goes_through_kills f2fs 4
}

# btrfs sends appends. If the dead server had carried one out and the kernel sends it again, its data must not be there twice.
# seconds: 1200
# runs: long
keeps_a_btrfs_whose_server_is_killed_and_recovered() {
    modprobe btrfs
    new_image disk.qcow2 --size 2G --zone-size 64M
    attach disk.qcow2
    mkfs.btrfs -q -O zoned -d single -m single "$DEVICE"
    _goes_through_kills btrfs 8
}
