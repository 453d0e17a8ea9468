# shellcheck shell=bash
# JDK 25 and Maven for the scripts: sourced after packages.sh, never run.
#
#   JVM_FLAGS             Java's options for every command; SERVER_FLAGS a server's additional ones
#   choose_compiler       adds the optimizing compiler to SERVER_FLAGS, unless the CPU is emulated
#   java_home [javac]     prints the home of a Java 25 or newer, which has a compiler if javac is given; status 1 if none exists
#   need_build_tools      finds or installs a JDK 25 and Maven, and exports JAVA_HOME
#   maven ARG...          runs Maven in the checkout, and shows its output only if it fails
#   build_engine_tests FILE [MAVEN-OPTION]...
#                         compiles the engine's tests, and writes the class path of their libraries to FILE

JAVA_RELEASE_MIN=25

# These shorten the start: no optimizing compiler, for instance.
# shellcheck disable=SC2034 # for the scripts that source this
JVM_FLAGS=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData)
# A server's heap holds its zones and their maps of clusters; the buffers for data are outside the heap. It is allocated at the
# start, because a server cannot wait for memory. It grows only for thousands of zones in use, or tens of GiB
# of mapped data.
# shellcheck disable=SC2034 # for the scripts that source this
SERVER_FLAGS=(-Xms8m -Xmx256m -XX:+AlwaysPreTouch)

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

# Starts as few programs as possible, because the launcher calls it for every command.
java_home() {
    local program=${1:-java} home
    for home in ${JAVA_HOME:+"$JAVA_HOME"} "$(path_java_home)" /usr/lib/jvm/*; do
        if [[ -x $home/bin/$program ]] && has_java_release "$home"; then
            printf '%s\n' "$home"
            return
        fi
    done
    return 1
}

path_java_home() {
    local java
    java=$(type -P java) && java=$(readlink -f "$java") && printf '%s\n' "${java%/bin/java}"
}

# Reads the file `release`, because starting Java to print its version takes longer.
has_java_release() {
    local line
    while read -r line; do
        [[ $line =~ ^JAVA_VERSION=\"([0-9]+) ]] || continue
        ((BASH_REMATCH[1] >= JAVA_RELEASE_MIN))
        return
    done 2>/dev/null <"$1/release"
    return 1
}

need_build_tools() {
    local home
    if ! home=$(java_home javac); then
        need_packages openjdk-25-jdk-headless
        home=$(java_home javac) || fail "found no JDK 25: install one and set JAVA_HOME to it"
    fi
    need_packages mvn=maven
    export JAVA_HOME=$home
}

maven() {
    local log status=0
    log=$(mktemp)
    (cd "${BASH_SOURCE[0]%/*}/../../.." && mvn -B -q "$@") >"$log" 2>&1 || status=$?
    ((status == 0)) || cat "$log" >&2
    rm -f "$log"
    return "$status"
}

build_engine_tests() {
    local file=$1
    shift
    maven "$@" -pl zoned-engine test-compile dependency:build-classpath "-Dmdep.outputFile=$file"
}
