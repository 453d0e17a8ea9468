# shellcheck shell=bash
# The package that scripts/package has made, on a machine without Java, and its service.

# shellcheck source=ublk-backend/src/test/guest/lib/package.sh
. "$HERE/lib/package.sh"

# seconds: 600
runs_from_the_package_without_java() {
    install_package
    expect_match "the version" "$(ublk-zoned --version)" '^ublk-zoned [0-9.]+$'
    dpkg --verify ublk-zoned >verify.txt
    expect_equal "what dpkg --verify prints" "$(<verify.txt)" ''
    ublk-zoned create disk.qcow2 --size 256M --zone-size 16M >/dev/null
    DEVICE=$(ublk-zoned add disk.qcow2 --name scratch)
    expect_equal "the device" "$DEVICE" /dev/ublkb0
    write_zone 1 0 64K
    await 20 "udev makes a link" test -b /dev/disk/by-ublk-zoned/scratch
    expect_equal "the link" "$(readlink -f /dev/disk/by-ublk-zoned/scratch)" "$DEVICE"
    ublk-zoned list --json | expect_json 'x[0]["name"] == "scratch" and x[0]["state"] == "live"'
    cp --sparse=always disk.qcow2 other.qcow2
    expect_failure 1 "device 0 has the name 'scratch'" ublk-zoned add other.qcow2 --name scratch
    expect_failure 2 "has other characters than" ublk-zoned add other.qcow2 --name a/b
    del_and_check disk.qcow2
    [[ ! -e /dev/disk/by-ublk-zoned ]] || fail "the link is still there"
    zcat /usr/share/man/man8/ublk-zoned.8.gz | grep -q '^\.TH UBLK' || fail "there is no manual"
    bash -c '. /usr/share/bash-completion/completions/ublk-zoned; complete -p ublk-zoned' >/dev/null
    purge_package
}

# _configure NAME LINE...: writes the file of a service
_configure() {
    local name=$1
    shift
    printf '%s\n' "$@" >"/etc/ublk-zoned/$name.conf"
}

# _main_pid: prints the server's process as systemd knows it
_main_pid() {
    systemctl show --value --property=MainPID ublk-zoned@data
}

_serves_metrics() {
    python3 -c '
import urllib.request
text = urllib.request.urlopen("http://127.0.0.1:9469/metrics").read().decode()
assert "ublk_zoned_up{device=\"ublkb0\"} 1.0" in text, text'
}

_is_other_server() {
    local now
    now=$(_main_pid)
    [[ $now != 0 && $now != "$1" ]]
}

# seconds: 900
serves_as_a_service_that_survives_its_server() {
    local server load i
    need_file_system f2fs
    install_package
    ublk-zoned create /var/tmp/data.qcow2 --size 1G --zone-size 16M --conventional-zones 16 >/dev/null
    _configure data '# A comment.' '' 'image = /var/tmp/data.qcow2' 'queues = 2' 'depth=64'
    mkdir -p /media/data
    systemctl start ublk-zoned@data || fail "$(journalctl -u ublk-zoned@data)"
    DEVICE=/dev/ublkb0
    expect_equal "the queue depth" "$(sysfs mq/0/nr_tags)" 64
    await 20 "udev makes a link" test -b /dev/disk/by-ublk-zoned/data
    make_file_system f2fs
    echo '/dev/disk/by-ublk-zoned/data /media/data f2fs noauto,x-systemd.requires=ublk-zoned@data.service 0 0' >>/etc/fstab
    systemctl stop ublk-zoned@data
    [[ ! -e $DEVICE ]] || fail "$DEVICE is still there"
    systemctl daemon-reload

    # The mount starts the service.
    systemctl start media-data.mount || fail "$(journalctl -u ublk-zoned@data -u media-data.mount)"
    server=$(_main_pid)
    expect_equal "the server" "$server" "$(server_pid)"
    expect_match "its unit" "$(<"/proc/$server/cgroup")" 'ublk-zoned@data.service'

    # Metrics come from a process without capabilities.
    systemctl start ublk-zoned-metrics || fail "$(journalctl -u ublk-zoned-metrics)"
    await 60 "the metrics are served: $(journalctl -u ublk-zoned-metrics | tail)" _serves_metrics
    expect_equal "the capabilities" "$(gawk '$1 == "CapEff:" { print $2 }' \
        "/proc/$(systemctl show --value --property=MainPID ublk-zoned-metrics)/status")" 0000000000000000
    systemctl stop ublk-zoned-metrics

    # Its device continues under the file system when it is killed.
    pattern 1 4M >/media/data/before
    sync -f /media/data
    (for i in 1 2 3 4 5 6; do pattern "$i" 8M >"/media/data/load$i"; done && sync -f /media/data) &
    load=$!
    sleep 1
    kill -0 "$load" || fail "the load has ended before the server was killed"
    kill -KILL "$server"
    await 120 "systemd starts a server again: $(journalctl -u ublk-zoned@data | tail)" _is_other_server "$server"
    wait "$load" || fail "I/O failed when the server was killed"
    echo 3 >/proc/sys/vm/drop_caches
    cmp /media/data/before <(pattern 1 4M) || fail "data was lost"
    for i in 1 2 3 4 5 6; do
        cmp "/media/data/load$i" <(pattern "$i" 8M) || fail "data was lost"
    done

    # The package cannot be removed from under a device that is not one of the services'.
    cp --sparse=always /var/tmp/data.qcow2 /var/tmp/other.qcow2
    DEVICE=$(ublk-zoned add /var/tmp/other.qcow2)
    ! dpkg --remove ublk-zoned >dpkg.txt 2>&1 || fail "the package is removed while a device is attached"
    grep -q "device 1 is still attached: run 'ublk-zoned del 1' first" dpkg.txt || fail "$(<dpkg.txt)"
    detach
    rm /var/tmp/other.qcow2
    systemctl start media-data.mount # the removal has stopped the service

    # A second service on the same image says why it cannot start.
    _configure second 'image = /var/tmp/data.qcow2'
    ! systemctl start ublk-zoned@second 2>/dev/null || fail "a second service starts"
    journalctl -u ublk-zoned@second >journal.txt
    grep -q 'data.qcow2 is attached as /dev/ublkb0' journal.txt || fail "no reason: $(<journal.txt)"
    systemctl stop ublk-zoned@second
    systemctl reset-failed ublk-zoned@second

    # The service takes the mount with it, which writes unsynced data back first.
    pattern 7 3M >/media/data/unsynced
    systemctl stop ublk-zoned@data
    ! mountpoint -q /media/data || fail "it is still mounted"
    [[ ! -e /run/ublk-zoned ]] || fail "the device is still there"
    ublk-zoned check /var/tmp/data.qcow2
    ublk-zoned info --json /var/tmp/data.qcow2 | expect_json 'x["closed"] is True'
    systemctl start media-data.mount
    cmp /media/data/unsynced <(pattern 7 3M) || fail "unsynced data was lost"
    systemctl stop ublk-zoned@data
    sed -i '/by-ublk-zoned/d' /etc/fstab
    systemctl daemon-reload
    rm -r /var/tmp/data.qcow2 /media/data
    purge_package
}

refuses_wrong_configurations() {
    local name
    install_package
    ublk-zoned create /var/tmp/bad.qcow2 --size 256M --zone-size 16M >/dev/null
    _configure unknown 'image = /var/tmp/bad.qcow2' 'queue = 2'
    _configure word 'image'
    _configure flag 'image = /var/tmp/bad.qcow2' 'power-cuts = maybe'
    _configure number 'image = /var/tmp/bad.qcow2' 'queues = many'
    _configure missing 'image = /var/tmp/none.qcow2'
    expect_failure 1 "unknown.conf, line 2: there is no option 'queue': see ublk-zoned add --help" \
        ublk-zoned add --conf /etc/ublk-zoned/unknown.conf
    expect_failure 1 "word.conf, line 1: write 'NAME = VALUE', not 'image'" ublk-zoned add --conf /etc/ublk-zoned/word.conf
    expect_failure 1 "flag.conf, line 2: 'power-cuts' is yes or no, not 'maybe'" ublk-zoned add --conf /etc/ublk-zoned/flag.conf
    expect_failure 1 "number.conf: .*option '--queues': 'many' is not a number" ublk-zoned add --conf /etc/ublk-zoned/number.conf
    expect_failure 1 "none.qcow2" ublk-zoned add --conf /etc/ublk-zoned/missing.conf
    expect_failure 1 "absent.conf does not exist" ublk-zoned add --conf /etc/ublk-zoned/absent.conf
    for name in unknown missing absent; do
        ! systemctl start "ublk-zoned@$name" 2>/dev/null || fail "the service $name starts"
        systemctl stop "ublk-zoned@$name"
        systemctl reset-failed "ublk-zoned@$name"
    done
    [[ ! -e /run/ublk-zoned ]] || fail "something is left in /run/ublk-zoned"
    rm /var/tmp/bad.qcow2
    purge_package
}

# seconds: 600
gives_disks_to_a_machine_of_a_ci() {
    local action
    action=$(realpath "$HERE/../../../../.github/actions/zoned-disk/zoned-disk")
    install_package
    export RUNNER_TEMP=$PWD GITHUB_OUTPUT=$PWD/output INPUT_COUNT=2 INPUT_SIZE=512M INPUT_ZONE_SIZE=16M
    export INPUT_CONVENTIONAL_ZONES=4 INPUT_CREATE_OPTIONS='--max-open-zones 8 --max-active-zones 8' INPUT_ADD_OPTIONS=--power-cuts
    expect_equal "the devices" "$("$action" attach | paste -sd ' ')" "/dev/ublkb0 /dev/ublkb1"
    expect_equal "the outputs" "$(<output)" "devices=/dev/ublkb0 /dev/ublkb1
device=/dev/ublkb0"
    expect_equal "the limit" "$(cat /sys/block/ublkb1/queue/max_open_zones)" 8
    expect_failure 1 'attached already' "$action" attach
    ublk-zoned del 0 # as a job may do
    "$action" remove
    [[ ! -e /dev/ublkb0 && ! -e zoned-disks ]] || fail "something is left"
    "$action" remove
    INPUT_CREATE_OPTIONS='--max-open-zones 9999' expect_failure 1 'ublk-zoned: ' "$action" attach
    [[ ! -e zoned-disks ]] || fail "a failed attach leaves something"
    purge_package
}
