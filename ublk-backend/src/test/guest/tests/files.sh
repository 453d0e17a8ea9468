# shellcheck shell=bash
# Files that commands find, make and replace: read-only mounts, immutable files, devices, links, and races for a name.

# An ext4 on a loop device: mnt.
_mount_ext4() {
    modprobe loop
    truncate -s 64M disk.img
    LOOP=$(losetup --show -f disk.img)
    mkfs.ext4 -q "$LOOP"
    mkdir mnt
    mount "$LOOP" mnt
}

_unmount_ext4() {
    umount mnt
    losetup -d "$LOOP"
}

# _expect_readable IMAGE
_expect_readable() {
    ublk-zoned check "$1"
    expect_match "info" "$(ublk-zoned info "$1")" 'not attached'
    expect_equal "the last zone" "$(our_zones "$1" | tail -n 1)" "15 $((240 << 20)) $((16 << 20)) 0 empty"
}

# _expect_unwritable IMAGE REGEX
_expect_unwritable() {
    local before
    before=$(sha256sum <"$1")
    expect_failure 1 "$2" ublk-zoned add "$1"
    expect_failure 1 "$2" ublk-zoned zone finish "$1" 3
    expect_failure 1 "$2" ublk-zoned check -r all "$1"
    expect_failure 1 "$2" ublk-zoned convert-layout "$1" v6
    expect_failure 1 "$2" ublk-zoned create --force "$1" 256M
    expect_equal "the image's checksum" "$(sha256sum <"$1")" "$before"
    expect_equal "the files" "$(ls -A "${1%/*}")" "$3"
    [[ ! -e /run/ublk-zoned ]] || fail "a run directory is left"
}

# seconds: 900
# runs: newest
reads_images_on_read_only_mounts_and_immutable_ones() {
    _mount_ext4
    rmdir mnt/lost+found
    new_image mnt/disk.qcow2 --size 256M --zone-size 16M
    chattr +i mnt/disk.qcow2
    _expect_readable mnt/disk.qcow2
    _expect_unwritable mnt/disk.qcow2 '^ublk-zoned: mnt/disk.qcow2: it .*is immutable or append-only' disk.qcow2
    chattr -i mnt/disk.qcow2
    mount -o remount,ro mnt
    _expect_readable mnt/disk.qcow2
    _expect_unwritable mnt/disk.qcow2 '^ublk-zoned: mnt/disk.qcow2: its file system is mounted read-only$' disk.qcow2
    expect_failure 1 'mnt/new.qcow2: its file system is mounted read-only' ublk-zoned create mnt/new.qcow2 1G
    _unmount_ext4
}

# seconds: 900
# runs: newest
refuses_what_is_not_a_regular_file() {
    modprobe loop
    new_image disk.qcow2 --size 256M --zone-size 16M
    cp --sparse=always disk.qcow2 disk.img
    local loop before command
    loop=$(losetup --show -f disk.img)
    before=$(sha256sum <disk.img)
    for command in add check info report 'create --size=1G' 'create --force --size=1G'; do
        # shellcheck disable=SC2086 # words
        expect_failure 1 "^ublk-zoned: $loop is a block device, and an image is a regular file: make a file system on the device" \
            ublk-zoned $command "$loop"
    done
    losetup -d "$loop"
    expect_equal "the device's checksum" "$(sha256sum <disk.img)" "$before"
    mkfifo fifo
    expect_failure 1 'fifo is a FIFO' timeout 120 ublk-zoned add fifo
    expect_failure 1 'fifo is a FIFO' timeout 120 ublk-zoned report fifo
    expect_failure 1 "^ublk-zoned: $PWD is a directory" ublk-zoned add "$PWD"
    ln -s nowhere link
    expect_failure 1 'link is a symbolic link to nowhere, which does not exist' ublk-zoned add link
    expect_equal "the devices" "$(find /dev -name 'ublk[bc]*')" ''
}

# seconds: 900
# runs: newest
names_the_reason_when_an_image_cannot_be_made() {
    mkdir mnt
    mount -t tmpfs -o size=64K tmpfs mnt
    echo kept >mnt/other
    expect_failure 1 '^ublk-zoned: mnt/disk.qcow2: its file system is full$' ublk-zoned create mnt/disk.qcow2 128T --zone-size 2G
    expect_failure 1 '^ublk-zoned: mnt/other: its file system is full$' ublk-zoned create --force mnt/other 128T --zone-size 2G
    expect_equal "the files" "$(ls -A mnt)" other
    expect_equal "the file" "$(<mnt/other)" kept
    umount mnt

    new_image disk.qcow2 --size 256M --zone-size 16M
    local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 755 .
    chmod 600 disk.qcow2
    expect_failure 1 '^ublk-zoned: disk.qcow2: no permission to read it$' "${nobody[@]}" ublk-zoned report disk.qcow2
    chmod 644 disk.qcow2
    expect_failure 1 '^ublk-zoned: disk.qcow2: no permission to write to it$' "${nobody[@]}" ublk-zoned zone reset disk.qcow2 1
    expect_failure 1 '^ublk-zoned: new.qcow2: no permission to make files in its directory$' \
        "${nobody[@]}" ublk-zoned create new.qcow2 1G
    expect_failure 1 '^ublk-zoned: disk.qcow2: no permission to make files in its directory$' \
        "${nobody[@]}" ublk-zoned create --force disk.qcow2 1G

    touch mount-point
    mount --bind disk.qcow2 mount-point
    expect_failure 1 '^ublk-zoned: mount-point: a mount point cannot be replaced$' ublk-zoned create --force mount-point 1G
    umount mount-point
    ublk-zoned check disk.qcow2
}

# create --force also replaces a file of another user that this user cannot read and that is not an image.
# seconds: 600
# runs: newest
replaces_any_file_that_nobody_uses() {
    mkdir shared
    chmod 777 . shared
    echo 'a letter' >shared/letter
    chmod 600 shared/letter
    setpriv --reuid=65534 --regid=65534 --clear-groups ublk-zoned create --force shared/letter 256M
    expect_equal "mode and owner" "$(stat -c '%a %u' shared/letter)" '600 65534'
    expect_equal "the files" "$(ls -A shared)" letter
    chmod 640 shared/letter
    ublk-zoned create --force shared/letter 512M
    expect_equal "mode and owner" "$(stat -c '%a %u' shared/letter)" '640 65534'
    ublk-zoned check shared/letter
}

# Another process repeatedly replaces the image by a link to a file of root.
# With --force, create would follow a link that exists when it starts.
# seconds: 900
# runs: newest
makes_an_image_without_following_a_link_that_appears() {
    echo 'of root' >victim
    python3 -c '
import os, sys
while True:
    try:
        os.symlink(sys.argv[1], "disk.qcow2")
        os.unlink("disk.qcow2")
    except OSError:
        pass
    try:
        os.unlink("disk.qcow2")
    except OSError:
        pass' "$PWD/victim" &
    local swapper=$! i
    for i in 1 2 3 4 5 6; do
        ublk-zoned create disk.qcow2 1G >create.txt 2>&1 || true
        echo "--- $i: $(<create.txt)"
        expect_equal "the victim" "$(<victim)" 'of root'
    done
    kill "$swapper"
    wait "$swapper" || true
    rm -f disk.qcow2
    expect_equal "the files" "$(ls -A)" $'create.txt\nvictim'
}

# create --force and add run at the same time. Whichever is first, no server may serve a file that has lost its name.
# seconds: 900
# runs: newest
serves_the_file_that_has_the_name_while_it_is_replaced() {
    local round added created server
    new_image disk.qcow2 --size 256M --zone-size 16M
    for round in 1 2 3; do
        ublk-zoned create --force disk.qcow2 --size 256M --zone-size 16M >create.txt 2>&1 &
        created=$!
        # add starts later in each round.
        sleep "$((round - 1))"
        added=0
        DEVICE=$(ublk-zoned add disk.qcow2 2>add.txt) || added=$?
        wait "$created" || expect_match "the error of create" "$(<create.txt)" 'attached as|in use'
        echo "round $round: create said $(<create.txt), add $DEVICE $(<add.txt)"
        if ((added != 0)); then
            expect_match "the error of add" "$(<add.txt)" 'in use'
            continue
        fi
        server=$(server_pid)
        find "/proc/$server/fd" -lname "$PWD/disk.qcow2" -print -quit | grep -q . || fail "the server has another file open: $(ls -l "/proc/$server/fd")"
        write_zone 3 0 64K
        detach
        attach disk.qcow2
        expect_zones "3 closed 64K"
        cmp <(pattern $((3 * 16777216)) 64K) <(read_zone 3 0 64K)
        del_and_check disk.qcow2
    done
    expect_equal "the files" "$(find . -name '.ublk-zoned-*')" ''
}

# seconds: 600
# runs: newest
removes_an_unfinished_image_on_a_signal() {
    local signal command name status
    echo 'a letter' >letter
    for signal in INT TERM; do
        for command in 'create new.qcow2' 'create --force letter'; do
            name=.ublk-zoned-
            [[ $command = *letter ]] || name=new.qcow2
            # shellcheck disable=SC2086 # words
            python3 -c '
import signal, os, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
os.execvp(sys.argv[1], sys.argv[1:])' ublk-zoned $command 128T --zone-size 2G >create.txt 2>&1 &
            until compgen -G "$name*" >/dev/null; do
                kill -0 $! 2>/dev/null || break
            done
            kill "-$signal" $! || true
            status=0
            wait $! || status=$?
            echo "$command ends with $status after SIG$signal: $(<create.txt)"
            ((status == 128 + $(kill -l "$signal"))) || fail "the signal came too late"
            expect_equal "the files" "$(ls -A)" $'create.txt\nletter'
            expect_equal "the letter" "$(<letter)" 'a letter'
        done
    done
}
