# shellcheck shell=bash
# The faults of 'ublk-zoned inject', as the kernel and file systems see them.

# _inject OPTION...: puts a rule in force
_inject() {
    ublk-zoned inject "$@" "$DEVICE" >rule
}

# _write_fails REGEX ZONE OFFSET SIZE: a direct write fails
_write_fails() {
    expect_error "$1" write_zone "$2" "$3" "$4"
}

leaves_the_write_pointer_where_a_torn_write_ended() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    write_zone 5 0 64K
    _inject --on write --zones 5 --keep 8K --error EIO
    _write_fails 'Input/output error' 5 64K 32K
    expect_zones "5 implicit-open 72K"
    # The kernel has read the write pointer again: the next write starts there.
    write_zone 5 72K 16K
    expect_zones "5 implicit-open 88K"

    _inject --on write --zones 6 --keep 4K --error ENODATA --pointer advanced
    _write_fails 'No data available' 6 0 16K
    expect_zones "6 implicit-open 16K"
    write_zone 6 16K 4K
    dd if="$DEVICE" bs=4K skip=$((6 * 4096 + 1)) count=3 iflag=direct status=none | cmp - <(head -c 12K /dev/zero)

    _inject --on write --zones 7 --keep all --error EIO --pointer unmoved
    _write_fails 'Input/output error' 7 0 16K
    expect_zones "7 .*empty|implicit-open 0"
    write_zone 7 0 4K
    expect_zones "7 implicit-open 4K"

    # Only the answer is lost.
    _inject --on finish --keep all --error ETIMEDOUT
    expect_error 'timed out' blkzones finish 8 1
    expect_zones "8 full"
    _inject --on reset --error EIO
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
    _write_fails 'Input/output error' 9 4K 4K
    our_zones disk.qcow2 >zones
    expect_match "zone 9" "$(sed -n 10p zones)" ' - read-only$'

    _inject --on finish --stall
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
    _inject --on write --stall
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

# A file system meets each kind of fault. It may report errors and may stop, but nothing may hang, and what it said was synced
# must be there afterwards.
_RULES=(
    '--on write --nth 4 --error EIO'
    '--on write --nth 4 --keep 4K --error EIO'
    '--on write --nth 4 --keep 4K --error EIO --pointer advanced'
    '--on write --nth 4 --keep all --error EIO --pointer unmoved'
    '--on append --nth 3 --keep 4K --error EIO'
    '--on append --nth 3 --error EIO --pointer advanced'
    '--on append --nth 3 --keep all --error ENOSPC'
    '--on read --nth 3 --error ENODATA'
    '--on flush --nth 2 --error EIO'
    '--on flush --nth 2 --keep all --error ETIMEDOUT'
    '--on reset --nth 1 --error EIO'
    '--on finish --nth 1 --keep all --error EIO'
    '--on any --chance 1/4 --seed 3 --delay 1ms-20ms'
    '--on write --nth 5 --make-zone read-only'
    '--on append --nth 3 --make-zone offline'
)

# _work FOLDER: changes files, ignores errors, and prints the checksum of each file that fsync has said is there
_work() {
    local i name
    for ((i = 0; i < 12; i++)); do
        name=new$((i % 8))
        sed -i "/ $name\$/d" synced
        rm -f "$1/$name" 2>>errors || true
        if pattern "$i" $((10000 + i * 30000)) | timeout 100 dd of="$1/$name" bs=64K iflag=fullblock conv=fsync status=none 2>>errors; then
            echo "$(pattern "$i" $((10000 + i * 30000)) | sha256sum | cut -d ' ' -f 1) $name" >>synced
        elif (($? == 124)); then
            fail "a write hangs"
        fi
    done
    timeout 100 sync -f "$1" 2>>errors || (($? != 124)) || fail "sync hangs"
}

# Brings worn-out zones back, with their data.
_recover_zones() {
    local zones
    zones=$(our_zones "$DEVICE" | gawk '$5 == "read-only" || $5 == "offline" { print $1 }' | paste -sd ,)
    [[ -z $zones ]] || ublk-zoned zone recover "$DEVICE" "$zones"
}

# _mount_new TYPE MKFS-COMMAND...: makes a file system on a new device, and mounts it on mnt
_mount_new() {
    local type=$1
    shift
    new_image disk.qcow2 --size 2G --zone-size 16M --conventional-zones 16
    attach disk.qcow2
    "$@" "$DEVICE" >mkfs.txt 2>&1 || fail "mkfs: $(<mkfs.txt)"
    mount -t "$type" "$DEVICE" mnt
}

# _mount_and_verify TYPE SEED WHEN: mounts the file system again, and finds the file from before and those in ./synced
_mount_and_verify() {
    local type=$1 seed=$2 when=$3 sum name
    mount -t "$type" "$DEVICE" mnt || fail "$type cannot be mounted $when"
    cmp mnt/before <(pattern "$seed" 300K) || fail "$type lost an old file $when"
    while read -r sum name; do
        [[ $(sha256sum <"mnt/$name") = $sum* ]] || fail "$type lost $name, which was synced, $when"
    done <synced
}

# _meets_faults TYPE MKFS-COMMAND...: makes a file system and lets it work, once for each rule
_meets_faults() {
    local type=$1 rule hits
    mkdir mnt
    for rule in "${_RULES[@]}"; do
        _mount_new "$@"
        pattern 5 300K >mnt/before
        sync -f mnt
        # shellcheck disable=SC2086 # the words of the rule
        _inject $rule
        : >synced
        _work mnt
        echo 3 >/proc/sys/vm/drop_caches
        cat mnt/* >/dev/null 2>>errors || true
        timeout 100 umount mnt || fail "umount hangs"
        hits=$(ublk-zoned inject --list --json "$DEVICE" | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["hits"])')
        ublk-zoned inject "$DEVICE" --clear
        _recover_zones
        _mount_and_verify "$type" 5 "after '$rule'"
        umount mnt
        echo "$type: $rule: $hits hits, $(wc -l <synced) files synced"
        del_and_check disk.qcow2
    done
}

# runs: long
# seconds: 1500
btrfs_keeps_what_is_synced_whatever_fails() {
    need_file_system btrfs
    _meets_faults btrfs mkfs.btrfs -q -f -O zoned -d single -m single
}

# runs: long
# seconds: 1500
f2fs_keeps_what_is_synced_whatever_fails() {
    need_file_system f2fs
    _meets_faults f2fs mkfs.f2fs -q -f -m
}

# _work_until_error FOLDER: writes files until one fails, and keeps in ./synced the checksum of each file that fsync has confirmed
_work_until_error() {
    local i name
    for ((i = 0; ; i++)); do
        name=new$((i % 8))
        rm -f "$1/$name" 2>>errors || return 0
        sed -i "/ $name\$/d" synced
        pattern "$i" $((10000 + i % 12 * 30000)) | dd of="$1/$name" bs=64K iflag=fullblock conv=fsync status=none 2>>errors || return 0
        echo "$(pattern "$i" $((10000 + i % 12 * 30000)) | sha256sum | cut -d ' ' -f 1) $name" >>synced
    done
}

# _cuts_power ROUNDS TYPE MKFS-COMMAND...: cuts the power while a file system works, and finds every synced file
_cuts_power() {
    local rounds=$1 type=$2 round worker cut found=0
    shift
    mkdir mnt
    _mount_new "$@"
    for ((round = 1; round <= rounds; round++)); do
        rm -rf mnt/*
        pattern "$round" 300K >mnt/before
        sync -f mnt
        : >synced
        _work_until_error mnt &
        worker=$!
        sleep "$((2 + round % 3)).$((round * 37 % 10))"
        kill -0 "$worker" 2>>errors || fail "the work ended before cut $round: $(<errors)"
        # Every second time the device comes back by itself, when the file system is unmounted.
        if ((round % 2)); then
            ublk-zoned cut "$DEVICE" --seed "$round" 2>cut.txt
            cut=
        else
            ublk-zoned cut "$DEVICE" --seed "$round" --then continue 2>cut.txt &
            cut=$!
        fi
        await 100 "the work ends after cut $round" _has_ended "$worker"
        timeout 100 umount mnt || fail "umount hangs after cut $round"
        if [[ -n $cut ]]; then
            wait "$cut" || fail "the device does not come back after cut $round: $(<cut.txt)"
        else
            ublk-zoned check disk.qcow2 >check.txt || fail "check after cut $round: $(<check.txt)"
            attach disk.qcow2
        fi
        _mount_and_verify "$type" "$round" "after cut $round"
        found=$((found + $(wc -l <synced)))
    done
    echo "$type: $found synced files found after $rounds cuts"
    ((found > 0)) || fail "no file was synced before a cut"
    umount mnt
    del_and_check disk.qcow2
}

_has_ended() {
    ! kill -0 "$1" 2>>errors
}

# seconds: 600
btrfs_keeps_what_is_synced_when_the_power_is_cut() {
    need_file_system btrfs
    _cuts_power 6 btrfs mkfs.btrfs -q -f -O zoned -d single -m single
}

# seconds: 600
f2fs_keeps_what_is_synced_when_the_power_is_cut() {
    need_file_system f2fs
    _cuts_power 6 f2fs mkfs.f2fs -q -f -m
}

loses_only_what_was_not_flushed_when_the_power_is_cut() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    expect_failure 1 'is not attached, so it has no power' ublk-zoned cut disk.qcow2
    attach disk.qcow2
    write_zone 5 0 64K
    dd if=/dev/null of="$DEVICE" bs=4K count=1 conv=fsync,nocreat,notrunc status=none
    write_zone 5 64K 128K
    write_zone 6 0 64K
    expect_equal "what cut prints" "$(ublk-zoned cut "$DEVICE" --keep none)" ''
    [[ ! -e $DEVICE ]] || fail "$DEVICE is still there"
    expect_match "zone 5" "$(our_zones disk.qcow2 | sed -n 6p)" ' 65536 closed$'
    expect_match "zone 6" "$(our_zones disk.qcow2 | sed -n 7p)" ' 0 empty$'

    DEVICE=$(ublk-zoned add disk.qcow2 --inject '--on write --zones 7 --nth 2 --power-cut --keep all')
    write_zone 5 64K 64K
    write_zone 7 0 4K
    _write_fails 'Input/output error' 7 4K 4K
    await 30 "the server has ended" test ! -e /run/ublk-zoned/0
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

stays_up_when_a_failed_flush_loses_what_was_not_flushed() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    DEVICE=$(ublk-zoned add disk.qcow2 --power-cuts)
    _overwrite 1 fsync,notrunc
    write_zone 5 0 64K
    blkzones finish 6 1
    dd if=/dev/null of="$DEVICE" bs=4K count=1 conv=fsync,nocreat,notrunc status=none
    write_zone 5 64K 128K
    write_zone 7 0 64K
    _inject --on flush --error EIO --lose unflushed
    expect_error 'Input/output error' _overwrite 2 fsync,notrunc
    expect_zones "5 closed 64K"
    expect_zones "6 full"
    expect_zones "7 empty 0"
    cmp <(dd if="$DEVICE" bs=64K count=1 iflag=direct status=none) <(pattern 1 64K) || fail "not the flushed data"
    # The kernel reads the write pointer again after a failed write.
    _write_fails 'Input/output error' 5 192K 4K
    expect_zones "5 closed 64K"
    write_zone 5 64K 64K
    dd if=/dev/null of="$DEVICE" bs=4K count=1 conv=fsync,nocreat,notrunc status=none
    cmp <(read_zone 5 0 128K) <(pattern $((5 << 24)) 64K && pattern $(((5 << 24) + 65536)) 64K) || fail "wrong data"
    del_and_check disk.qcow2
}

# Tests whether the server has made the device live COUNT times.
_has_lived() {
    gawk -v count="$1" '{ exit !($2 == "STARTED" && $3 == count) }' "/run/ublk-zoned/${DEVICE#/dev/ublkb}/server"
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
    dd if=/dev/null of="$DEVICE" bs=4K count=1 conv=fsync,nocreat,notrunc status=none
    write_zone 5 64K 128K
    _inject --on reset --error EIO
    expect_equal "what cut prints" "$(ublk-zoned cut "$DEVICE" --keep none --then continue 2>&1)" ''
    expect_zones "5 closed 64K"
    expect_equal "the options" "$(_options)" "$options"
    expect_equal "the rules" "$(ublk-zoned inject "$DEVICE" --list)" ''
    expect_equal "the server" "$(server_pid)" "$server"

    _inject --on write --zones 7 --nth 2 --power-cut --keep all --then continue
    write_zone 7 0 4K
    _write_fails 'Input/output error' 7 4K 4K
    await 60 "the device is live again" _has_lived 3
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

# seconds: 600
comes_back_for_a_file_system() {
    need_file_system btrfs
    local cut
    mkdir mnt
    _mount_new btrfs mkfs.btrfs -q -f -O zoned -d single -m single
    pattern 1 300K >mnt/before
    sync -f mnt
    : >synced
    ublk-zoned cut "$DEVICE" --then continue 2>cut.txt &
    cut=$!
    await 60 "cut prints a sentence" test -s cut.txt
    expect_equal "what cut prints" "$(<cut.txt)" "ublk-zoned: $DEVICE comes back when it is unmounted: umount $PWD/mnt"
    umount mnt
    wait "$cut" || fail "cut: $(<cut.txt)"
    _mount_and_verify btrfs 1 "after cut"

    _inject --on write --power-cut --then continue
    pattern 2 300K >mnt/after || true
    sync -f mnt 2>>errors || true
    umount mnt
    await 60 "the device is live again" _has_lived 3
    _mount_and_verify btrfs 1 "after the rule's cut"
    umount mnt
    del_and_check disk.qcow2
}
