# shellcheck shell=bash
# The file system of the image is full, or its disk fails.

# runs: long
goes_on_when_the_file_system_is_full() {
    mkdir mnt
    mount -t tmpfs -o size=24M tmpfs mnt
    new_image mnt/disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach mnt/disk.qcow2
    write_zone 2 0 8M
    # Write until the file system is full. dd reports how much it has written.
    local zone=3 pointer
    while dd if=/dev/zero of="$DEVICE" bs=64K count=256 oflag=direct,seek_bytes seek=$((zone * 16777216)) conv=nocreat,notrunc \
        2>dd.txt; do
        zone=$((zone + 1))
        ((zone < 8)) || fail "the file system was never full"
    done
    expect_match "what dd says" "$(<dd.txt)" "No space left on device"
    pointer=$(($(sed -n 's/^\([0-9]*\)+0 records out/\1/p' dd.txt) * 65536))
    expect_equal "the write pointer of the zone that did not fit" "$(kernel_zones | gawk -v zone="$zone" '$1 == zone { print $4 }')" \
        "$pointer"
    expect_error "No space left on device" write_zone 9 0 64K
    expect_zones "9 [a-z-]* 0"
    cmp <(pattern $((2 * 16777216)) 8M) <(read_zone 2 0 8M)
    # Space that a reset frees can be written again.
    blkzones reset "$zone" 1
    write_zone 9 0 64K conv=nocreat,notrunc,fsync
    cmp <(pattern $((9 * 16777216)) 64K) <(read_zone 9 0 64K)
    cmp <(pattern $((2 * 16777216)) 8M) <(read_zone 2 0 8M)
    del_and_check mnt/disk.qcow2
    umount mnt
}

# Mounts a file system on a disk that the test can make fail.
_mount_disk() {
    modprobe loop
    modprobe dm-mod
    truncate -s 512M disk.img
    LOOP=$(losetup --show -f disk.img)
    dmsetup create faulty --table "0 $((512 * 2048)) linear $LOOP 0"
    mkfs.ext4 -q /dev/mapper/faulty
    mkdir mnt
    mount /dev/mapper/faulty mnt
}

_unmount_disk() {
    umount mnt
    dmsetup remove --retry faulty
    losetup -d "$LOOP"
}

# _disk TARGET...: replaces the device-mapper target below the file system
_disk() {
    dmsetup suspend --noflush --nolockfs faulty
    dmsetup load faulty --table "0 $((512 * 2048)) $*"
    dmsetup resume faulty
}

# runs: long
loses_nothing_flushed_when_the_disk_fails() {
    _mount_disk
    new_image mnt/disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach mnt/disk.qcow2
    write_zone 2 0 1M conv=nocreat,notrunc,fsync
    write_zone 0 0 64K conv=nocreat,notrunc,fsync
    _disk error
    write_zone 2 1M 64K || true
    expect_error "Input/output error" sync "$DEVICE"
    expect_error "Input/output error" sync "$DEVICE"
    expect_failure 1 "ended without closing its image" ublk-zoned del "$DEVICE"
    [[ ! -e $DEVICE ]] || fail "$DEVICE is still there after del"
    _disk linear "$LOOP" 0
    umount mnt
    mount /dev/mapper/faulty mnt
    ublk-zoned del "$DEVICE"
    attach mnt/disk.qcow2
    expect_zones "2 closed"
    cmp <(pattern $((2 * 16777216)) 1M) <(read_zone 2 0 1M)
    cmp <(pattern 0 64K) <(read_zone 0 0 64K)
    del_and_check mnt/disk.qcow2
    _unmount_disk
}

# The device accepts memory aligned to 4 bytes. With --cache none, large requests pass the client's pages to the disk (zero
# copy), which requires alignment to 512 bytes, and on some kernels to its sector size.
# runs: newest
takes_memory_that_the_disk_would_not_take() {
    modprobe loop
    truncate -s 512M disk.img
    local loop
    loop=$(losetup --show --sector-size 4096 -f disk.img)
    (($(cat "/sys/block/${loop#/dev/}/queue/dma_alignment") >= 511)) || fail "the disk takes any memory"
    mkfs.ext4 -q "$loop"
    mkdir mnt
    mount "$loop" mnt
    new_image mnt/disk.qcow2 --size 64M --zone-size 16M
    attach mnt/disk.qcow2 --cache none
    pattern 16777216 4M >data
    python3 - "$DEVICE" 16777216 data <<'END'
import mmap, os, sys
device = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
place = int(sys.argv[2])
expected = open(sys.argv[3], "rb").read()
memory = mmap.mmap(-1, 1 << 20)
written = 0
for alignment in 4, 512:
    for size in 4 << 10, 16 << 10, 32 << 10, 128 << 10, 512 << 10:
        buffer = memoryview(memory)[alignment:alignment + size]
        buffer[:] = expected[written:written + size]
        assert os.pwrite(device, buffer, place + written) == size, (alignment, size)
        buffer[:] = bytes(size)
        assert os.preadv(device, [buffer], place + written) == size, (alignment, size)
        assert buffer == expected[written:written + size], (alignment, size)
        written += size
END
    expect_zones "1 implicit-open 1384K"
    cmp <(pattern 16777216 1384K) <(read_zone 1 0 1384K)
    del_and_check mnt/disk.qcow2
    umount mnt
    losetup -d "$loop"
}
