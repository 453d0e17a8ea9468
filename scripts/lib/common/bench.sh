# shellcheck shell=bash
# Functions for the measurements in the guest: sourced, never run.

is_zoned() {
    [[ $(<"/sys/block/${1#/dev/}/queue/zoned") != none ]]
}

# run_fio DEVICE SECONDS FIO-OPTION...: libaio, because io_uring's workers reorder writes at depth. The options may name a second
# job. With --time_based=0 a job ends when its data is written.
run_fio() {
    local device=$1 seconds=$2 zonemode=zbd
    is_zoned "$device" || zonemode=none
    shift 2
    (cd /tmp && fio --filename="$device" --direct=1 --zonemode=$zonemode --ioengine=libaio --group_reporting --time_based \
        --runtime="$seconds" --name=bench "$@")
}

# server_of DEVICE: prints the process id of its ublk-zoned server
server_of() {
    ublk-zoned list --json | python3 -c '
import json, sys
print(*(device["pid"] for device in json.load(sys.stdin) if device["path"] == sys.argv[1]))' "$1"
}

# cpu_seconds PID: prints the CPU time of all threads of a process so far
cpu_seconds() {
    awk -v tick="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / tick }' "/proc/$1/stat"
}

# measure WORKLOAD SYSTEM DEVICE SERVER SECONDS FIO-OPTION...: prints IOPS, latencies, and the server's CPU seconds per million
# requests, as bench-table reads them. A workload that reads and writes has a line for each.
measure() {
    local workload=$1 system=$2 device=$3 server=$4 seconds=$5 before=0 after=-
    shift 5
    [[ -z $server ]] || before=$(cpu_seconds "$server")
    run_fio "$device" "$seconds" --output=/tmp/fio.json --output-format=json "$@"
    [[ -z $server ]] || after=$(cpu_seconds "$server")
    python3 - "$workload|$system" "$before" "$after" <<'END'
import json, sys
place, before, after = sys.argv[1:]
with open("/tmp/fio.json") as file:
    job = json.load(file)["jobs"][0]
moved = {direction: job[direction] for direction in ("read", "write") if job[direction]["total_ios"]}
requests = sum(io["total_ios"] for io in moved.values())
for direction, io in moved.items():
    line = [place if len(moved) == 1 else place.replace("|", f": {direction}s|"), f"IOPS={io['iops']:.0f}"]
    for percent in "50", "99", "99.9":
        line.append(f"p{percent} us={io['clat_ns']['percentile'][f'{float(percent):.6f}'] / 1000:.0f}")
    if after != "-":
        line.append(f"CPU={(float(after) - float(before)) / requests * 1e6:.1f}")
    print("|".join(line))
END
}
