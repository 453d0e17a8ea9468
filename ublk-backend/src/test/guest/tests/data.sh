# shellcheck shell=bash
# Data are read back as they were written, by each way of transfer. Zoned writes use libaio or psync, because io_uring reorders
# them.

# _fio NAME OPTION...: runs a job that verifies what it writes, and makes sure that it did
_fio() {
    local name=$1
    shift
    fio --name="$name" --filename="$DEVICE" --direct=1 --zonemode=zbd --verify=crc32c --verify_fatal=1 --do_verify=1 \
        --group_reporting --output-format=json --output="$name.json" "$@" || {
        sed '/^{/,$d' "$name.json"
        fail "fio $name failed"
    }
    python3 - "$name.json" <<'END'
import json, sys
text = open(sys.argv[1]).read()
job = json.loads(text[text.index("{"):])["jobs"][0]
written, read = job["write"]["io_bytes"], job["read"]["io_bytes"]
print("written", written, "verified", read)
assert job["error"] == 0 and written > 0 and read >= written, job["error"]
END
}

_data_tests() {
    # Four zones from one job, then two jobs with four zones each, several requests at a time.
    _fio sequential --rw=write --bs=128k --ioengine=libaio --iodepth=8 --offset=64M --size=64M
    _fio jobs --rw=write --bs=64k --ioengine=libaio --iodepth=16 --numjobs=2 --offset=128M --size=64M --offset_increment=64M
    _fio small --rw=write --bs=16k --ioengine=psync --offset=256M --size=16M
    _fio random --rw=randwrite --bs=16k --ioengine=libaio --iodepth=8 --offset=320M --size=32M --io_size=16M --max_open_zones=2
    _fio conventional --rw=randwrite --bs=4k --ioengine=libaio --iodepth=32 --offset=0 --size=32M --io_size=16M
    kernel_zones >zones.txt
    _read_all >before.sum
    detach
    attach "$1"
    _read_all >after.sum
    expect_same "the data before and after del and add" before.sum after.sum
    as_after_power_cycle <zones.txt >expected.txt
    kernel_zones >zones.txt
    expect_same "the zones before and after del and add" expected.txt zones.txt
    del_and_check "$1"
}

_read_all() {
    dd if="$DEVICE" bs=1M iflag=direct status=none | sha256sum
}

writes_and_verifies_with_fio() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    _data_tests disk.qcow2
}

# Makes an image on a file system: mnt/disk.qcow2.
_image_on_ext4() {
    truncate -s 1G ext4.img
    mkfs.ext4 -q ext4.img
    mkdir mnt
    modprobe loop
    mount -o loop ext4.img mnt
    new_image mnt/disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
}

# runs: long
writes_and_verifies_with_fio_on_an_image_on_ext4() {
    _image_on_ext4
    attach mnt/disk.qcow2
    _data_tests mnt/disk.qcow2
    umount mnt
}

# runs: long
bypasses_the_page_cache_if_told_to() {
    _image_on_ext4
    attach mnt/disk.qcow2 --cache none
    write_zone 4 0 16M
    _fio mixed --rw=write --bssplit=4k/40:64k/40:128k/20 --ioengine=libaio --iodepth=8 --offset=96M --size=64M
    kill_server
    recover_device
    _fio conventional --rw=randwrite --bs=4k --ioengine=libaio --iodepth=16 --offset=0 --size=16M --io_size=4M
    blkzones reset 6 1
    write_zone 6 0 64K
    cmp <(pattern $((6 * 16777216)) 64K; head -c 1M /dev/zero) <(read_zone 6 0 1088K)
    local cached
    cached=$(fincore --bytes --noheadings --output RES mnt/disk.qcow2)
    ((cached < 8 << 20)) || fail "$cached bytes of the image are in the page cache"
    cmp <(pattern $((4 * 16777216)) 16M) <(read_zone 4 0 16M)
    _read_all >direct.sum
    del_and_check mnt/disk.qcow2
    attach mnt/disk.qcow2
    _read_all >cached.sum
    expect_same "the data past the page cache and through it" direct.sum cached.sum
    del_and_check mnt/disk.qcow2
    mkdir memory
    mount -t ramfs ramfs memory
    cp --sparse=always mnt/disk.qcow2 memory
    expect_failure 1 "memory/disk.qcow2: its file system has no direct I/O; add it with --cache writeback" \
        ublk-zoned add --cache none memory/disk.qcow2
    umount memory
    umount mnt
}

reads_zeros_beyond_the_write_pointer() {
    new_image disk.qcow2 --size 256M --zone-size 16M --zone-capacity 12M --conventional-zones 2
    attach disk.qcow2
    write_zone 3 0 68K
    # Reads the rest of the cluster, of the capacity and of the zone, a zone that was never written, and a conventional zone.
    cmp <(pattern $((3 * 16777216)) 68K) <(read_zone 3 0 68K)
    cmp -n $((16777216 - 69632)) /dev/zero <(read_zone 3 68K $((16777216 - 69632)))
    cmp -n 16777216 /dev/zero <(read_zone 4 0 16M)
    cmp -n 16777216 /dev/zero <(read_zone 1 0 16M)
    # One read across the write pointer, and one across zones.
    cmp <(pattern $((3 * 16777216)) 68K; head -c 60K /dev/zero) <(read_zone 3 0 128K)
    write_zone 5 0 12M
    write_zone 6 0 64K
    cmp <(pattern $((5 * 16777216)) 12M; head -c 4M /dev/zero; pattern $((6 * 16777216)) 64K) <(read_zone 5 0 $((16777216 + 65536)))
    # After a finish and a reset, old data cannot be read.
    blkzones finish 3 1
    cmp -n $((16777216 - 69632)) /dev/zero <(read_zone 3 68K $((16777216 - 69632)))
    blkzones reset 3 1
    cmp -n 1048576 /dev/zero <(read_zone 3 0 1M)
    write_zone 3 0 4K
    cmp -n 61440 /dev/zero <(read_zone 3 4K 60K)
    del_and_check disk.qcow2
}

# runs: long
keeps_data_through_del_and_add_by_the_page_cache_too() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach disk.qcow2
    pattern 1 3M | dd of="$DEVICE" bs=64K iflag=fullblock seek=1000 oflag=seek_bytes conv=nocreat,notrunc,fsync status=none
    write_zone 2 0 16M
    write_zone 3 0 1M
    detach
    attach disk.qcow2
    cmp <(pattern 1 3M) <(dd if="$DEVICE" bs=1M iflag=skip_bytes,count_bytes skip=1000 count=3M status=none)
    cmp <(pattern $((2 * 16777216)) 16M; pattern $((3 * 16777216)) 1M) <(read_zone 2 0 17M)
    write_zone 3 1M 4K
    expect_zones "2 full 16M" "3 implicit-open 1028K"
    del_and_check disk.qcow2
}

# runs: long
serves_with_other_block_sizes_queues_and_depths() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach disk.qcow2 --block-size 512 -q 1 -d 1
    expect_equal "the number of queues" "$(find "/sys/block/${DEVICE#/dev/}/mq" -mindepth 1 -maxdepth 1 -type d | wc -l)" 1
    if (($(sysfs queue/zone_write_granularity) == 512)); then
        pattern 1 512 | dd of="$DEVICE" bs=512 seek=$((2 * 32768)) oflag=direct conv=nocreat,notrunc status=none
        expect_zones "2 implicit-open 512"
        pattern 2 3584 | dd of="$DEVICE" bs=512 seek=$((2 * 32768 + 1)) iflag=fullblock oflag=direct conv=nocreat,notrunc status=none
        expect_zones "2 implicit-open 4K"
    fi
    _fio shallow --rw=write --bs=32k --ioengine=libaio --iodepth=4 --offset=48M --size=16M
    detach
    attach disk.qcow2 -q 4 -d 1024 -n 5
    expect_equal "the device" "$DEVICE" /dev/ublkb5
    _fio deep --rw=write --bs=64k --ioengine=libaio --iodepth=256 --offset=64M --size=32M
    _fio deep2 --rw=write --bs=16k --ioengine=libaio --iodepth=64 --offset=128M --size=32M --numjobs=2 --offset_increment=32M
    del_and_check disk.qcow2
}

# _copied COMMAND...: prints the number of bytes that the server reads by plain calls, including copies from requests, during a
# command
_copied() {
    local io before after
    io=/proc/$(server_pid)/io
    before=$(gawk '$1 == "rchar:" { print $2 }' "$io")
    "$@"
    after=$(gawk '$1 == "rchar:" { print $2 }' "$io")
    echo $((after - before))
}

# runs: long
moves_large_requests_without_a_copy_where_the_kernel_can() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach disk.qcow2 -q 1 -d 4
    write_zone 2 0 16M
    local copied zero_copy=
    ! ublk-zoned features | grep -qx SUPPORT_ZERO_COPY || zero_copy=yes
    copied=$(_copied write_zone 3 0 16M)
    if [[ -n $zero_copy ]]; then
        ((copied < 1 << 20)) || fail "$copied bytes of 16 MiB were copied"
    else
        ((copied >= 16 << 20)) || fail "$copied bytes of 16 MiB were copied"
    fi
    _fio mixed --rw=write --bssplit=4k/40:64k/40:128k/20 --ioengine=libaio --iodepth=8 --offset=64M --size=64M
    kill_server
    recover_device
    write_zone 8 0 16M
    copied=$(_copied write_zone 9 0 16M)
    echo "$copied bytes were copied after recovery"
    if [[ -n $zero_copy ]]; then
        ((copied < 1 << 20)) || fail "$copied bytes of 16 MiB were copied after recovery"
    fi
    cmp <(pattern $((2 * 16777216)) 16M; pattern $((3 * 16777216)) 16M) <(read_zone 2 0 32M)
    cmp <(pattern $((8 * 16777216)) 16M; pattern $((9 * 16777216)) 16M) <(read_zone 8 0 32M)
    # Requests of 512K, each of two parts: clusters taken at 5M, then at 4.5M, then at 4M.
    local at
    for at in 5M 4608K 4M; do
        write_zone 1 "$at" 4K
    done
    at=$((16777216 + (4352 << 10)))
    pattern 5 1M | dd of="$DEVICE" bs=512K iflag=fullblock oflag=direct,seek_bytes seek="$at" conv=nocreat,notrunc status=none
    cmp <(pattern 5 1M) <(dd if="$DEVICE" bs=512K iflag=direct,skip_bytes skip="$at" count=2 status=none)
    # Clusters beyond the end of the image file.
    write_zone 0 1M 4K
    cmp <(pattern 1048576 4K; head -c 508K /dev/zero) <(read_zone 0 1M 512K)
    detach
    attach disk.qcow2 -q 1 -d 4 --no-zero-copy
    cmp <(pattern $((2 * 16777216)) 16M; pattern $((3 * 16777216)) 16M) <(read_zone 2 0 32M)
    write_zone 10 0 16M
    copied=$(_copied write_zone 11 0 16M)
    ((copied >= 16 << 20)) || fail "$copied bytes of 16 MiB were copied with --no-zero-copy"
    cmp <(pattern $((11 * 16777216)) 16M) <(read_zone 11 0 16M)
    del_and_check disk.qcow2
}
