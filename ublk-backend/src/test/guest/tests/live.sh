# shellcheck shell=bash
# The live view: watch, metrics, and the page.

# _get PATH: fetches a page of the metrics server
_get() {
    python3 -c 'import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())' "$METRICS$1"
}

# Starts the metrics server, and sets METRICS to its address without the slash at the end, and METRICS_PID.
_start_metrics() {
    ublk-zoned metrics --listen 127.0.0.1:0 >address 2>metrics.err &
    METRICS_PID=$!
    await 60 "metrics prints its address" test -s address
    METRICS=$(<address)
    METRICS=${METRICS%/}
}

_is_up() {
    _get /metrics | grep -qF 'ublk_zoned_up{device="ublkb0"} 1.0'
}

_end_metrics() {
    kill "$METRICS_PID"
    wait "$METRICS_PID" || true
}

# Overwrites zone 1, which is conventional, until the file end exists.
_write_until_end() {
    while [[ ! -e end ]]; do
        write_zone 1 0 64K
    done
}

# _watch_on_a_terminal IMAGE: watches it on a terminal of 24 rows and 80 columns, until a zone is shown as open, then presses Ctrl-C
_watch_on_a_terminal() {
    python3 -c '
import fcntl, os, pty, re, select, struct, sys, termios, time

pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execvp("ublk-zoned", ["ublk-zoned", "watch", sys.argv[1]])
shown, pressed, end = b"", False, time.time() + 120
while time.time() < end:
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        shown += os.read(terminal, 65536)
    except OSError:
        break
    if b"\x1b[32mo" in shown and b"\x1b[J" in shown and not pressed:
        os.write(terminal, b"\x03")
        pressed = True
assert pressed, shown
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 130
assert b"\x1b[?1049h" in shown and shown.rstrip().endswith(b"\x1b[?1049l"), shown
view = re.split(rb"\x1b\[H", shown)[1].split(b"\x1b[J")[0]
lines = [re.sub(rb"\x1b\[[0-9;]*[mK]", b"", line).rstrip() for line in view.split(b"\n")]
assert len(lines) <= 24 and max(map(len, lines)) <= 80, lines' "$1"
}

watches_a_device_that_works() {
    local writer
    new_image disk.qcow2 --size 1G --zone-size 16M --conventional-zones 4 --max-open-zones 3 --max-active-zones 5
    expect_failure 1 'no device is attached' ublk-zoned watch --once
    attach disk.qcow2
    write_zone 6 0 64K
    write_zone 7 0 64K
    write_zone 8 0 64K
    write_zone 9 0 64K
    write_zone 5 0 64K
    _write_until_end &
    writer=$!
    ublk-zoned watch --once --interval 3 --json >watch.json
    expect_json 'x["path"] == "/dev/ublkb0" and x["zones"] == 64 and x["maxOpenZones"] == 3 and x["maxActiveZones"] == 5' <watch.json
    expect_json 'x["openZones"] == 3 and x["activeZones"] == 5 and x["implicitCloses"] == 2' <watch.json
    expect_json 'x["conditions"]["implicit-open"] == 3 and x["conditions"]["closed"] == 2 and x["seconds"] >= 3' <watch.json
    expect_json '[(o["requestsPerSecond"] > 0, 0 < o["p50"] <= o["p99"] <= o["max"] < 3e9, o["errors"])
        for o in x["operations"] if o["operation"] == "write"] == [(True, True, 0)]' <watch.json
    expect_json '1 in [z["zone"] for z in x["busiestZones"]]' <watch.json

    # As text, and on a terminal, in colour and as large as the window.
    ublk-zoned watch --once --interval 3 "$DEVICE" >watch.txt
    grep -Eq '^open 3 of 3 +active 5 of 5 +implicit closes 2 ' watch.txt || fail "$(<watch.txt)"
    grep -Eq '^ 0  ====\.occoo\.' watch.txt || fail "$(<watch.txt)"
    grep -Eq '^busiest zones: (.* )?1 \(' watch.txt || fail "$(<watch.txt)"
    _watch_on_a_terminal disk.qcow2
    touch end
    wait "$writer"
    expect_failure 2 'it must be from 0.1 to 3600 s' ublk-zoned watch --interval 0
    del_and_check disk.qcow2
    expect_failure 1 'disk.qcow2 is not attached' ublk-zoned watch disk.qcow2
}

serves_metrics_and_a_page() {
    local capabilities line server
    new_image disk.qcow2 --size 1G --zone-size 16M --conventional-zones 4
    attach disk.qcow2
    write_zone 5 0 64K
    write_zone 5 64K 64K
    blkzones finish 5 1
    write_zone_fails 'Input/output error' 5 0 64K
    sync_device
    _start_metrics
    capabilities=$(gawk '$1 ~ /^Cap(Eff|Prm|Bnd):/ { print $2 }' "/proc/$METRICS_PID/status" | sort -u)
    expect_equal "its capabilities" "$capabilities" 0000000000000004 # CAP_DAC_READ_SEARCH
    _get /metrics >metrics.txt
    for line in 'up{device="ublkb0"} 1.0' \
        'request_bytes_total{device="ublkb0",operation="write"} 131072.0' \
        'request_duration_seconds_count{device="ublkb0",operation="zone-finish"} 1' \
        'zones{condition="full",device="ublkb0"} 1.0'; do
        grep -qF "ublk_zoned_$line" metrics.txt || fail "$line is not in $(<metrics.txt)"
    done
    _get /devices | expect_json '[d["path"] for d in x] == ["/dev/ublkb0"]'
    _get /devices/0 | expect_json 'x["map"]["conditions"][:7] == "00001e1" and x["conditions"]["full"] == 1'
    _get /devices/0/zones/5 | expect_json '[h["condition"] for h in x["history"]] == ["implicit-open", "full"]'
    _get / >page.html
    grep -q '<title>ublk-zoned</title>' page.html || fail "it serves no page"
    expect_failure 1 "127.0.0.1:${METRICS##*:} cannot be used: address already in use: choose another address with --listen" \
        ublk-zoned metrics --listen "127.0.0.1:${METRICS##*:}"
    expect_failure 2 "'9469' is not an address and a port" ublk-zoned metrics --listen 9469

    # A server that hangs delays its own device only, and so does a client of the page.
    server=$(ublk-zoned list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["pid"])')
    kill -STOP "$server"
    _get /metrics | grep -qF 'ublk_zoned_up{device="ublkb0"} 0.0' || fail "a server that hangs is up"
    expect_error 'HTTP Error 503' _get /devices/0
    kill -CONT "$server"
    await 30 "the server is up again" _is_up

    # A dead server is down, and its successor counts anew.
    kill -KILL "$server"
    await 30 "the server has ended" test ! -e "/proc/$server"
    _get /metrics | grep -qF 'ublk_zoned_up{device="ublkb0"} 0.0' || fail "a dead server is not down"
    recover_device
    _is_up || fail "a new server is not up"
    _get /metrics >metrics.txt
    ! grep -qF 'operation="zone-finish"' metrics.txt || fail "another server's requests are counted"
    del_and_check disk.qcow2
    expect_equal "the devices" "$(_get /devices)" '[]'
    _end_metrics
}
