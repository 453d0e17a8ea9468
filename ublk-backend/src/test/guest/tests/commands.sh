# shellcheck shell=bash
# The commands' output, with devices and without.

# runs: long
shows_devices_and_images_in_text_and_json() {
    new_image disk.qcow2 --size 512M --zone-size 16M --zone-capacity 12M --conventional-zones 4 --max-open 6 --max-active 8
    cp --sparse=always disk.qcow2 second.qcow2
    expect_equal "the list without devices" "$(ublk-zoned list)" ''
    ublk-zoned list --json | expect_json 'x == []'

    attach second.qcow2 -n 7
    attach disk.qcow2
    write_zone 4 0 1M
    ublk-zoned list >list.txt
    expect_match "the list" "$(<list.txt)" "$DEVICE.*live.*$PWD/disk.qcow2"
    expect_match "the list" "$(<list.txt)" "/dev/ublkb7.*live.*$PWD/second.qcow2"
    ublk-zoned list --json | expect_json "
        [d['path'] for d in x] == ['$DEVICE', '/dev/ublkb7'] and [d['id'] for d in x] == [${DEVICE#/dev/ublkb}, 7]
        and all(d['state'] == 'live' and open('/proc/%d/comm' % d['pid']).read() == 'java\n' for d in x)
        and x[0]['image'] == '$PWD/disk.qcow2'"

    local subject
    for subject in "$DEVICE" disk.qcow2; do
        ublk-zoned info --json "$subject" | expect_json "
            x['device'] == '$DEVICE' and x['cache'] == 'writeback' and x['size'] == 512 << 20 and x['zones'] == 32 and x['zoneSize'] == 16 << 20
            and x['zoneCapacity'] == 12 << 20 and x['conventionalZones'] == 4 and x['maxOpenZones'] == 6
            and x['maxActiveZones'] == 8 and x['written'] == 1 << 20
            and x['conditions'] == {'not-wp': 4, 'empty': 27, 'implicit-open': 1}"
    done
    ublk-zoned info "$DEVICE" >info.txt
    expect_match "the text of info" "$(<info.txt)" "$DEVICE, cache writeback"
    ublk-zoned report "$DEVICE" >report.txt
    expect_match "the text of the report" "$(<report.txt)" 'implicit'
    ublk-zoned report --map "$DEVICE" >map.txt
    expect_match "the map" "$(<map.txt)" "$DEVICE"
    ublk-zoned report -o 64M -c 2 --json "$DEVICE" | expect_json '
        [(z["index"], z["start"], z["length"], z["writePointer"], z["condition"]) for z in x["zones"]] ==
        [(4, 64 << 20, 16 << 20, 65 << 20, "implicit-open"), (5, 80 << 20, 16 << 20, 80 << 20, "empty")]'

    detach
    ublk-zoned del /dev/ublkc7
    expect_equal "the devices" "$(find /dev -name 'ublk[bc]*')" ''
    ublk-zoned info --json disk.qcow2 | expect_json "x['device'] is None and x['cache'] is None and x['closed'] is True
        and x['conditions'] == {'not-wp': 4, 'empty': 27, 'closed': 1}"
    ublk-zoned check --json disk.qcow2 | expect_json "x['corruptions'] == 0 and x['leaks'] == 0 and x['closed'] is True"
    expect_failure 1 'no device 7' ublk-zoned del 7
    expect_failure 1 'no device 7' ublk-zoned info 7
    ublk-zoned check second.qcow2
}

# runs: long
says_that_this_host_can_serve_devices() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2
    ublk-zoned doctor >doctor.txt || { cat doctor.txt; fail "doctor finds the guest ill"; }
    grep -v '^ok  ' doctor.txt >remarks.txt
    expect_equal "what doctor remarks" "$(<remarks.txt)" 'This host can serve devices.'
    kill_server
    ublk-zoned doctor --json | expect_json "
        x['canServe'] is True and [f['subject'] for f in x['findings'] if f['verdict'] != 'ok'] == ['devices']
        and x['findings'][-1]['sentence'] == 'device 0 has no server: ublk-zoned recover 0'"
    ublk-zoned recover 0
    del_and_check disk.qcow2
}

# The guest's CPU is emulated, or the host's with KVM.
# runs: newest
serves_with_the_compiler_that_suits_the_cpu() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2
    local level=4 flags
    ! grep -q 'model name.*TCG' /proc/cpuinfo || level=1
    flags=$(tr '\0' '\n' <"/proc/$(server_pid)/cmdline")
    expect_equal "the level" "$(sed -n 's/^-XX:TieredStopAtLevel=//p' <<<"$flags" | tail -n 1)" "$level"
    del_and_check disk.qcow2
}

# runs: long
shows_the_features_of_the_driver() {
    ublk-zoned features --json | expect_json "
        {'ZONED', 'USER_COPY'} <= {f.upper().replace('UBLK_F_', '') for f in x['features']}
        and x['bits'] & (1 << 8) and x['bits'] & (1 << 7)"
    ublk-zoned features >features.txt
    expect_match "the text" "$(<features.txt)" 'ZONED|zoned'
}

adds_and_deletes_several_images_at_once() {
    ublk-zoned create a.qcow2 b.qcow2 'c d.qcow2' --size 256M --zone-size 16M >/dev/null
    expect_equal "what add prints" "$(ublk-zoned add --queues 1 a.qcow2 b.qcow2 'c d.qcow2')" "/dev/ublkb0
/dev/ublkb1
/dev/ublkb2"
    ublk-zoned list --json | expect_json '[y["image"].split("/")[-1] for y in x] == ["a.qcow2", "b.qcow2", "c d.qcow2"]'
    for DEVICE in /dev/ublkb0 /dev/ublkb2; do
        expect_equal "the queues" "$(find "/sys/block/${DEVICE#/dev/}/mq" -maxdepth 1 -name '[0-9]*' | wc -l)" 1
        write_zone 1 0 64K
    done
    ublk-zoned del 0 1 2

    # All or none.
    expect_failure 1 'none.qcow2' ublk-zoned add a.qcow2 none.qcow2 b.qcow2
    [[ ! -e /run/ublk-zoned ]] || fail "a device is left"
    expect_failure 1 '--name is for one image' ublk-zoned add --name x a.qcow2 b.qcow2
    expect_failure 1 '--foreground is for one image' ublk-zoned --debug add a.qcow2 b.qcow2 --foreground
    ublk-zoned check a.qcow2
    ublk-zoned check 'c d.qcow2'
}
