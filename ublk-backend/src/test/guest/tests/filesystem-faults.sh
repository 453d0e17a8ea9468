# shellcheck shell=bash
# File systems on a device that shows faults and power cuts: nothing hangs, and what they say is synced is there afterwards.

# Each file system meets each of these rules, in a life of its own.
_RULES=(
    '--on write --nth 4 --error EIO'
    '--on write --nth 4 --keep 4K --error EIO'
    '--on write --nth 4 --keep 4K --error EIO --pointer advanced'
    '--on write --nth 4 --keep all --error EIO --pointer unmoved'
    '--on append --nth 3 --keep 4K --error EIO'
    '--on append --nth 3 --error EIO --pointer advanced'
    '--on append --nth 3 --keep all --error ENOSPC'
    '--on read --nth 3 --error ENODATA'
    '--on flush --nth 2 --error EIO'
    '--on flush --nth 2 --error EIO --lose unflushed'
    '--on flush --nth 2 --keep all --error ETIMEDOUT'
    '--on reset --nth 1 --error EIO'
    '--on finish --nth 1 --keep all --error EIO'
    '--on any --chance 1/4 --seed 3 --delay 1ms-20ms'
    '--on write --nth 5 --make-zone read-only'
    '--on append --nth 3 --make-zone offline'
)

# _need TYPE: skips the test if the guest does not have this file system for zoned devices
_need() {
    need_file_system "$1"
    [[ $1 != xfs ]] || need_zoned_xfs
}

# _new_file_system TYPE: makes one on a new device, and mounts it
_new_file_system() {
    [[ $1 != zonefs ]] || expect_warnings 'zonefs .* WARNING: '
    local geometry=(--size 2G --zone-size 16M --conventional-zones 16)
    # XFS has its log and its metadata in conventional zones.
    [[ $1 != xfs ]] || geometry=(--size 4G --zone-size 64M --conventional-zones 8)
    new_image disk.qcow2 "${geometry[@]}"
    attach disk.qcow2 --power-cuts
    make_file_system "$1"
    mkdir -p mnt
    _mount "$1"
}

# _mount TYPE: mounts DEVICE on mnt
_mount() {
    local options=defaults
    [[ $1 != zonefs ]] || options=errors=repair
    mount -t "$1" -o "$options" "$DEVICE" mnt
}

# ---- The work: it keeps in ./synced what fsync has confirmed. _zones is for zonefs, whose files are the zones, _files for the
# ---- others.

# _prepare_files SEED: begins with a file that is synced
_prepare_files() {
    : >synced
    rm -rf mnt/*
    pattern "$1" 300K >mnt/before
    sync -f mnt
    echo "$(sha256sum <mnt/before | cut -d ' ' -f 1) before" >synced
}

# _step_files N: replaces a file. Fails if that fails.
_step_files() {
    local name=new$(($1 % 8)) size=$((10000 + $1 % 12 * 30000)) status=0
    sed -i "/ $name\$/d" synced
    rm -f "mnt/$name" 2>>errors || return 1
    pattern "$1" "$size" | timeout 100 dd of="mnt/$name" bs=64K iflag=fullblock conv=fsync status=none 2>>errors || status=$?
    ((status != 124)) || fail "a write hangs"
    ((status == 0)) || return 1
    echo "$name" >>confirmed
    echo "$(pattern "$1" "$size" | sha256sum | cut -d ' ' -f 1) $name" >>synced
}

# _verify_files WHEN: finds the synced files
_verify_files() {
    local sum name
    while read -r sum name; do
        [[ $(sha256sum <"mnt/$name") = $sum* ]] || fail "$name, which was synced, is lost $1"
    done <synced
}

# _prepare_zones SEED: begins with empty zones. A zone's data is that of a pattern, whose number changes when it is reset.
_prepare_zones() {
    local zone
    _PATTERN=()
    _STATE=()
    : >synced
    for zone in {0..4}; do
        truncate -s 0 "mnt/seq/$zone"
        _PATTERN[zone]=$(($1 * 100000 + zone))
        _append_zone "$zone"
    done
}

# _append_zone ZONE: appends to a zone, and syncs it
_append_zone() {
    local zone=$1 file=mnt/seq/$1 size status=0
    size=$(stat -c %s "$file")
    pattern "${_PATTERN[zone]}" $((size + 49152)) | tail -c 49152 |
        timeout 100 dd of="$file" bs=16K iflag=fullblock oflag=direct,append conv=notrunc,nocreat,fsync status=none 2>>errors || status=$?
    ((status != 124)) || fail "a write hangs"
    ((status == 0)) || return 1
    echo "$zone" >>confirmed
    sed -i "/ $zone\$/d" synced
    echo "${_PATTERN[zone]} $((size + 49152)) $zone" >>synced
}

# _step_zones N: appends to a zone, sometimes after a reset, or finishes it. Fails if that fails. A zone that has failed is
# left alone, because it may have a hole.
_step_zones() {
    local zone=$(($1 % 5))
    [[ ${_STATE[zone]:-} != failed ]] || return 0
    case $(($1 % 16)) in
        6 | 11)
            sed -i "/ $zone\$/d" synced
            _PATTERN[zone]=$((_PATTERN[zone] + 10))
            _truncate_zone "$zone" 0 && _append_zone "$zone" && _STATE[zone]=open && return
            ;;
        9)
            _truncate_zone "$zone" 16M && _STATE[zone]=full && return
            ;;
        *)
            [[ ${_STATE[zone]:-} != full ]] || return 0
            _append_zone "$zone" && return
            ;;
    esac
    _STATE[zone]=failed
    return 1
}

# _truncate_zone ZONE SIZE: resets or finishes a zone
_truncate_zone() {
    local status=0
    timeout 100 truncate -s "$2" "mnt/seq/$1" 2>>errors || status=$?
    ((status != 124)) || fail "truncate hangs"
    ((status == 0))
}

# _verify_zones WHEN: finds the synced data of each zone
_verify_zones() {
    local seed size zone
    while read -r seed size zone; do
        cmp <(head -c "$size" "mnt/seq/$zone") <(pattern "$seed" "$size") || fail "zone file $zone lost synced data $1"
    done <synced
}

# ---- faults ----

# Brings worn-out zones back, with their data.
_recover_zones() {
    local zones
    zones=$(our_zones "$DEVICE" | gawk '$5 == "read-only" || $5 == "offline" { print $1 }' | paste -sd ,)
    [[ -z $zones ]] || ublk-zoned zone recover "$DEVICE" "$zones"
}

# _meets_faults TYPE files|zones: lets a file system work, once for each rule
_meets_faults() {
    local type=$1 work=$2 rule hits i
    _need "$type"
    for rule in "${_RULES[@]}"; do
        _new_file_system "$type"
        "_prepare_$work" 5
        # shellcheck disable=SC2086 # the words of the rule
        inject $rule
        for ((i = 0; i < 12; i++)); do
            "_step_$work" "$i" || true
        done
        timeout 100 sync -f mnt 2>>errors || (($? != 124)) || fail "sync hangs"
        echo 3 >/proc/sys/vm/drop_caches
        find mnt -type f -exec cat {} + >/dev/null 2>>errors || true
        timeout 100 umount mnt || fail "umount hangs"
        hits=$(ublk-zoned inject --list --json "$DEVICE" | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["hits"])')
        ublk-zoned inject "$DEVICE" --clear
        _recover_zones
        _mount "$type" || fail "$type cannot be mounted after '$rule'"
        "_verify_$work" "after '$rule'"
        umount mnt
        echo "$type: $rule: $hits hits, $(wc -l <synced) files synced"
        del_and_check disk.qcow2
    done
}

# runs: long
# seconds: 2000
btrfs_keeps_what_is_synced_whatever_fails() {
    _meets_faults btrfs files
}

# runs: long
# seconds: 2000
f2fs_keeps_what_is_synced_whatever_fails() {
    _meets_faults f2fs files
}

# runs: long
# seconds: 2000
xfs_keeps_what_is_synced_whatever_fails() {
    _meets_faults xfs files
}

# runs: long
# seconds: 2000
zonefs_keeps_what_is_synced_whatever_fails() {
    _meets_faults zonefs zones
}

# Tests whether a rule holds requests back.
_holds_requests() {
    ublk-zoned inject --list --json "$DEVICE" | expect_json 'x[0]["waiting"] > 0'
}

# seconds: 600
sigterm_writes_a_file_system_back_although_a_request_stalls() {
    local server syncing
    _need f2fs
    _new_file_system f2fs
    server=$(server_pid)
    inject --on write --nth 2 --stall
    pattern 1 3M >mnt/unsynced
    sync -f mnt &
    syncing=$!
    await 60 "a request stalls" _holds_requests
    kill -TERM "$server"
    await 120 "the server has ended" test ! -e "/proc/$server"
    wait "$syncing" || fail "sync fails"
    umount mnt
    await 30 "the kernel has removed the device" test ! -e /dev/ublkc0
    ublk-zoned info --json disk.qcow2 | expect_json 'x["closed"] is True'
    attach disk.qcow2
    _mount f2fs
    cmp <(pattern 1 3M) mnt/unsynced
    umount mnt
    del_and_check disk.qcow2
}

# ---- power cuts ----

# _work_until_error files|zones
_work_until_error() {
    local i
    for ((i = 0; ; i++)); do
        "_step_$1" "$i" || return 0
    done
}

# _cuts_power ROUNDS TYPE files|zones: cuts the power while a file system works, and finds everything that was synced
_cuts_power() {
    local rounds=$1 type=$2 work=$3 round worker cut found=0
    _need "$type"
    _new_file_system "$type"
    for ((round = 1; round <= rounds; round++)); do
        "_prepare_$work" "$round"
        : >confirmed
        _work_until_error "$work" &
        worker=$!
        sleep "$((2 + round % 3)).$((round * 37 % 10))"
        kill -0 "$worker" 2>>errors || fail "the work ended before cut $round: $(<errors)"
        # Every second time the device comes back by itself, when the file system is unmounted.
        if ((round % 2)); then
            ublk-zoned cut "$DEVICE" --seed "$round" 2>cut.txt
            cut=
        else
            ublk-zoned cut "$DEVICE" --seed "$round" --then continue 2>cut.txt &
            cut=$!
        fi
        await 100 "the work ends after cut $round" _has_ended "$worker"
        wait "$worker"
        timeout 100 umount mnt || fail "umount hangs after cut $round"
        if [[ -n $cut ]]; then
            wait "$cut" || fail "the device does not come back after cut $round: $(<cut.txt)"
        else
            ublk-zoned check disk.qcow2 >check.txt || fail "check after cut $round: $(<check.txt)"
            attach disk.qcow2 --power-cuts
        fi
        _mount "$type" || fail "$type cannot be mounted after cut $round"
        "_verify_$work" "after cut $round"
        found=$((found + $(wc -l <confirmed)))
    done
    echo "$type: $found syncs confirmed before $rounds cuts"
    ((found > 0)) || fail "no file was synced before a cut"
    umount mnt
    _expect_clean "$type"
    del_and_check disk.qcow2
}

_has_ended() {
    ! kill -0 "$1" 2>>errors
}

# _expect_clean TYPE: the file system's own check finds nothing
_expect_clean() {
    local check
    case $1 in
        btrfs) check=(btrfs check --readonly) ;;
        f2fs) check=(fsck.f2fs --dry-run) ;;
        xfs) check=(xfs_repair -n) ;;
        zonefs) return ;; # has no metadata
    esac
    "${check[@]}" "$DEVICE" >fsck.txt 2>&1 || fail "${check[*]} finds damage: $(<fsck.txt)"
}

# seconds: 900
btrfs_keeps_what_is_synced_when_the_power_is_cut() {
    _cuts_power 12 btrfs files
}

# seconds: 900
f2fs_keeps_what_is_synced_when_the_power_is_cut() {
    _cuts_power 12 f2fs files
}

# runs: newest
# seconds: 900
xfs_keeps_what_is_synced_when_the_power_is_cut() {
    _cuts_power 12 xfs files
}

# seconds: 900
zonefs_keeps_what_is_synced_when_the_power_is_cut() {
    _cuts_power 12 zonefs zones
}

# runs: long
# seconds: 9000
btrfs_keeps_what_is_synced_through_200_power_cuts() {
    _cuts_power 200 btrfs files
}

# runs: long
# seconds: 9000
f2fs_keeps_what_is_synced_through_200_power_cuts() {
    _cuts_power 200 f2fs files
}

# runs: long
# seconds: 9000
xfs_keeps_what_is_synced_through_200_power_cuts() {
    _cuts_power 200 xfs files
}

# seconds: 600
comes_back_for_a_file_system() {
    local cut
    _need btrfs
    _new_file_system btrfs
    _prepare_files 1
    ublk-zoned cut "$DEVICE" --then continue 2>cut.txt &
    cut=$!
    await 60 "cut prints a sentence" test -s cut.txt
    expect_equal "what cut prints" "$(<cut.txt)" "ublk-zoned: $DEVICE comes back when it is unmounted: umount $PWD/mnt"
    umount mnt
    wait "$cut" || fail "cut: $(<cut.txt)"
    _mount btrfs
    _verify_files "after cut"

    inject --on write --power-cut --then continue
    pattern 2 300K >mnt/after || true
    sync -f mnt 2>>errors || true
    umount mnt
    await 60 "the device is live again" has_lived 3
    _mount btrfs
    _verify_files "after the rule's cut"
    umount mnt
    del_and_check disk.qcow2
}
