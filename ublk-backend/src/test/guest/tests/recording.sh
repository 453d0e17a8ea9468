# shellcheck shell=bash
# The write log of a device, its replay, and the search for crashes.

# _attach_recorded OPTION...: attaches a new disk.qcow2 made with these options, with the log disk.log
_attach_recorded() {
    new_image disk.qcow2 "$@"
    DEVICE=$(ublk-zoned add disk.qcow2 --record disk.log)
}

records_what_a_device_does_and_replays_it() {
    _attach_recorded --size 512M --zone-size 16M --conventional-zones 4
    write_zone 5 0 64K
    write_zone 5 64K 32K
    pattern 1 64K | dd of="$DEVICE" bs=64K oseek=16 oflag=direct iflag=fullblock status=none
    sync_device
    ublk-zoned mark "$DEVICE" "two words"
    blkzones finish 5 1
    write_zone 6 0 4K
    blkzones reset 6 1
    del_and_check disk.qcow2

    ublk-zoned log disk.log >entries
    expect_equal "the log" "$(gawk '{ $1 = $1; print }' entries)" "entry operation zone offset length
0 write 5 0 64K
1 write 5 64K 32K
2 write 0 1M 64K
3 flush of 3
4 mark two words
5 finish 5 0
6 write 6 0 4K
7 reset 6 0 16M"
    ublk-zoned log --json disk.log | expect_json 'len(x) == 8 and x[3] == {"entry": 3, "operation": "flush", "covers": 3}'

    expect_equal "what replay prints" "$(ublk-zoned replay disk.log replayed.qcow2 --to 0)" 0
    expect_match "zone 5" "$(our_zones replayed.qcow2 | sed -n 6p)" ' 65536 closed$'
    expect_equal "the next flush" "$(ublk-zoned replay disk.log replayed.qcow2 --after 0 --next-flush)" 3
    expect_match "zone 5" "$(our_zones replayed.qcow2 | sed -n 6p)" ' 98304 closed$'
    expect_equal "the last entry" "$(ublk-zoned replay disk.log replayed.qcow2 --after 3)" 7
    expect_equal "the zones of the replayed image" "$(our_zones replayed.qcow2)" "$(our_zones disk.qcow2)"
    ublk-zoned check replayed.qcow2
    attach replayed.qcow2
    cmp <(read_zone 5 0 96K) <(pattern $((5 << 24)) 64K && pattern $(((5 << 24) + 65536)) 32K)
    dd if="$DEVICE" bs=64K skip=16 count=1 iflag=direct status=none | cmp - <(pattern 1 64K)
    del_and_check replayed.qcow2

    expect_equal "a cut" "$(ublk-zoned replay disk.log cut.qcow2 --cut --keep none)" 7
    expect_match "zone 5 after a cut" "$(our_zones cut.qcow2 | sed -n 6p)" ' 98304 closed$'
    ublk-zoned check cut.qcow2
}

logs_only_devices_that_are_recorded() {
    _attach_recorded --size 512M --zone-size 16M --conventional-zones 4
    write_zone 5 0 4K
    del_and_check disk.qcow2
    expect_failure 1 'exists: name a new file' ublk-zoned add disk.qcow2 --record disk.log
    attach disk.qcow2
    expect_failure 1 'is not recorded: add it with --record' ublk-zoned mark "$DEVICE" x
    del_and_check disk.qcow2
    DEVICE=$(ublk-zoned add disk.qcow2 --record second.log)
    expect_failure 1 'was not empty when the log began' ublk-zoned replay second.log x.qcow2
    del_and_check disk.qcow2
}

leaves_a_whole_log_when_the_server_dies_or_the_disk_is_full() {
    _attach_recorded --size 512M --zone-size 16M --conventional-zones 4
    write_zone 5 0 64K
    kill_server
    recover_device
    write_zone 5 64K 64K
    expect_failure 1 'is not recorded' ublk-zoned mark "$DEVICE" x
    del_and_check disk.qcow2
    expect_equal "the entries" "$(ublk-zoned log disk.log | wc -l)" 2
    ublk-zoned replay disk.log replayed.qcow2
    expect_match "zone 5" "$(our_zones replayed.qcow2 | sed -n 6p)" ' 65536 closed$'

    mkdir full
    mount -t tmpfs -o size=1M tmpfs full
    new_image other.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    DEVICE=$(ublk-zoned add other.qcow2 --record full/disk.log)
    write_zone 5 0 512K
    write_zone 5 512K 1M
    write_zone 5 1536K 64K
    expect_zones "5 implicit-open 1600K"
    expect_failure 1 'the log has ended' ublk-zoned mark "$DEVICE" x
    del_and_check other.qcow2
    ublk-zoned log full/disk.log >entries
    ublk-zoned replay full/disk.log short.qcow2 >last
    expect_equal "the last entry" "$(<last)" "$(gawk 'END { print $1 }' entries)"
    umount full
}

# Prints the folder with the project's scripts.
_scripts() {
    dirname "$(readlink -f "$(type -P ublk-zoned)")"
}

# A check of crash-explore: every file that was synced before the last mark is there.
_write_check() {
    cat >check <<END
#!/bin/bash
set -e
mkdir -p "$PWD/crash"
mount -t $1 "\$1" "$PWD/crash"
trap 'umount "$PWD/crash"' EXIT
for ((i = 1; i <= \${CRASH_MARK:-0}; i++)); do
    cmp "$PWD/crash/file\$i" "$PWD/file\$i"
done
END
    chmod +x check
}

# _explores_a_life FILES SEEDS TYPE: records a file system that gets FILES synced files, and checks its crashes
_explores_a_life() {
    local files=$1 seeds=$2 type=$3 i
    _attach_recorded --size 2G --zone-size 16M --conventional-zones 16
    make_file_system "$type"
    ublk-zoned mark "$DEVICE" 0
    mkdir mnt
    mount -t "$type" "$DEVICE" mnt
    for ((i = 1; i <= files; i++)); do
        pattern "$i" $((20000 + i * 10000)) >"file$i"
        cp "file$i" mnt/
        sync -f mnt
        ublk-zoned mark "$DEVICE" "$i"
        rm -f mnt/temporary
        cp "file$i" mnt/temporary
    done
    umount mnt
    del_and_check disk.qcow2
    _write_check "$type"
    echo "$type: $(ublk-zoned log disk.log | wc -l) entries"
    "$(_scripts)/crash-explore" --seeds "$seeds" --from-mark 0 ./check disk.log
}

# seconds: 600
btrfs_survives_every_crash_of_a_recorded_life() {
    need_file_system btrfs
    _explores_a_life 2 1 btrfs
}

# seconds: 600
f2fs_survives_every_crash_of_a_recorded_life() {
    need_file_system f2fs
    _explores_a_life 2 1 f2fs
}

# Lives of more than 2,000 operations.
# runs: long
# seconds: 9000
btrfs_survives_every_crash_of_a_long_life() {
    need_file_system btrfs
    _explores_a_life 60 1 btrfs
}

# runs: long
# seconds: 9000
f2fs_survives_every_crash_of_a_long_life() {
    need_file_system f2fs
    _explores_a_life 60 1 f2fs
}

# _record_journal right|wrong: records a journal that adds three records, with a mark behind each
_record_journal() {
    local number journal
    journal=$HERE/lib/journal
    _attach_recorded --size 128M --zone-size 16M --conventional-zones 4
    while read -r number; do
        ublk-zoned mark "$DEVICE" "$number"
    done < <("$journal" "$1" "$DEVICE" 3)
    del_and_check disk.qcow2
    cat >check <<END
#!/bin/bash
exec "$journal" check "\$1" "\${CRASH_MARK:-0}"
END
    chmod +x check
}

# seconds: 600
finds_the_crash_that_a_wrong_journal_does_not_survive() {
    local status=0 command
    _record_journal wrong
    "$(_scripts)/crash-explore" --seeds 6 ./check disk.log >again 2>explore.txt || status=$?
    expect_equal "the exit status of crash-explore" "$status" 1
    expect_match "its message" "$(<explore.txt)" 'record . of . is not there.*./check fails with status 1 after a crash behind'
    # The printed command makes the image again, and the check fails again.
    command=$(<again)
    echo "$command"
    ${command/IMAGE/again.qcow2} >entry
    attach again.qcow2
    expect_failure 1 'record . of . is not there' ./check "$DEVICE"
    del_and_check again.qcow2
}

# seconds: 900
survives_every_crash_of_a_right_journal() {
    _record_journal right
    "$(_scripts)/crash-explore" --seeds 3 ./check disk.log
}
