# shellcheck shell=bash
# Servers that must wait before they end, or must not end: slow disks, users of the device, callers that end.

# A file system on a disk that can be stalled: mnt, on /dev/mapper/slow.
_mount_slow_disk() {
    modprobe loop
    modprobe dm-mod
    truncate -s 512M disk.img
    LOOP=$(losetup --show -f disk.img)
    dmsetup create slow --table "0 $((512 * 2048)) linear $LOOP 0"
    mkfs.ext4 -q /dev/mapper/slow
    mkdir mnt
    mount /dev/mapper/slow mnt
}

_stall() {
    dmsetup suspend --noflush --nolockfs slow
}

_unmount_slow_disk() {
    umount mnt
    dmsetup remove --retry slow
    losetup -d "$LOOP"
}

_is_closed() {
    ublk-zoned info --json "$1" | expect_json 'x["closed"] is True and x["device"] is None'
}

_is_quiesced() {
    [[ $(ublk-zoned list) == *quiesced* ]]
}

# seconds: 600
waits_for_a_stalled_disk_on_sigterm_and_then_ends_cleanly() {
    _mount_slow_disk
    new_image mnt/disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach mnt/disk.qcow2
    local server log=/proc/self/fd/${SERVER_LOGS[-1]} writer
    server=$(server_pid)
    write_zone 3 0 1M
    _stall
    write_zone 4 0 1M conv=nocreat,notrunc,fsync &
    writer=$!
    sleep 3
    kill -TERM "$server"
    await 60 "the log says what the server waits for" grep -q 'have not ended for 10 s' "$log"
    [[ -e /proc/$server && -b $DEVICE ]] || fail "the server has ended before the disk"
    dmsetup resume slow
    await 60 "the server has ended" test ! -e "/proc/$server"
    wait "$writer"
    [[ ! -e $DEVICE && ! -e /run/ublk-zoned ]] || fail "$DEVICE or its folder is still there"
    _is_closed mnt/disk.qcow2
    attach mnt/disk.qcow2
    cmp <(pattern $((4 * 16777216)) 1M) <(read_zone 4 0 1M)
    del_and_check mnt/disk.qcow2
    _unmount_slow_disk
}

# If a server were killed while it waits for the kernel to stop its device, the process and the device would stay until the next
# boot.
# seconds: 600
# runs: long
can_be_killed_while_it_waits_for_a_stalled_disk() {
    _mount_slow_disk
    new_image mnt/disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach mnt/disk.qcow2
    local server writer
    server=$(server_pid)
    _stall
    write_zone 4 0 1M conv=nocreat,notrunc,fsync &
    writer=$!
    sleep 3
    kill -TERM "$server"
    sleep 3
    kill -KILL "$server"
    sleep 1
    dmsetup resume slow
    await 60 "the server has ended" test ! -e "/proc/$server"
    await 60 "the device waits for a new server" _is_quiesced
    recover_device
    wait "$writer"
    cmp <(pattern $((4 * 16777216)) 1M) <(read_zone 4 0 1M)
    del_and_check mnt/disk.qcow2
    _unmount_slow_disk
}

# seconds: 600
# runs: long
del_says_every_ten_seconds_what_it_waits_for() {
    _mount_slow_disk
    new_image mnt/disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach mnt/disk.qcow2
    local server deletion
    server=$(server_pid)
    write_zone 3 0 1M
    _stall
    ublk-zoned del "$DEVICE" 2>del.txt &
    deletion=$!
    await 120 "del says what it waits for" grep -q "^ublk-zoned: the server of $DEVICE (pid $server) has been ending for 20 s: " del.txt
    expect_equal "the lines of del" "$(wc -l <del.txt)" 2
    expect_match "the list" "$(ublk-zoned list)" "$DEVICE  stopping  pid $server"
    dmsetup resume slow
    wait "$deletion"
    _is_closed mnt/disk.qcow2
    _unmount_slow_disk
}

# The kernel fails the writes of a device that is being stopped, including those of its own sync of the file system.
# seconds: 600
# runs: long
sigterm_writes_a_mounted_file_system_back() {
    local fs server
    modprobe f2fs
    modprobe btrfs
    mkdir mnt
    for fs in f2fs btrfs; do
        new_image disk.qcow2 --size 2G --zone-size 16M --conventional-zones "$([[ $fs = btrfs ]] && echo 0 || echo 16)"
        attach disk.qcow2
        case $fs in
        f2fs) mkfs.f2fs -q -f -m "$DEVICE" ;;
        btrfs) mkfs.btrfs -q -O zoned -d single -m single "$DEVICE" ;;
        esac
        mount "$DEVICE" mnt
        pattern 1 3M >mnt/unsynced
        server=$(server_pid)
        kill -TERM "$server"
        await 120 "the server has ended" test ! -e "/proc/$server"
        [[ ! -e $DEVICE && ! -e /run/ublk-zoned ]] || fail "$DEVICE or its folder is still there"
        umount mnt
        await 30 "the kernel has removed the device" test ! -e /dev/ublkc0
        _is_closed disk.qcow2
        attach disk.qcow2
        mount "$DEVICE" mnt
        cmp <(pattern 1 3M) mnt/unsynced
        umount mnt
        del_and_check disk.qcow2
    done
}

refuses_to_delete_a_device_that_the_kernel_uses() {
    modprobe loop
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2
    local loop namespace
    loop=$(losetup --show -f "$DEVICE")
    expect_failure 1 "$DEVICE is in use by $loop: losetup -d $loop" ublk-zoned del "$DEVICE"
    write_zone 5 0 64K
    losetup -d "$loop"
    if modprobe nvmet; then
        namespace=/sys/kernel/config/nvmet/subsystems/test/namespaces/1
        mkdir -p "${namespace%/namespaces/1}"
        mkdir "$namespace"
        printf %s "$DEVICE" >"$namespace/device_path"
        echo 1 >"$namespace/enable"
        expect_failure 1 "$DEVICE is exported as an NVMe target: see $namespace" ublk-zoned del "$DEVICE"
        write_zone 5 64K 64K
        rmdir "$namespace"
        rmdir "${namespace%/namespaces/1}"
        rmmod nvmet
    fi
    del_and_check disk.qcow2
}

# A user of the device that del cannot find: in the kernel, or in another process namespace, which /proc does not show here.
# runs: newest
refuses_to_delete_a_device_whose_user_it_cannot_see() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    exec 9<"$DEVICE"
    local status=0
    # shellcheck disable=SC2016 # expanded by the inner shell
    expect_failure 1 "$DEVICE is open, inside the kernel or where this process cannot see it" \
        unshare --pid --fork --mount-proc bash -c 'exec 9<&-; exec "$@"' - ublk-zoned del "$DEVICE" || status=$?
    exec 9<&-
    write_zone 5 0 64K
    del_and_check disk.qcow2
    return "$status"
}

# _uses_no_mount_made_before_add PROPAGATION
_uses_no_mount_made_before_add() {
    local loop first
    mount "--make-r$1" /
    mkdir -p ext4 zonefs home
    truncate -s 64M disk.img
    loop=$(losetup --show -f disk.img)
    mkfs.ext4 -q "$loop"
    mount "$loop" ext4
    new_image zonefs.qcow2 --size 256M --zone-size 16M
    attach zonefs.qcow2
    first=$DEVICE
    mkzonefs -f "$first" >/dev/null
    mount -t zonefs "$first" zonefs
    mount -t tmpfs tmpfs home
    new_image home/disk.qcow2 --size 256M --zone-size 16M
    # The caller's folder is also on a mount that the server does not need.
    cd ext4 || return
    attach ../home/disk.qcow2
    cd "$OLDPWD" || return
    umount ext4
    losetup -d "$loop"
    expect_equal "the loop devices" "$(losetup -a)" ''
    umount zonefs
    mkzonefs -f "$first" >/dev/null
    ublk-zoned del "$first"
    write_zone 3 0 64K
    del_and_check home/disk.qcow2
    umount home
    mount --make-rprivate /
}

# seconds: 600
keeps_no_mount_busy_that_was_made_before_add() {
    modprobe loop
    modprobe zonefs
    _uses_no_mount_made_before_add private
    _uses_no_mount_made_before_add shared
}

del_waits_for_a_device_that_is_starting() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    local adding deletion server
    ublk-zoned add disk.qcow2 >add.txt &
    adding=$!
    until [[ -s /run/ublk-zoned/0/server ]]; do sleep 0.01; done
    server=$(server_pid)
    kill -STOP "$server"
    expect_match "the list" "$(ublk-zoned list)" "^/dev/ublkb0  starting  pid $server"
    ublk-zoned del -a 2>del.txt &
    deletion=$!
    await 60 "del says what it waits for" grep -q '/dev/ublkb0 has been starting for 10 s' del.txt
    kill -CONT "$server"
    wait "$adding"
    expect_equal "what add prints" "$(<add.txt)" /dev/ublkb0
    wait "$deletion" || fail "del fails: $(<del.txt)"
    [[ ! -e /dev/ublkb0 && ! -e /run/ublk-zoned ]] || fail "the device or its folder is still there"
    ublk-zoned check disk.qcow2
}

leaves_no_device_whose_path_cannot_be_printed() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    local way
    for way in '' --foreground; do
        # shellcheck disable=SC2086 # no argument, or one
        ublk-zoned add $way disk.qcow2 >/dev/full 2>err.txt && fail "add succeeds without stdout"
        expect_equal "the error" "$(<err.txt)" \
            "ublk-zoned: the device's path could not be printed, so the device was deleted again"
        expect_equal "the list" "$(ublk-zoned list)" ''
    done
    ublk-zoned add disk.qcow2 2>err.txt >&- && fail "add succeeds with a closed stdout"
    expect_equal "the error" "$(<err.txt)" "ublk-zoned: stdout is closed: redirect it to a file, /dev/null for instance"
    [[ ! -e /run/ublk-zoned && ! -e /dev/ublkb0 ]] || fail "there is a device"
    ublk-zoned check disk.qcow2
}

# seconds: 900
# runs: newest
works_from_a_folder_that_has_been_deleted() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    local image=$PWD/disk.qcow2
    mkdir gone
    cd gone || return
    rmdir "$OLDPWD/gone"
    exec 8>"$OLDPWD/out.txt" 9>"$OLDPWD/err.txt"
    ublk-zoned add "$image" >&8 2>&9
    ublk-zoned list >&8 2>&9
    ublk-zoned del 0 2>&9
    ublk-zoned check "$image" >&8 2>&9
    ublk-zoned create --force "$image" --size 256M --zone-size 16M >&8 2>&9
    ublk-zoned info disk.qcow2 2>&9 && fail "there is an image in no folder"
    ublk-zoned create disk.qcow2 1G 2>&9 && fail "create makes an image in no folder"
    ublk-zoned add ./disk.qcow2 2>&9 && fail "add finds an image in no folder"
    exec 8>&- 9>&-
    cd "$OLDPWD" || return
    expect_match "the output" "$(<out.txt)" "^/dev/ublkb0"$'\n'"/dev/ublkb0  live  pid [0-9]+  $image"$'\n'"$image: no damage"
    local sentence='the working directory has been deleted: cd to another one, or give the absolute path'
    expect_equal "the errors" "$(<err.txt)" "ublk-zoned: disk.qcow2: $sentence
ublk-zoned: disk.qcow2: $sentence
ublk-zoned: ./disk.qcow2: $sentence"
    ublk-zoned check disk.qcow2
}

is_apart_from_its_caller() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    local server job=/sys/fs/cgroup/job
    mkdir "$job"
    # shellcheck disable=SC2016 # expanded by the inner shell
    BUILD_ID=7 RUNNER_TRACKING_ID=github_1 bash -c 'echo $$ >"$0/cgroup.procs"; ublk-zoned add disk.qcow2; sleep 600' "$job" >add.txt &
    await 60 "the device's path" grep -q '^/dev/ublkb0$' add.txt
    DEVICE=/dev/ublkb0
    server=$(server_pid)
    echo 1 >"$job/cgroup.kill"
    wait $! || true
    await 10 "the job is gone" rmdir "$job"
    [[ -e /proc/$server ]] || fail "the server has ended with its caller's cgroup"
    expect_equal "the server's cgroup" "$(<"/proc/$server/cgroup")" 0::/
    expect_equal "the first character of its name" "$(head -c 1 "/proc/$server/cmdline")" @
    tr '\0' '\n' <"/proc/$server/environ" >environ.txt
    ! grep -E '^(BUILD_ID|RUNNER_TRACKING_ID)=' environ.txt || fail "its environment is its caller's"
    write_zone 1 0 64K
    del_and_check disk.qcow2
}

# As root, the launcher runs only files that nobody but root and the owner of the checkout can change.
# runs: newest
runs_nothing_as_root_that_others_may_change() {
    local checkout other=$PWD/checkout
    checkout=$(readlink -f "$(type -P ublk-zoned)")
    checkout=${checkout%/scripts/*}
    mkdir -p "$other/scripts/lib/common" "$other/ublk-backend/target"
    cp "$checkout/scripts/ublk-zoned" "$other/scripts/"
    cp "$checkout/scripts/lib/common/"*.sh "$other/scripts/lib/common/"
    chmod 755 "$other" "$other/scripts" "$other"/ublk-backend{,/target}
    chown -R 65534:65534 "$other"
    expect_failure 1 "not built yet: run '$other/scripts/build' as nobody, who owns it" "$other/scripts/ublk-zoned" list
    cp -r "$checkout/ublk-backend/target/"{*.jar,modules} "$other/ublk-backend/target/"
    chown -R 65534:65534 "$other"
    chmod -R go-w "$other"
    expect_match "the version" "$("$other/scripts/ublk-zoned" --version)" '^ublk-zoned'
    chmod o+w "$other"/ublk-backend/target/modules/*.jar
    expect_failure 1 "/modules/.*.jar may be changed by users other than root" "$other/scripts/ublk-zoned" --version
}

answers_help_and_version_before_it_is_built() {
    local checkout other=$PWD/checkout command
    checkout=$(readlink -f "$(type -P ublk-zoned)")
    checkout=${checkout%/scripts/*}
    mkdir "$other"
    cp -r "$checkout/scripts" "$checkout/pom.xml" "$other/"
    expect_equal "the version" "$("$other/scripts/ublk-zoned" --version)" "$(ublk-zoned --version)"
    "$other/scripts/ublk-zoned" --help >help.txt
    expect_match "the help" "$(<help.txt)" "not built yet: run '$other/scripts/build'"
    while read -r command; do
        expect_match "the commands in the help" "$(<help.txt)" " $command(,|"$'\n'")"
    done < <(ublk-zoned --help | sed -n '1,/^Commands/d;/^$/q;s/^  \([^ ]*\) .*/\1/p')
    expect_failure 1 "not built yet, so there is no help for 'add': run '$other/scripts/build' first" "$other/scripts/ublk-zoned" add --help
    [[ ! -e $other/ublk-backend ]] || fail "something has been built"
}
