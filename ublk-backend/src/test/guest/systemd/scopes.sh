# shellcheck shell=bash
# Where systemd runs, a server in the background has its own scope.

_is_inactive() {
    [[ $(systemctl is-active "$1") == inactive ]]
}

lives_on_when_systemd_ends_the_service_that_added_it() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    local server scope
    systemd-run --quiet --collect --unit=job --property=KillMode=control-group --working-directory="$PWD" \
        bash -c 'ublk-zoned add disk.qcow2 >add.txt; sleep infinity'
    await 120 "the device's path" grep -q '^/dev/ublkb0$' add.txt
    DEVICE=/dev/ublkb0
    server=$(server_pid)
    scope=$(sed -n 's,^0::/system.slice/,,p' "/proc/$server/cgroup")
    expect_match "the server's unit" "$scope" '^ublk-zoned-[0-9]+\.scope$'
    systemctl stop job
    [[ -e /proc/$server ]] || fail "the server has ended with the service"
    write_zone 1 0 64K
    del_and_check disk.qcow2
    await 30 "systemd has forgotten the scope" _is_inactive "$scope"
}

# systemd sends SIGTERM, and the scope has no time limit after which it would send SIGKILL.
# runs: long
ends_cleanly_when_its_scope_is_stopped() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    attach disk.qcow2
    local server scope
    server=$(server_pid)
    scope=$(sed -n 's,^0::/system.slice/,,p' "/proc/$server/cgroup")
    expect_equal "the time limit" "$(systemctl show --value --property=TimeoutStopUSec "$scope")" infinity
    write_zone 1 0 64K
    systemctl stop "$scope"
    await 60 "the server has ended" test ! -e "/proc/$server"
    [[ ! -e $DEVICE && ! -e /run/ublk-zoned ]] || fail "$DEVICE or its folder is still there"
    ublk-zoned info --json disk.qcow2 | expect_json 'x["closed"] is True'
}

# runs: long
is_added_without_a_scope_where_systemd_makes_none() {
    new_image disk.qcow2 --size 256M --zone-size 16M
    mkdir bin
    printf '#!/bin/sh\necho "Failed to start transient scope unit" >&2; exit 1\n' >bin/systemd-run
    chmod +x bin/systemd-run
    PATH=$PWD/bin:$PATH ublk-zoned add disk.qcow2 >add.txt 2>err.txt
    DEVICE=/dev/ublkb0
    expect_equal "what add prints" "$(cat add.txt err.txt)" "$DEVICE"
    del_and_check disk.qcow2
}
