# shellcheck shell=bash
# The start of a command or of a server, in a checkout and in the package: sourced by their launchers, never run. Starts as few
# programs as possible before Java: each one delays the command.
#
#   JVM_FLAGS          Java's options for every command; SERVER_FLAGS a server's additional ones
#   choose_compiler    adds the optimizing compiler to SERVER_FLAGS, unless the CPU is emulated
#   prepare_process    makes the caller's descriptors and working directory usable for Java
#   launch ARGUMENT... runs the program with these arguments. The caller has set JAVA to the command, and PROGRAM to its module
#                      path and main class.

# shellcheck source=scripts/lib/common/messages.sh
. "${BASH_SOURCE[0]%/*}/messages.sh"

# These shorten the start: no optimizing compiler, for instance.
JVM_FLAGS=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData
    --enable-native-access=io.ublkzoned.bindings '-Xlog:aot*=off' '-Xlog:cds*=off')
# A server's heap holds its zones and their maps of clusters; the buffers for data are outside the heap. It is allocated at the
# start, because a server cannot wait for memory. It grows only for thousands of zones in use, tens of GiB
# of mapped data, or while someone watches a device with that many zones.
SERVER_FLAGS=(-Xms8m -Xmx256m -XX:+AlwaysPreTouch)
# Tests set this, for instance to -ea, so that the server checks the assertions in its code.
IFS=' ' read -ra test_flags <<<"${UBLK_ZONED_JAVA_OPTIONS:-}"
SERVER_FLAGS+=("${test_flags[@]}")

# Crash reports are not in the current folder, because that may be on a device of ublk-zoned. A server keeps the mount of /run,
# but not that of /tmp.
COMMAND_FLAGS=("-XX:ErrorFile=${TMPDIR:-/tmp}/hs_err_ublk-zoned_%p.log" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn)
SERVER_FLAGS+=(-XX:ErrorFile=/run/hs_err_ublk-zoned_%p.log)

# The scope of a server in the background. It ends neither with the caller's session nor with the caller's service. At boot,
# mounts come after local-fs-pre.target. At shutdown the order is reversed: systemd first unmounts file systems on the device,
# and then sends the server SIGTERM, without a time limit.
SCOPE=(
    systemd-run --scope --quiet --collect --slice=system.slice --description=ublk-zoned
    --property=DefaultDependencies=no --property=Conflicts=shutdown.target
    --property=Wants=local-fs-pre.target --property='Before=local-fs-pre.target shutdown.target'
    --property=TimeoutStopSec=infinity
)

# On a real CPU the optimizing compiler has paid for itself within a second. On an emulated one, compiling takes a minute of
# the CPU that the device needs. QEMU's emulated CPUs have TCG in their names, unless another name was chosen.
choose_compiler() {
    local line
    while IFS= read -r line; do
        [[ $line != 'model name'*TCG* ]] || return 0
        [[ $line != 'model name'* ]] || break
    done </proc/cpuinfo
    SERVER_FLAGS+=(-XX:TieredStopAtLevel=4)
}

# Capabilities, see linux/capability.h
CAP_SETPCAP=8
CAP_SYS_ADMIN=21

# has_capability CAPABILITY: tests whether this process has it
has_capability() {
    local field value
    while read -r field value; do
        [[ $field != CapEff: ]] || return $((!(0x$value >> $1 & 1)))
    done </proc/self/status
}

# Runs in the server's process before Java. Prints an empty line if it is in a scope, to report that systemd-run succeeded. The
# name of the process starts with @, because at the end of a shutdown systemd does not kill such processes.
# shellcheck disable=SC2016 # expanded by the bash that runs it
SERVE='[[ $0 != scope ]] || echo; exec 2>&3 3>&-; exec -a "@$1" "$@"'

# start_server HOW ARGUMENT...: starts a server that shares neither the session and terminal, cgroup, descriptors and mounts of
# the caller, nor its environment, by which CI runners find processes to kill. HOW is scope, alone, service (the caller's service
# is the server's), or unprivileged. Sets PID to the server's process, and PIPE to a pipe from its stdout.
start_server() {
    local how=$1 keep=(PATH="$PATH" LC_ALL="$LC_ALL") place=()
    shift
    [[ ! -v TMPDIR ]] || keep+=(TMPDIR="$TMPDIR")
    [[ ! -v LD_LIBRARY_PATH ]] || keep+=(LD_LIBRARY_PATH="$LD_LIBRARY_PATH")
    # In its own mount namespace, the server can detach mounts, so that it does not keep those busy that others unmount.
    [[ $how = unprivileged ]] || place=(unshare --mount --propagation slave)
    exec {PIPE}< <(
        close_inherited
        exec 3>&2 </dev/null
        case $how in
        scope)
            exec 2>/dev/null
            place=("${SCOPE[@]}" "--unit=ublk-zoned-$BASHPID" "${place[@]}")
            ;;
        alone) [[ -d /run/systemd/system ]] || leave_cgroup ;;
        esac
        exec env -i "${keep[@]}" "${place[@]}" setsid bash -c "$SERVE" "$how" "${server[@]}" "$@" --detach
    )
    PID=$!
}

# Moves this process to the root of cgroup2, which accepts any process. Other hierarchies have no such file.
leave_cgroup() {
    echo 0 >/sys/fs/cgroup/cgroup.procs || true
} 2>/dev/null

# Starts the server, and waits until it prints the path of its device or ends.
serve_in_background() {
    local how=unprivileged line status=0
    if has_capability "$CAP_SYS_ADMIN"; then # to unshare the mounts
        how=alone
        if [[ -n ${UBLK_ZONED_IN_SERVICE:-} ]]; then
            how=service
        elif [[ -d /run/systemd/system ]] && type -P systemd-run >/dev/null; then
            how=scope
        fi
    fi
    start_server "$how" "$@"
    trap 'kill "$PID" 2>/dev/null || true; wait "$PID" || true; exit 130' INT
    trap 'kill "$PID" 2>/dev/null || true; wait "$PID" || true; exit 143' TERM
    if [[ $how = scope ]] && ! read -r <&"$PIPE"; then
        # systemd-run failed.
        wait "$PID" || true
        start_server alone "$@"
    fi
    if IFS= read -r line <&"$PIPE"; then
        print_or_delete "$line"
        [[ $line != /dev/ublkb* ]] || exit 0
        cat <&"$PIPE"
    fi
    wait "$PID" || status=$?
    exit "$status"
}

# Deletes the device again if its path cannot be printed.
print_or_delete() {
    trap '' PIPE
    ! printf '%s\n' "$1" 2>/dev/null || return 0
    kill "$PID" 2>/dev/null || true
    wait "$PID" || true
    fail "the device's path could not be printed, so the device was deleted again"
}

# The options of add that have a value
ADD_VALUES=' --image -n --id -q --queues -d --depth --block-size --recovery --cache --inject --inject-file --record --name --conf '

# split_images ARGUMENT...: sets IMAGES to the operands of add, and OPTIONS to its other arguments
split_images() {
    IMAGES=() OPTIONS=()
    while (($#)); do
        if [[ $1 != -* ]]; then
            IMAGES+=("$1")
        else
            OPTIONS+=("$1")
            if [[ $ADD_VALUES == *" $1 "* ]] && (($# > 1)); then
                shift
                OPTIONS+=("$1")
            fi
        fi
        shift
    done
}

# Tests whether add has several images. A second operand that is a number is that of the device.
has_several_images() {
    ((${#IMAGES[@]} > 1)) && [[ ! ${IMAGES[1]} =~ ^(/dev/ublk[bc])?[0-9]+$ ]]
}

# add_several WORD...: attaches IMAGES with the same OPTIONS, or none of them. The words are before the command.
add_several() {
    local devices=() image device
    [[ ! " ${OPTIONS[*]}" =~ ' '(--image|-n|--id|--name|--record|--foreground)(' '|=|$) ]] ||
        fail "${BASH_REMATCH[1]} is for one image, not for several"
    trap '' PIPE
    trap 'delete_added; exit 130' INT
    trap 'delete_added; exit 143' TERM
    for image in "${IMAGES[@]}"; do
        if ! device=$(serve_in_background "$@" add "${OPTIONS[@]}" "--image=$image"); then
            delete_added
            exit 1
        fi
        devices+=("$device")
    done
    printf '%s\n' "${devices[@]}" 2>/dev/null || {
        delete_added
        fail "the devices' paths could not be printed, so the devices were deleted again"
    }
}

delete_added() {
    ((${#devices[@]} == 0)) || "${command_line[@]}" del "${devices[@]}" || true
}

# Each device gets its own server process.
recover_all() {
    local devices device state status=0
    devices=$("${command_line[@]}" list) || exit
    while read -r device state _; do
        [[ $state != quiesced ]] || (serve_in_background recover "$device") || status=1
    done <<<"$devices"
    exit "$status"
}

# Closes the caller's descriptors. Otherwise the server would hold the caller's locks and pipes.
close_inherited() {
    local path fd
    for path in /proc/self/fd/*; do
        fd=${path##*/}
        ((fd <= 2)) || eval "exec $fd>&-"
    done
}

# Opens or requires the standard descriptors. Otherwise the first files that Java opens would get their numbers.
check_descriptors() {
    [[ -e /proc/self/fd/1 ]] || fail "stdout is closed: redirect it to a file, /dev/null for instance"
    [[ -e /proc/self/fd/0 ]] || exec </dev/null
    [[ -e /proc/self/fd/2 ]] || exec 2>/dev/null
}

# Leaves a working directory that has been deleted, because Java does not start there. The property makes the program refuse
# relative names.
leave_deleted_folder() {
    cd / 2>/dev/null # cd complains about the old folder
    JVM_FLAGS+=(-Dio.ublkzoned.folderIsDeleted=true)
}

prepare_process() {
    # File names are bytes. Without a UTF-8 locale, Java could not open files whose names are not ASCII.
    export LC_ALL=C.UTF-8
    check_descriptors
    pwd -P >/dev/null 2>&1 || leave_deleted_folder
}

launch() {
    local argument command='' foreground='' before=0
    for argument in "$@"; do
        [[ -n $command || $argument == -* ]] || command=$argument
        [[ -n $command ]] || before=$((before + 1))
        [[ $argument != --foreground ]] || foreground=yes
    done
    [[ $command != @(add|recover) ]] || choose_compiler
    local command_line=("$JAVA" "${JVM_FLAGS[@]}" "${COMMAND_FLAGS[@]}" "${PROGRAM[@]}")
    local server=("$JAVA" "${JVM_FLAGS[@]}" "${SERVER_FLAGS[@]}" "${PROGRAM[@]}")
    if [[ $command = add ]]; then
        split_images "${@:before + 2}"
        if has_several_images; then
            add_several "${@:1:before}"
            return
        fi
    fi
    case $command$foreground in
    add | recover)
        if [[ $command = recover && $# = 2 && $2 =~ ^(-a|--all)$ ]]; then
            recover_all
        else
            serve_in_background "$@"
        fi
        ;;
    metrics)
        # Root needs no capability to connect to the servers' sockets, because they belong to it; but Java may be in a private folder.
        ! has_capability "$CAP_SETPCAP" ||
            command_line=(setpriv --no-new-privs "--bounding-set=-all,+dac_read_search" --inh-caps=-all "${command_line[@]}")
        exec "${command_line[@]}" "$@"
        ;;
    addyes | recoveryes) exec -a "@${server[0]}" "${server[@]}" "$@" ;;
    *) exec "${command_line[@]}" "$@" ;;
    esac
}
