# shellcheck shell=bash
# Zone management by blkzone, reports, and the limits in sysfs.

reports_all_zones_as_blkzone_sees_them() {
    new_image disk.qcow2 --size 512M --zone-size 16M --zone-capacity 12M --conventional-zones 4
    attach disk.qcow2
    write_zone 5 0 64K
    blkzones open 6 1
    write_zone 7 0 128K
    blkzones close 7 1
    write_zone 8 0 4K
    blkzones finish 8 1
    write_zone 9 0 12M
    blkzones open 10 1
    write_zone 10 0 8K
    blkzones finish 11 1
    write_zone 2 1M 64K
    write_zone 31 0 4K

    kernel_zones >kernel.txt
    expect_equal "the number of zones" "$(wc -l <kernel.txt)" 32
    expect_equal "the zones with a capacity of 12M" "$(gawk '$3 == 12582912' kernel.txt | wc -l)" 28
    expect_zones "0-3 not-wp" "4 empty 0" "5 implicit-open 64K" "6 explicit-open 0" "7 closed 128K" "8-9 full 16M" \
        "10 explicit-open 8K" "11 full 16M" "12-30 empty 0" "31 implicit-open 4K"

    our_zones "$DEVICE" >ours.txt
    expect_same "blkzone's report and ours of the device" kernel.txt ours.txt
    our_zones --image disk.qcow2 >ours.txt
    expect_same "blkzone's report and ours of the image, attached" kernel.txt ours.txt

    del_and_check disk.qcow2
    as_after_power_cycle <kernel.txt >expected.txt
    our_zones disk.qcow2 >ours.txt
    expect_same "the report of the device and of its image, not attached" expected.txt ours.txt
    attach disk.qcow2
    kernel_zones >kernel.txt
    expect_same "the report after del and add" expected.txt kernel.txt
    del_and_check disk.qcow2
}

opens_closes_finishes_and_resets_single_zones() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    blkzones open 4 1
    blkzones open 4 1
    expect_zones "4 explicit-open 0"
    blkzones close 4 1
    expect_zones "4 empty 0"
    write_zone 4 0 64K
    expect_zones "4 implicit-open 64K"
    blkzones open 4 1
    expect_zones "4 explicit-open 64K"
    blkzones close 4 1
    blkzones close 4 1
    expect_zones "4 closed 64K"
    write_zone 4 64K 4K
    expect_zones "4 implicit-open 68K"
    blkzones finish 4 1
    blkzones finish 4 1
    expect_zones "4 full 16M"
    blkzones reset 4 1
    blkzones reset 4 1
    expect_zones "4 empty 0"
    write_zone 4 0 16M
    expect_zones "4 full 16M"

    # A full zone cannot be opened, a conventional zone has no condition, and a write must be at the write pointer.
    expect_error 'Input/output error' blkzones open 4 1
    expect_error 'Input/output error' write_zone 4 0 4K
    local operation
    for operation in open close finish reset; do
        expect_error 'Input/output error|Invalid argument' blkzones "$operation" 3 1
    done
    write_zone 5 0 8K
    expect_error 'Input/output error' write_zone 5 16K 4K
    expect_error 'Input/output error' write_zone 5 0 4K
    expect_zones "3 not-wp" "4 full 16M" "5 implicit-open 8K"
    write_zone 5 8K 4K
    expect_zones "5 implicit-open 12K"
    cmp <(pattern $((5 * 16777216 + 8192)) 4K) <(read_zone 5 8K 4K)
    del_and_check disk.qcow2
}

opens_closes_finishes_and_resets_ranges_of_zones() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    blkzones open 6 5
    expect_zones "4-5 empty 0" "6-10 explicit-open 0" "11-31 empty 0"
    write_zone 7 0 4K
    blkzones close 6 5
    expect_zones "6 empty 0" "7 closed 4K" "8-10 empty 0"
    blkzones finish 7 3
    expect_zones "6 empty 0" "7-9 full 16M" "10 empty 0"
    write_zone 10 0 4K
    blkzones reset 8 4
    expect_zones "6 empty 0" "7 full 16M" "8-31 empty 0"
    # An operation on a range fails at the first zone that cannot be opened.
    expect_error 'Input/output error' blkzones open 7 2
    del_and_check disk.qcow2
}

opens_closes_finishes_and_resets_the_whole_device() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2
    blkzone open "$DEVICE"
    expect_zones "0-15 explicit-open 0"
    write_zone 3 0 4K
    blkzone close "$DEVICE"
    expect_zones "0-2 empty 0" "3 closed 4K" "4-15 empty 0"
    blkzone finish "$DEVICE"
    expect_zones "0-15 full 16M"
    blkzone reset "$DEVICE"
    expect_zones "0-15 empty 0"
    write_zone 0 0 8K
    expect_zones "0 implicit-open 8K"
    del_and_check disk.qcow2
}

reset_of_the_whole_device_spares_conventional_zones_and_frees_the_image() {
    new_image disk.qcow2 --size 512M --zone-size 16M --conventional-zones 4
    local fresh zone
    fresh=$(stat -c %b disk.qcow2)
    attach disk.qcow2
    write_zone 1 4M 256K
    for zone in 4 5 6 7 8; do
        write_zone "$zone" 0 16M
    done
    write_zone 9 0 5M
    sync "$DEVICE"
    (($(stat -c %b disk.qcow2) > fresh + 80 * 2048)) || fail "the image does not hold what was written"
    blkzone reset "$DEVICE"
    expect_zones "0-3 not-wp" "4-31 empty 0"
    cmp <(pattern $((1 * 16777216 + 4194304)) 256K) <(read_zone 1 4M 256K)
    cmp -n 1048576 /dev/zero <(read_zone 4 0 1M)
    detach
    local left=$(($(stat -c %b disk.qcow2) - fresh))
    # 256 KiB of data and room for the clusters around it, in blocks of 512 bytes.
    ((left <= 2 * 2048 + 512)) || fail "the image keeps $((left / 2)) KiB after the reset"
    ublk-zoned check disk.qcow2
}

# runs: long
tells_the_block_layer_what_it_is() {
    new_image disk.qcow2 --size 512M --zone-size 16M --zone-capacity 12M --conventional-zones 4 --max-open 6 --max-active 8
    attach disk.qcow2
    expect_equal size "$(sysfs size)" $((512 * 2048))
    expect_equal zoned "$(sysfs queue/zoned)" host-managed
    expect_equal chunk_sectors "$(sysfs queue/chunk_sectors)" 32768
    expect_equal nr_zones "$(sysfs queue/nr_zones)" 32
    expect_equal max_open_zones "$(sysfs queue/max_open_zones)" 6
    expect_equal max_active_zones "$(sysfs queue/max_active_zones)" 8
    expect_equal logical_block_size "$(sysfs queue/logical_block_size)" 4096
    expect_equal physical_block_size "$(sysfs queue/physical_block_size)" 4096
    expect_equal zone_write_granularity "$(sysfs queue/zone_write_granularity)" 4096
    expect_equal rotational "$(sysfs queue/rotational)" 0
    # Exists since Linux 7.0. The kernel turns it on for a rotational zoned device.
    [[ ! -e /sys/block/${DEVICE#/dev/}/queue/zoned_qd1_writes ]] || expect_equal zoned_qd1_writes "$(sysfs queue/zoned_qd1_writes)" 0
    expect_equal write_cache "$(sysfs queue/write_cache)" "write back"
    expect_equal fua "$(sysfs queue/fua)" 1
    expect_equal discard_max_bytes "$(sysfs queue/discard_max_bytes)" 0
    (($(sysfs queue/zone_append_max_bytes) >= 65536)) || fail "appends are at most $(sysfs queue/zone_append_max_bytes) long"
    expect_equal ro "$(sysfs ro)" 0
    detach

    attach disk.qcow2 --block-size 512
    expect_equal logical_block_size "$(sysfs queue/logical_block_size)" 512
    expect_equal physical_block_size "$(sysfs queue/physical_block_size)" 4096
    # The unit of writes in sequential zones is the logical or the physical block, depending on the kernel's version.
    expect_match zone_write_granularity "$(sysfs queue/zone_write_granularity)" '^(512|4096)$'
    del_and_check disk.qcow2
}

# runs: long
refuses_writes_that_break_the_rules_and_goes_on_after_them() {
    new_image disk.qcow2 --size 256M --zone-size 16M --zone-capacity 12M --conventional-zones 2
    attach disk.qcow2
    # Writes past the start of an empty zone, past and below the write pointer, across and past the capacity, and to a full
    # zone.
    expect_error 'Input/output error' write_zone 4 8K 4K
    expect_zones "4 empty 0"
    write_zone 4 0 64K
    expect_error 'Input/output error' write_zone 4 72K 4K
    expect_zones "4 implicit-open 64K"
    expect_error 'Input/output error' write_zone 4 60K 4K
    expect_zones "4 implicit-open 64K"
    write_zone 4 64K $((12 * 1024 - 68))K
    expect_error 'Input/output error|No space' write_zone 4 12284K 8K
    expect_zones "4 implicit-open 12284K"
    expect_error 'Input/output error|No space' write_zone 4 12288K 4K
    expect_zones "4 implicit-open 12284K"
    write_zone 4 12284K 4K
    expect_zones "4 full"
    expect_error 'Input/output error|No space' write_zone 4 0 4K
    local start=$((4 * 16777216))
    cmp <(pattern $start 64K; pattern $((start + 65536)) $((12 * 1024 - 68))K; pattern $((start + 12284 * 1024)) 4K) \
        <(read_zone 4 0 12M)
    # A conventional zone accepts all of these writes.
    write_zone 1 4M 64K
    write_zone 1 4M 4K
    write_zone 1 16380K 4K
    del_and_check disk.qcow2
}

# runs: long
reports_from_any_zone_and_resets_under_reads() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2
    write_zone 7 0 8M
    expect_equal "one zone from the middle" "$(blkzone report -o "$(zone 7)" -c 1 "$DEVICE" | wc -l)" 1
    expect_equal "zones to the end" "$(blkzone report -o "$(zone 9)" "$DEVICE" | wc -l)" 7
    expect_equal "a report from within a zone" "$(blkzone report -o $(($(zone 7) + 8)) -c 1 "$DEVICE")" \
        "$(blkzone report -o "$(zone 7)" -c 1 "$DEVICE")"
    fio --name=reads --filename="$DEVICE" --direct=1 --ioengine=libaio --iodepth=16 --rw=randread --bs=4k \
        --offset=112M --size=32M --time_based --runtime=8 >fio.txt 2>&1 &
    local fio=$!
    for _ in 1 2 3 4 5 6; do
        blkzones reset 7 2
        write_zone 7 0 1M
        write_zone 8 0 256K
    done
    wait "$fio" || { cat fio.txt; fail "a read failed"; }
    cmp <(pattern $((7 * 16777216)) 1M) <(read_zone 7 0 1M)
    cmp -n 1048576 /dev/zero <(read_zone 7 1M 1M)
    del_and_check disk.qcow2
}

# runs: long
makes_zones_read_only_and_offline_and_lets_them_recover() {
    new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2
    attach disk.qcow2
    write_zone 3 0 260K
    write_zone 4 0 64K
    ublk-zoned zone readonly "$DEVICE" 3,5
    ublk-zoned zone offline disk.qcow2 4
    local failed=("3 read-only" "4 offline" "5 read-only" "6 empty 0")
    expect_zones "${failed[@]}"
    cmp <(pattern $((3 * 16777216)) 260K) <(read_zone 3 0 260K)
    expect_error 'Input/output error' read_zone 4 0 4K
    expect_error 'Input/output error' write_zone 3 260K 4K
    expect_error 'Input/output error' write_zone 5 0 4K
    local operation
    for operation in open close finish reset; do
        expect_error 'Input/output error' blkzones "$operation" 3 1
        expect_error 'Input/output error' blkzones "$operation" 4 1
    done
    expect_failure 1 'zone 3: reset failed with EIO' ublk-zoned zone reset "$DEVICE" 3
    blkzone reset "$DEVICE"
    expect_zones "${failed[@]}"

    kill_server
    expect_equal "what recover prints" "$(ublk-zoned recover 0)" "$DEVICE"
    expect_zones "${failed[@]}"
    del_and_check disk.qcow2
    attach disk.qcow2
    expect_zones "${failed[@]}"
    cmp <(pattern $((3 * 16777216)) 260K) <(read_zone 3 0 260K)
    ublk-zoned zone recover "$DEVICE" 2-15
    expect_zones "3 closed 260K" "4 closed 64K" "5 empty 0"
    cmp <(pattern $((4 * 16777216)) 64K) <(read_zone 4 0 64K)
    del_and_check disk.qcow2

    ublk-zoned zone offline disk.qcow2 7-9
    ublk-zoned zone finish disk.qcow2 4
    ublk-zoned zone reset disk.qcow2 3
    attach disk.qcow2
    expect_zones "3 empty 0" "4 full" "7-9 offline" "10 empty 0"
    write_zone 3 0 64K
    ublk-zoned zone close "$DEVICE" 3
    ublk-zoned zone open "$DEVICE" 10-11
    expect_zones "3 closed 64K" "10-11 explicit-open 0"
    del_and_check disk.qcow2
}

# _client BLOCK-SIZE: runs this project's client on DEVICE
_client() {
    local target=$HERE/../../../target jar
    [[ -e $target/test-classes/io/ublkzoned/backend/client ]] || fail "the client is not built: mvn test-compile"
    jar=$(echo "$target"/modules/native-bindings-*.jar)
    java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData --enable-native-access=ALL-UNNAMED -cp "$target/test-classes:$jar" \
        io.ublkzoned.backend.client.ContractMain "$DEVICE" "$1"
}

# runs: newest
keeps_the_kernels_contract_case_by_case() {
    local geometry block_size options cases=8
    [[ $(uname -r) != 6.* ]] || cases=7 # reports from the kernel's cache exist since 6.19
    while IFS='|' read -r block_size geometry; do
        IFS=' ' read -ra options <<<"$geometry"
        new_image disk.qcow2 --size 64M --zone-size 4M "${options[@]}"
        attach disk.qcow2 --block-size "$block_size"
        _client "$block_size" >cases.txt || { cat cases.txt; fail "a case failed"; }
        expect_equal "the number of cases" "$(grep -c '^ok' cases.txt)" "$cases"
        del_and_check disk.qcow2
        rm disk.qcow2
    done <<END
4096|--conventional-zones 2
4096|--zone-capacity 3M
512|--conventional-zones 2
512|--zone-capacity 3M
END
}
