# shellcheck shell=bash
# The limits of open and active zones. At each limit, requests fail with a specific errno. A zone that is no longer open, or no
# longer active, makes room for another.

readonly OPEN_LIMIT='Too many references' # ETOOMANYREFS
readonly ACTIVE_LIMIT='Value too large'   # EOVERFLOW

refuses_more_explicitly_open_zones_than_the_limit() {
    new_image disk.qcow2 --size 256M --zone-size 16M --max-open 3 --max-active 5
    attach disk.qcow2
    blkzones open 0 3
    expect_error "$OPEN_LIMIT" blkzones open 3 1
    expect_error "$OPEN_LIMIT" write_zone 3 0 4K
    expect_zones "0-2 explicit-open 0" "3-15 empty 0"
    # Each operation that ends the open condition of a zone makes room for another.
    blkzones close 0 1
    blkzones open 3 1
    expect_error "$OPEN_LIMIT" blkzones open 4 1
    blkzones finish 1 1
    blkzones open 4 1
    expect_error "$OPEN_LIMIT" blkzones open 5 1
    blkzones reset 2 1
    write_zone 5 0 4K
    expect_zones "0 empty 0" "1 full 16M" "2 empty 0" "3-4 explicit-open 0" "5 implicit-open 4K"
    del_and_check disk.qcow2
}

closes_the_zone_written_least_recently_for_another_write() {
    new_image disk.qcow2 --size 256M --zone-size 16M --max-open 3 --max-active 5
    attach disk.qcow2
    write_zone 0 0 4K
    write_zone 1 0 4K
    write_zone 2 0 4K
    write_zone 0 4K 4K
    write_zone 3 0 4K
    expect_zones "0 implicit-open 8K" "1 closed 4K" "2-3 implicit-open 4K"
    # An explicitly open zone is never closed for another.
    blkzones open 2 1
    write_zone 0 8K 4K
    write_zone 3 4K 4K
    write_zone 4 0 4K
    expect_zones "0 closed 12K" "1 closed 4K" "2 explicit-open 4K" "3 implicit-open 8K" "4 implicit-open 4K"
    # A write opens a closed zone again, even at the active limit.
    write_zone 1 4K 4K
    expect_zones "1 implicit-open 8K" "3 closed 8K"
    del_and_check disk.qcow2
}

refuses_more_active_zones_than_the_limit() {
    new_image disk.qcow2 --size 256M --zone-size 16M --max-open 3 --max-active 5
    attach disk.qcow2
    local zone
    for zone in 0 1 2 3 4; do
        write_zone "$zone" 0 4K
    done
    expect_zones "0-1 closed 4K" "2-4 implicit-open 4K"
    expect_error "$ACTIVE_LIMIT" write_zone 5 0 4K
    expect_error "$ACTIVE_LIMIT" blkzones open 5 1
    expect_zones "5 empty 0"
    # Closing a zone does not reduce the number of active zones; finishing, filling and resetting it do.
    blkzones close 2 1
    expect_error "$ACTIVE_LIMIT" blkzones open 5 1
    blkzones finish 0 1
    write_zone 5 0 4K
    expect_error "$ACTIVE_LIMIT" blkzones open 6 1
    write_zone 1 4K $((16777216 - 4096))
    blkzones open 6 1
    expect_error "$ACTIVE_LIMIT" blkzones open 7 1
    blkzones reset 3 1
    blkzones open 7 1
    expect_zones "0-1 full 16M" "2 closed 4K" "3 empty 0" "6-7 explicit-open 0"
    # After a power cycle, an open zone with data is closed, and still counts as active.
    detach
    attach disk.qcow2
    expect_zones "0-1 full 16M" "2 closed 4K" "3 empty 0" "4-5 closed 4K" "6-7 empty 0"
    blkzones open 6 2
    expect_error "$ACTIVE_LIMIT" blkzones open 8 1
    del_and_check disk.qcow2
}
