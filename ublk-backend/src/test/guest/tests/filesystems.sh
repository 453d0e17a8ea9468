# shellcheck shell=bash
# File systems for zoned devices: made, filled, and found again after del and add.

# _fill FOLDER FILES: writes files of many sizes, then deletes and rewrites some; leaves their checksums in ./sums
_fill() {
    local folder=$1 files=$2 i
    mkdir -p "$folder"/{a,b/c}
    for ((i = 0; i < files; i++)); do
        pattern $((i * 1234567)) "$(_size "$i")" >"$folder/$(_name "$i")"
    done
    sync -f "$folder"
    for ((i = 0; i < files; i += 3)); do
        rm "$folder/$(_name "$i")"
    done
    for ((i = 1; i < files; i += 6)); do
        pattern $((i * 7654321)) "$(_size $((i + 5)))" >"$folder/$(_name "$i")"
    done
    for ((i = 2; i < files; i += 6)); do
        pattern $((i * 99)) 10000 >>"$folder/$(_name "$i")"
    done
    _sums "$folder" >sums
    (($(wc -l <sums) > files / 2)) || fail "there are only $(wc -l <sums) files"
}

# _size N: prints a size for file N, from 0 to 3 MiB
_size() {
    local sizes=(0 1 511 4096 4097 65536 100000 262144 1000003 3145728)
    echo "${sizes[$1 % ${#sizes[@]}]}"
}

_name() {
    local folders=(. a b/c)
    echo "${folders[$1 % 3]}/file$1"
}

_sums() {
    (cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
}

# _expect_sums FOLDER: the files in it are those of ./sums
_expect_sums() {
    _sums "$1" >sums.now
    expect_same "the files' checksums" sums sums.now
}

# _round_trip TYPE IMAGE FILES [MOUNT-OPTIONS]: fills a formatted device, and verifies the files after del and add
_round_trip() {
    local type=$1 image=$2 files=$3 options=${4:-defaults}
    mkdir mnt
    mount -t "$type" -o "$options" "$DEVICE" mnt
    _fill mnt "$files"
    umount mnt
    detach
    ublk-zoned check "$image"
    attach "$image"
    mount -t "$type" -o "$options" "$DEVICE" mnt
    _expect_sums mnt
    # The file system accepts further changes.
    pattern 42 1M >mnt/more
    sync -f mnt
    cmp mnt/more <(pattern 42 1M)
    umount mnt
    del_and_check "$image"
}

keeps_btrfs_on_32_zones_of_64M() {
    need_file_system btrfs
    new_image disk.qcow2 --size 2G --zone-size 64M
    attach disk.qcow2
    mkfs.btrfs -q -O zoned -d single -m single "$DEVICE"
    _round_trip btrfs disk.qcow2 60
}

# runs: long
keeps_btrfs_on_256_zones_of_16M_with_limits() {
    need_file_system btrfs
    new_image disk.qcow2 --size 4G --zone-size 16M --conventional-zones 8 --max-open 10 --max-active 12
    attach disk.qcow2
    mkfs.btrfs -q -O zoned -d single -m single "$DEVICE"
    _round_trip btrfs disk.qcow2 60
}

keeps_f2fs_with_conventional_zones() {
    need_file_system f2fs
    new_image disk.qcow2 --size 2G --zone-size 16M --conventional-zones 16
    attach disk.qcow2
    mkfs.f2fs -q -f -m "$DEVICE"
    _round_trip f2fs disk.qcow2 60
    attach disk.qcow2
    fsck.f2fs --dry-run "$DEVICE" >fsck.txt || { cat fsck.txt; fail "fsck.f2fs finds damage"; }
    del_and_check disk.qcow2
}

# _survives_worn_zones TYPE BULK: all zones that a file system uses become read-only. No file may be lost, and nothing may hang.
# One of the files has BULK bytes.
_survives_worn_zones() {
    local zones status=0
    mkdir mnt
    mount -t "$1" "$DEVICE" mnt
    pattern 3 "$2" >mnt/bulk
    _fill mnt 20
    sync -f mnt
    zones=$(kernel_zones | gawk '$5 != "not-wp" && $5 != "empty" { print $1 }' | paste -sd ,)
    [[ -n $zones ]] || fail "no sequential zone was written"
    ublk-zoned zone readonly "$DEVICE" "$zones"
    echo 3 >/proc/sys/vm/drop_caches
    _expect_sums mnt
    # This write may go to another zone or fail.
    pattern 7 1M | timeout 60 dd of=mnt/new bs=64K iflag=fullblock conv=fsync status=none || status=$?
    ((status != 124)) || fail "a write to read-only zones hangs"
    timeout 60 umount mnt || fail "umount hangs"
    ublk-zoned zone recover "$DEVICE" "$zones"
    del_and_check disk.qcow2
    attach disk.qcow2
    mount -t "$1" "$DEVICE" mnt
    rm -f mnt/new
    _expect_sums mnt
    umount mnt
    del_and_check disk.qcow2
}

# runs: long
loses_no_file_of_btrfs_when_its_zones_wear_out() {
    need_file_system btrfs
    new_image disk.qcow2 --size 4G --zone-size 16M
    attach disk.qcow2
    mkfs.btrfs -q -O zoned -d single -m single "$DEVICE"
    _survives_worn_zones btrfs 1M
}

# runs: long
loses_no_file_of_f2fs_when_its_zones_wear_out() {
    need_file_system f2fs
    new_image disk.qcow2 --size 2G --zone-size 16M --conventional-zones 12
    attach disk.qcow2
    mkfs.f2fs -q -f -m "$DEVICE"
    _survives_worn_zones f2fs 256M
}

# runs: long
keeps_what_eight_writers_append_to_btrfs() {
    need_file_system btrfs
    new_image disk.qcow2 --size 4G --zone-size 64M
    attach disk.qcow2 -q 2
    mkfs.btrfs -q -O zoned -d single -m single "$DEVICE"
    mkdir mnt
    mount -t btrfs "$DEVICE" mnt
    # Direct writes of btrfs are appends, here eight at once, most of them to one zone.
    local storm=(--name=storm --directory=mnt --direct=1 --ioengine=psync --numjobs=8 --rw=randwrite --bs=16k --size=8M
        --verify=crc32c --group_reporting --output=fio.txt)
    fio "${storm[@]}" --do_verify=0
    echo 3 >/proc/sys/vm/drop_caches
    fio "${storm[@]}" --verify_only --verify_fatal=1
    umount mnt
    detach
    attach disk.qcow2
    btrfs check --readonly "$DEVICE" >check.txt 2>&1 || { cat check.txt; fail "btrfs check finds damage"; }
    mount -t btrfs -o ro "$DEVICE" mnt
    (cd mnt && cat storm.*) >/dev/null
    umount mnt
    del_and_check disk.qcow2
}

keeps_zonefs_files() {
    need_file_system zonefs
    new_image disk.qcow2 --size 512M --zone-size 16M --zone-capacity 12M --conventional-zones 4
    attach disk.qcow2
    mkzonefs -f "$DEVICE" >/dev/null
    mkdir mnt
    mount -t zonefs "$DEVICE" mnt
    expect_equal "the number of sequential files" "$(find mnt/seq -type f | wc -l)" 28
    local file
    for file in 0 1 2 3 4; do
        pattern "$file" $((file * 1835008)) >expected
        dd if=expected of="mnt/seq/$file" bs=256K oflag=direct,append conv=notrunc,nocreat status=none
        # The second write starts where the first one ended.
        pattern 77 64K >extra
        dd if=extra of="mnt/seq/$file" bs=64K oflag=direct,append conv=notrunc,nocreat status=none
        cat expected extra | cmp - "mnt/seq/$file"
    done
    pattern 5 12M | dd of=mnt/seq/5 bs=1M iflag=fullblock oflag=direct,append conv=notrunc,nocreat status=none
    expect_error 'No space|File too large|Input/output error' dd if=extra of=mnt/seq/5 bs=64K oflag=direct,append conv=notrunc,nocreat
    # Truncating the file to 0 resets the zone. Truncating it to the capacity finishes the zone.
    dd if=extra of=mnt/seq/6 bs=64K oflag=direct,append conv=notrunc,nocreat status=none
    truncate -s 0 mnt/seq/6
    dd if=extra of=mnt/seq/7 bs=64K oflag=direct,append conv=notrunc,nocreat status=none
    truncate -s 12M mnt/seq/7
    pattern 6 1000000 | dd of=mnt/cnv/1 bs=1M iflag=fullblock conv=notrunc,nocreat,fsync status=none
    _sums mnt >sums
    # The super block is in the first conventional zone, so file N is zone N + 4.
    expect_zones "9 full" "10 empty 0" "11 full"
    umount mnt
    detach
    ublk-zoned check disk.qcow2
    attach disk.qcow2
    mount -t zonefs "$DEVICE" mnt
    _expect_sums mnt
    umount mnt
    del_and_check disk.qcow2
}
