# shellcheck shell=bash
# Finds and removes things that a test has left behind: sourced by run.

# Call it before the first test.
remember_state() {
    MOUNTS_BEFORE=$(mounts)
    TMP_BEFORE=$(ls -A /tmp)
}

mounts() {
    cut -d ' ' -f 2,3 /proc/self/mounts | sort
}

devices() {
    local node
    for node in /dev/ublkb* /dev/ublkc* /sys/block/ublkb* /sys/class/ublk-char/*; do
        [[ ! -e $node ]] || echo "$node"
    done
}

# The kernel's log since the last test began.
kernel_log() {
    dmesg | gawk '/guest test: / { log_ = "" } { log_ = log_ $0 "\n" } END { printf "%s", log_ }'
}

# Prints the regex of the last test's expect_warnings, or one that matches no warning.
expected_warnings() {
    local regex
    regex=$(kernel_log | sed -n 's/.*guest test expects: //p' | tail -n 1)
    printf '%s\n' "${regex:-^$}"
}

# Prints a line for each thing that a test should have removed.
leftovers() {
    local pid
    devices | sed 's/^/device: /'
    for pid in $(pgrep -x java); do
        echo "process: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline")"
    done
    if [[ -e /run/ublk-zoned ]]; then
        find /run/ublk-zoned | sed 's/^/file: /'
    fi
    diff <(printf '%s\n' "$MOUNTS_BEFORE") <(mounts) | sed -n 's/^> /mount: /p'
    losetup -a | sed 's/^/loop device: /'
    diff <(printf '%s\n' "$TMP_BEFORE") <(ls -A /tmp) | sed -n 's/^> /file: \/tmp\//p'
    kernel_log | grep -E 'WARNING:|BUG:|Oops|blocked for more than|general protection|refcount_t' |
        grep -vE "$(expected_warnings)" | sed 's/^/kernel: /'
}

# Removes leftovers by force, so that the next test finds a clean machine. The next test reports again what could not be
# removed.
remove_leftovers() {
    local pid path device
    pkill -KILL -x java
    mounts | cut -d ' ' -f 1 | while read -r path; do
        [[ $path != "$SCRATCH"/* ]] || timeout 20 umount "$path" || umount -l "$path"
    done
    losetup -D
    for path in /run/ublk-zoned/*/; do
        [[ ! -e $path ]] || timeout 60 ublk-zoned del "$(basename "$path")"
    done
    for pid in $(pgrep -x java); do
        kill -KILL "$pid"
    done
    for device in {/tmp,/run}/hs_err*; do
        [[ ! -e $device ]] || sed 's/^/    /' "$device" | head -n 80
    done
    diff <(printf '%s\n' "$TMP_BEFORE") <(ls -A /tmp) | sed -n 's/^> //p' | while read -r path; do
        rm -rf --one-file-system "/tmp/$path"
    done
    rm -rf --one-file-system /run/ublk-zoned
    # Starts a new section in the kernel's log, so that a warning counts for one test only.
    printf '<5>guest test: cleaned up\n' >/dev/kmsg
} >/dev/null 2>&1
