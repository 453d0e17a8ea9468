# shellcheck shell=bash
# Variants of the format on a real kernel: layouts, conversions, zones of the largest size, and a smaller last zone.

readonly MIB=1048576

# seconds: 600
attaches_images_of_the_newest_layout_and_of_an_older_one() {
    local layout
    for layout in be44 v6; do
        echo "--- $layout"
        new_image disk.qcow2 --size 256M --zone-size 16M --conventional-zones 2 --layout "$layout"
        attach disk.qcow2
        write_zone 3 0 64K
        blkzones finish 4 1
        detach
        ublk-zoned info --json disk.qcow2 | expect_json "x['layout'] == '$layout' and x['closed']"
        attach disk.qcow2
        expect_zones "0-1 not-wp" "2 empty 0" "3 closed 64K" "4 full 16M" "5-15 empty 0"
        cmp <(pattern $((3 * 16 * MIB)) 64K) <(read_zone 3 0 64K)
        del_and_check disk.qcow2
    done
}

# seconds: 600
keeps_zones_and_data_through_conversions() {
    new_image disk.qcow2 --size 256M --zone-size 16M --zone-capacity 12M --conventional-zones 2 --layout v6
    attach disk.qcow2
    write_zone 1 1M 64K
    write_zone 3 0 260K
    write_zone 4 0 12M
    blkzones finish 5 1
    ublk-zoned zone offline "$DEVICE" 9
    expect_failure 1 "attached as $DEVICE" ublk-zoned convert-layout disk.qcow2 be44
    detach

    local layout
    for layout in be44 v4; do
        echo "--- $layout"
        expect_match "what convert-layout prints" "$(ublk-zoned convert-layout disk.qcow2 "$layout")" "now in layout $layout"
        ublk-zoned check disk.qcow2
        attach disk.qcow2
        expect_zones "0-1 not-wp" "2 empty 0" "3 closed 260K" "4-5 full" "6-8 empty 0" "9 offline" "10-15 empty 0"
        cmp <(pattern $((3 * 16 * MIB)) 260K) <(read_zone 3 0 260K)
        cmp <(pattern $((4 * 16 * MIB)) 12M) <(read_zone 4 0 12M)
        cmp <(pattern $((17 * MIB)) 64K) <(read_zone 1 1M 64K)
        blkzones reset 3 1
        write_zone 3 0 260K
        del_and_check disk.qcow2
    done
}

refuses_to_convert_the_image_of_a_dead_server() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2
    write_zone 3 0 260K
    kill_server
    expect_failure 1 "whose server died: 'ublk-zoned recover 0'" ublk-zoned convert-layout disk.qcow2 v8
    recover_device
    detach
    ublk-zoned convert-layout disk.qcow2 v8
    attach disk.qcow2
    expect_zones "3 closed 260K"
    cmp <(pattern $((3 * 16 * MIB)) 260K) <(read_zone 3 0 260K)
    del_and_check disk.qcow2
}

shows_a_smaller_last_zone_and_does_not_attach_it() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    # Sets the disk size in the header to 252 MiB, so that the last zone is smaller, as QEMU can make it.
    printf '\x0f\xc0\x00\x00' | dd of=disk.qcow2 bs=1 seek=28 conv=notrunc status=none
    cp disk.qcow2 before.qcow2
    expect_equal "the last zone" "$(our_zones disk.qcow2 | tail -n 1)" "15 $((240 * MIB)) $((12 * MIB)) 0 empty"
    expect_match "info" "$(ublk-zoned info disk.qcow2)" '16 zones of 16M, the last of 12M'
    ublk-zoned check disk.qcow2
    expect_failure 1 'disk.qcow2: the image cannot be attached: the device size 252M is not a whole number of zones of 16M; copy its data' \
        ublk-zoned add disk.qcow2
    expect_failure 1 'cannot be attached' ublk-zoned zone finish disk.qcow2 15
    cmp disk.qcow2 before.qcow2
    ublk-zoned convert-layout disk.qcow2 v6
    expect_equal "the last zone" "$(our_zones disk.qcow2 | tail -n 1)" "15 $((240 * MIB)) $((12 * MIB)) 0 empty"
    ublk-zoned check disk.qcow2
}

serves_the_largest_zones() {
    new_image disk.qcow2 --size 4T --zone-size 1T --cluster-size 2M
    attach disk.qcow2
    expect_equal "the sectors of a zone" "$(sysfs queue/chunk_sectors)" $((1 << 31))
    expect_equal "the number of zones" "$(sysfs queue/nr_zones)" 4
    write_zone 3 0 64K
    expect_zones "0-2 empty 0" "3 implicit-open 64K"
    cmp <(pattern $((3 << 40)) 64K) <(read_zone 3 0 64K)
    our_zones "$DEVICE" >ours.txt
    kernel_zones >kernels.txt
    expect_same "the reports" kernels.txt ours.txt
    blkzones finish 2 1
    expect_zones "2 full 1T"
    blkzones reset 2 1
    blkzone reset "$DEVICE"
    expect_zones "0-3 empty 0"
    write_zone 0 0 4K
    del_and_check disk.qcow2
    expect_failure 1 'the zone size 2T is more sectors than Linux counts in 32 bits: use 1T or less' \
        ublk-zoned create large.qcow2 --size 8T --zone-size 2T --cluster-size 2M
}
