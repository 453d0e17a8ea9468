# shellcheck shell=bash
# Images and options that add refuses: it prints one sentence, exits with 1, leaves nothing behind, and does not change the
# image.

# _expect_refusal REGEX IMAGE [ADD-ARGUMENT]...
_expect_refusal() {
    local regex=$1 image=$2 before
    shift 2
    before=$(sha256sum <"$image")
    expect_failure 1 "$regex" ublk-zoned add "$image" "$@"
    expect_equal "the image's checksum after '$regex'" "$(sha256sum <"$image")" "$before"
    expect_equal "the devices after '$regex'" "$(_devices_now)" "${DEVICE:+$DEVICE ${DEVICE/ublkb/ublkc} }"
}

_devices_now() {
    find /dev -name 'ublk[bc]*' | sort | tr '\n' ' '
}

# runs: long
refuses_an_image_that_is_attached_already() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2
    ln disk.qcow2 other-name
    _expect_refusal "attached as $DEVICE" disk.qcow2
    _expect_refusal "attached as $DEVICE" other-name
    expect_failure 1 "attached as $DEVICE" ublk-zoned check disk.qcow2
    expect_failure 1 "attached as $DEVICE" ublk-zoned create --force disk.qcow2 256M --zone-size 16M
    # An id in use.
    new_image second.qcow2 --size 256M --zone-size 16M
    _expect_refusal "in use" second.qcow2 -n "${DEVICE#/dev/ublkb}"
    write_zone 0 0 4K
    del_and_check disk.qcow2
}

# runs: long
refuses_to_delete_a_device_in_use() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    modprobe f2fs
    modprobe zonefs
    mkzonefs -f "$DEVICE" >/dev/null
    mkdir mnt
    mount -t zonefs "$DEVICE" mnt
    expect_failure 1 "mount" ublk-zoned del "$DEVICE"
    umount mnt
    exec 9<"$DEVICE"
    expect_failure 1 "." ublk-zoned del "$DEVICE"
    exec 9<&-
    write_zone 5 0 4K
    del_and_check disk.qcow2
}

refuses_without_the_driver() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    rmmod ublk_drv
    trap 'modprobe ublk_drv; finish_test' EXIT
    _expect_refusal 'modprobe ublk_drv.*scripts/vm' disk.qcow2
    expect_failure 1 'modprobe ublk_drv' ublk-zoned features
    ublk-zoned doctor >doctor.txt && fail "doctor finds a host without the driver healthy"
    expect_match "what doctor says" "$(<doctor.txt)" "problem +module +ublk_drv is not loaded: run 'modprobe ublk_drv'"
    # Commands that need no driver work.
    ublk-zoned check disk.qcow2
    ublk-zoned report disk.qcow2 >/dev/null
    expect_equal "the list" "$(ublk-zoned list)" ''
}

# runs: newest
refuses_a_kernel_that_adding_a_device_would_crash() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    echo 6.17.0-1018-azure >osrelease
    mount --bind osrelease /proc/sys/kernel/osrelease
    trap 'umount /proc/sys/kernel/osrelease; finish_test' EXIT
    local sentence='Linux 6.17.0-1018-azure: adding a ublk device crashes this kernel; boot Linux 6.18.6 or newer'
    _expect_refusal "^ublk-zoned: $sentence$" disk.qcow2
    ublk-zoned doctor >doctor.txt && fail "doctor finds a kernel healthy that adding a device would crash"
    expect_match "what doctor says" "$(<doctor.txt)" "problem +kernel +$sentence"
}

# runs: long
refuses_users_other_than_root() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    local nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 777 . disk.qcow2
    expect_failure 1 'root' "${nobody[@]}" ublk-zoned add disk.qcow2
    chmod 444 disk.qcow2
    expect_failure 1 'permission' "${nobody[@]}" ublk-zoned add disk.qcow2
    expect_equal "the devices" "$(_devices_now)" ''
    ublk-zoned check disk.qcow2
}

# runs: long
refuses_without_liburing() {
    modprobe overlay || skip "this kernel has no overlayfs to hide liburing behind"
    new_image disk.qcow2 --size 256M --zone-size 16M
    local libraries
    libraries=$(dirname "$(ldconfig -p | gawk '/liburing\.so\.2/ { print $NF; exit }')")
    mkdir upper work
    # shellcheck disable=SC2016 # the inner shell expands them
    local hide='mount -t overlay -o "lowerdir=$0,upperdir=$PWD/upper,workdir=$PWD/work" none "$0" && rm -f "$0"/liburing.so.* && exec "$@"'
    expect_failure 1 'liburing' unshare -m bash -c "$hide" "$libraries" ublk-zoned add disk.qcow2
    expect_equal "the devices" "$(_devices_now)" ''
    # Commands on a file do not need it.
    unshare -m bash -c "$hide" "$libraries" ublk-zoned check disk.qcow2
}

# runs: newest
refuses_files_that_are_no_zoned_image() {
    expect_failure 1 'missing.qcow2' ublk-zoned add missing.qcow2
    expect_failure 1 '.' ublk-zoned add .
    : >empty
    _expect_refusal 'empty' empty
    pattern 1 1M >noise
    _expect_refusal 'noise.*qcow2' noise
    qemu-img create -q -f qcow2 plain.qcow2 256M
    _expect_refusal 'plain.qcow2.*zone' plain.qcow2
    qemu-img create -q -f qcow2 -o compat=0.10 old.qcow2 256M
    _expect_refusal 'old.qcow2.*version' old.qcow2
    new_image disk.qcow2 --size 256M --zone-size 16M
    head -c 200 disk.qcow2 >short.qcow2
    _expect_refusal 'short.qcow2' short.qcow2
    head -c 100000 disk.qcow2 >shorter.qcow2
    _expect_refusal 'shorter.qcow2' shorter.qcow2
}

# runs: long
refuses_blocks_larger_than_the_image_was_written_in() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2 --block-size 512
    if (($(sysfs queue/zone_write_granularity) > 512)); then
        del_and_check disk.qcow2
        skip "this kernel takes no sequential writes of 512 bytes on a device with physical blocks of 4096"
    fi
    pattern 1 512 | dd of="$DEVICE" bs=512 oflag=direct conv=nocreat,notrunc status=none
    del_and_check disk.qcow2
    DEVICE=
    _expect_refusal 'block-size 512' disk.qcow2
    attach disk.qcow2 --block-size 512
    expect_zones "0 closed 512"
    del_and_check disk.qcow2
}
