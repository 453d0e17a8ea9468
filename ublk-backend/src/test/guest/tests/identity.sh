# shellcheck shell=bash
# The saved state of a dead server belongs to one image: not to a path, to another image or to another boot.

_IMAGE=(--size 256M --zone-size 16M --conventional-zones 2)

# _die_unflushed IMAGE: attaches the image, writes 8M to zone 3 and 64K to zone 0 without a flush, and kills the server
_die_unflushed() {
    attach "$1" "${@:2}"
    write_zone 3 0 8M
    write_zone 0 1M 64K
    kill_server
}

# Verifies that the device has all acknowledged data.
_expect_unflushed() {
    expect_zones "3 [a-z-]* 8M"
    cmp <(pattern $((3 * 16777216)) 8M) <(read_zone 3 0 8M)
    cmp <(pattern 1048576 64K) <(read_zone 0 1M 64K)
}

# seconds: 1200
recovers_and_deletes_the_device_of_an_image_that_was_renamed() {
    new_image disk.qcow2 "${_IMAGE[@]}"
    _die_unflushed disk.qcow2
    mv disk.qcow2 renamed.qcow2
    expect_failure 1 "$PWD/disk.qcow2 is not taken for the image of device 0: it is not there any more; name the image with --image" \
        ublk-zoned recover 0
    expect_failure 1 "it is not there any more" ublk-zoned del 0
    expect_failure 1 "renamed.qcow2 is that of device 0, whose server died" ublk-zoned add renamed.qcow2
    expect_failure 1 "renamed.qcow2 is that of device 0, whose server died" ublk-zoned check --repair all renamed.qcow2
    expect_equal "what recover prints" "$(ublk-zoned recover --image renamed.qcow2 0)" "$DEVICE"
    _expect_unflushed
    expect_match "the list" "$(ublk-zoned list)" "$PWD/renamed.qcow2$"
    write_zone 4 0 64K
    kill_server
    mv renamed.qcow2 again.qcow2
    ublk-zoned del --image again.qcow2 0
    ublk-zoned check again.qcow2
    attach again.qcow2
    _expect_unflushed
    expect_zones "4 closed 64K"
    del_and_check again.qcow2
}

# runs: newest
# seconds: 1200
keeps_the_state_from_every_image_but_its_own() {
    new_image disk.qcow2 "${_IMAGE[@]}"
    attach disk.qcow2
    write_zone 5 0 64K conv=nocreat,notrunc,fsync
    cp disk.qcow2 backup.qcow2
    detach
    _die_unflushed disk.qcow2
    cp disk.qcow2 disk.keep
    mv disk.qcow2 moved.qcow2
    new_image fresh.qcow2 "${_IMAGE[@]}"
    local wrong before
    for wrong in fresh.qcow2 backup.qcow2; do
        cp "$wrong" disk.qcow2
        before=$(sha256sum <disk.qcow2)
        expect_failure 1 "that is another file now" ublk-zoned recover 0
        expect_failure 1 "that is another file now" ublk-zoned del 0
        expect_failure 1 "is not taken for the image of device 0: this is not the image that the device was attached to" \
            ublk-zoned recover --image disk.qcow2 0
        expect_failure 1 "this is not the image that the device was attached to" ublk-zoned del --image disk.qcow2 0
        expect_equal "the image" "$(sha256sum <disk.qcow2)" "$before"
    done
    # The same inode with other contents.
    cat backup.qcow2 >moved.qcow2
    expect_failure 1 "this is not the image" ublk-zoned recover --image moved.qcow2 0
    cat disk.keep >moved.qcow2
    ublk-zoned recover --image moved.qcow2 0
    _expect_unflushed
    del_and_check moved.qcow2
}

# runs: newest
# seconds: 1200
takes_a_copy_on_another_file_system_that_has_everything() {
    new_image disk.qcow2 "${_IMAGE[@]}"
    mkdir mnt
    mount -t tmpfs -o size=128M tmpfs mnt
    _die_unflushed disk.qcow2
    cp --sparse=always disk.qcow2 older.qcow2
    ublk-zoned recover 0
    write_zone 3 8M 64K
    kill_server
    mv disk.qcow2 mnt/
    expect_failure 1 "older copy" ublk-zoned recover --image older.qcow2 0
    ublk-zoned recover --image mnt/disk.qcow2 0
    expect_zones "3 [a-z-]* 8256K"
    cmp <(pattern $((3 * 16777216)) 8M) <(read_zone 3 0 8M)
    del_and_check mnt/disk.qcow2
    umount mnt
}

# runs: newest
# seconds: 1200
gives_up_a_state_when_it_is_told_to() {
    new_image disk.qcow2 "${_IMAGE[@]}"
    attach disk.qcow2
    expect_failure 1 "has a server, pid [0-9]*, which closes its image: del without --discard" ublk-zoned del --discard 0
    write_zone 2 0 64K conv=nocreat,notrunc,fsync
    write_zone 3 0 64K
    kill_server
    rm disk.qcow2
    new_image disk.qcow2 "${_IMAGE[@]}"
    expect_failure 1 "that is another file now" ublk-zoned del 0
    ublk-zoned del --discard 0
    [[ ! -e $DEVICE && ! -e /run/ublk-zoned ]] || fail "the device or its folder is still there"
    ublk-zoned check disk.qcow2
}

# runs: newest
# seconds: 1200
resumes_whatever_there_is() {
    new_image disk.qcow2 "${_IMAGE[@]}"
    DEVICE=$(ublk-zoned add --resume disk.qcow2)
    expect_failure 1 "disk.qcow2 is attached as $DEVICE" ublk-zoned add --resume disk.qcow2
    write_zone 3 0 8M
    write_zone 0 1M 64K
    kill -KILL "$(server_pid)"
    expect_equal "what add --resume prints" "$(ublk-zoned add --resume disk.qcow2)" "$DEVICE"
    _expect_unflushed
    kill_server
    ln disk.qcow2 other.qcow2
    expect_failure 1 "it cannot become device 3" ublk-zoned add --resume -n 3 disk.qcow2
    expect_equal "what add --resume prints" "$(ublk-zoned add --resume other.qcow2)" "$DEVICE"
    _expect_unflushed
    del_and_check disk.qcow2
    new_image disk.qcow2 "${_IMAGE[@]}"
    _die_unflushed disk.qcow2 --recovery off
    DEVICE=$(ublk-zoned add --resume disk.qcow2)
    _expect_unflushed
    del_and_check disk.qcow2
}

# runs: newest
# seconds: 1200
ignores_the_state_of_another_boot() {
    new_image disk.qcow2 "${_IMAGE[@]}"
    _die_unflushed disk.qcow2 --recovery off
    # The state of a /run that survives a reboot: the files are there, but the kernel no longer has the device.
    cp -a /run/ublk-zoned/0 left
    ublk-zoned del --discard 0
    mkdir /run/ublk-zoned
    cp -a left /run/ublk-zoned/0
    echo 01234567-89ab-cdef-0123-456789abcdef >/run/ublk-zoned/0/boot
    expect_equal "the list" "$(ublk-zoned list)" ''
    expect_failure 1 "there is no device 0" ublk-zoned recover 0
    attach disk.qcow2
    expect_equal "the device" "$DEVICE" /dev/ublkb0
    expect_zones "3 empty 0"
    del_and_check disk.qcow2
}

# runs: newest
# seconds: 1200
names_the_image_as_it_is_named() {
    mkdir 'two  blanks' elsewhere
    ln -s "$PWD/elsewhere/../two  blanks" link
    local name=$'d\u00fcsk .qcow2 '
    new_image "two  blanks/$name" "${_IMAGE[@]}"
    _die_unflushed "link/$name"
    expect_equal "the end of the list" "$(ublk-zoned list | sed 's/.*quiesced  pid -1  //')" "$PWD/two  blanks/$name"
    rm link
    ublk-zoned recover 0
    _expect_unflushed
    expect_match "the report" "$(ublk-zoned report --map "two  blanks/$name")" "^$DEVICE"
    mv "two  blanks/$name" "two  blanks/b"
    new_image "two  blanks/$name" "${_IMAGE[@]}"
    expect_match "the report" "$(ublk-zoned report --map "two  blanks/b")" "^$DEVICE"
    expect_equal "a report of the new image" "$(ublk-zoned report -o 48M -c 1 "two  blanks/$name" | tail -n 1 | gawk '{ print $NF }')" empty
    expect_equal "what add prints" "$(ublk-zoned add "two  blanks/$name")" /dev/ublkb1
    ublk-zoned del -a
}

# runs: newest
# seconds: 1200
is_root_alone_in_run_whatever_the_umask() {
    new_image disk.qcow2 "${_IMAGE[@]}"
    local mask
    for mask in 0 077 0777; do
        (umask "$mask" && attach disk.qcow2)
        expect_equal "what others may use with umask $mask" "$(find /run/ublk-zoned ! -type l -perm /077)" ''
        ublk-zoned zone readonly 0 3
        DEVICE=/dev/ublkb0
        kill_server
        (umask "$mask" && ublk-zoned recover 0)
        ublk-zoned zone recover 0 3
        expect_equal "what others may use with umask $mask" "$(find /run/ublk-zoned ! -type l -perm /077)" ''
        del_and_check disk.qcow2
    done
}

# runs: newest
# seconds: 1200
has_no_scheduler_with_one_queue() {
    new_image disk.qcow2 "${_IMAGE[@]}"
    modprobe mq-deadline || true
    attach disk.qcow2 -q 1
    expect_match "the scheduler" "$(sysfs queue/scheduler)" '\[none\]'
    write_zone 2 0 64K
    kill_server
    recover_device
    expect_match "the scheduler" "$(sysfs queue/scheduler)" '\[none\]'
    del_and_check disk.qcow2
}
