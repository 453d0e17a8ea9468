# shellcheck shell=bash
# Devices with many zones, large zones, or unusual zone sizes. Each step may take a few seconds, and the server little memory.

readonly STEP_SECONDS_MAX=30 # under emulation
readonly SERVER_MIB_MAX=200

# _step WHAT COMMAND...: prints how long the command took, and fails if that is too long
_step() {
    local what=$1 start=$EPOCHREALTIME milliseconds
    shift
    "$@"
    milliseconds=$(((${EPOCHREALTIME/./} - ${start/./}) / 1000))
    echo "$what: $milliseconds ms"
    ((milliseconds < STEP_SECONDS_MAX * 1000)) || fail "$what took more than $STEP_SECONDS_MAX s"
}

_server_mebibytes() {
    gawk '/^VmHWM:/ { print int($2 / 1024) }' "/proc/$(server_pid)/status"
}

_count_zones() {
    blkzone report "$DEVICE" | wc -l >count.txt
}

_write_zones() {
    local index
    for index; do
        write_zone "$index" 0 4K
    done
}

# _lives ZONES FIRST-SEQUENTIAL CREATE-OPTION...
_lives() {
    local zones=$1 first=$2 middle=$((($1 + $2) / 2)) last=$(($1 - 1)) mebibytes
    shift 2
    echo "--- $*"
    _step create ublk-zoned create disk.qcow2 "$@"
    _step add attach disk.qcow2
    _step report _count_zones
    expect_equal "the number of zones" "$(<count.txt)" "$zones"
    expect_equal "the number of zones in sysfs" "$(sysfs queue/nr_zones)" "$zones"
    _step "our report" ublk-zoned report --json "$DEVICE" >report.json
    _step "three writes" _write_zones "$first" "$middle" "$last"
    expect_equal "the zones with data" "$(our_zones "$DEVICE" | gawk '$4 != "-" && $4 > 0 { print $1 }' | paste -sd ' ')" "$first $middle $last"
    _step "reset of all" blkzone reset "$DEVICE"
    expect_equal "the zones with data" "$(our_zones "$DEVICE" | gawk '$4 != "-" && $4 > 0 { print $1 }')" ''
    _write_zones "$last"
    mebibytes=$(_server_mebibytes)
    echo "server: $mebibytes MiB"
    ((mebibytes <= SERVER_MIB_MAX)) || fail "the server has taken $mebibytes MiB"
    _step del detach
    _step check ublk-zoned check disk.qcow2
    rm disk.qcow2
}

# runs: long
serves_16384_zones_of_1M() {
    _lives 16384 0 --size 16G --zone-size 1M
}

# runs: long
serves_1T_in_zones_of_256M_with_128_conventional() {
    _lives 4096 128 --size 1T --zone-size 256M --conventional-zones 128
}

# seconds: 600
# runs: long
serves_128T_in_65536_zones_of_2G() {
    _lives 65536 0 --size 128T --zone-size 2G
}

# runs: long
serves_zones_with_room_for_one_block_and_limits_of_one() {
    new_image disk.qcow2 --size 64M --zone-size 1M --zone-capacity 4K --conventional-zones 1
    attach disk.qcow2
    write_zone 3 0 4K
    expect_zones "3 full"
    expect_error 'Input/output error|No space' write_zone 4 4K 4K
    blkzones reset 3 1
    expect_zones "3 empty 0"
    del_and_check disk.qcow2
    new_image limits.qcow2 --size 64M --zone-size 1M --max-open 1 --max-active 1
    attach limits.qcow2
    write_zone 3 0 4K
    expect_error '.' write_zone 4 0 4K
    # After an error, the kernel writes to a zone only after it has read a report of that zone.
    expect_zones "4 empty 0"
    write_zone 3 4K 4K
    blkzones finish 3 1
    write_zone 4 0 4K
    expect_zones "3 full" "4 implicit-open 4K"
    del_and_check limits.qcow2
}
