# shellcheck shell=bash
# JDK 25 and Maven for the scripts: sourced after packages.sh, never run.
#
#   java_home [javac]     prints the home of a Java 25 or newer, which has a compiler if javac is given; status 1 if none exists
#   need_build_tools      finds or installs a JDK 25 and Maven, and exports JAVA_HOME
#   maven ARG...          runs Maven in the checkout, and shows its output only if it fails
#   build_engine_tests FILE [MAVEN-OPTION]...
#                         compiles the engine's tests, and writes the class path of their libraries to FILE

JAVA_RELEASE_MIN=25

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
