# shellcheck shell=bash
# The build of the program in this checkout: sourced after java.sh, never run. The caller has set CHECKOUT, its absolute path,
# and has a function fail.
#
#   find_jar      sets JAR to the program, or to nothing if it is not built yet
#   is_stale      tests whether the program is not built yet or is older than its sources; sets JAR
#   can_build     tests whether Maven is installed and this user may build here
#   build         builds the program if it is stale, one process at a time; sets JAR

TARGET=$CHECKOUT/ublk-backend/target

find_jar() {
    JAR=
    local jar
    for jar in "$TARGET"/ublk-backend-*.jar; do
        [[ ! -e $jar ]] || JAR=$jar
    done
}

is_stale() {
    find_jar
    [[ -n $JAR ]] || return 0
    local built=$JAR
    [[ ! $TARGET/built -nt $JAR ]] || built=$TARGET/built
    [[ -n $(find "$CHECKOUT"/pom.xml "$CHECKOUT"/*/pom.xml "$CHECKOUT"/*/src/main -newer "$built" -print -quit) ]]
}

# Root builds in its own checkout only.
is_builder() {
    ((EUID != 0)) || [[ -O $CHECKOUT ]]
}

can_build() {
    type -P mvn >/dev/null && [[ -w $CHECKOUT ]] && is_builder
}

build() {
    local jdk
    is_builder || fail "not built yet: run '$CHECKOUT/scripts/build' as $(stat -c %U "$CHECKOUT"), who owns it"
    if ! type -P mvn >/dev/null || ! jdk=$(java_home javac); then
        fail "not built yet, which takes Maven and JDK $JAVA_RELEASE_MIN: apt-get install maven openjdk-$JAVA_RELEASE_MIN-jdk-headless"
    fi
    mkdir -p "$TARGET"
    exec {lock}<"$TARGET"
    flock "$lock"
    if is_stale; then
        printf 'ublk-zoned: building in %s\n' "$CHECKOUT" >&2
        touch "$TARGET/building"
        JAVA_HOME=$jdk PATH=$jdk/bin:$PATH maven -Dmaven.test.skip=true package || fail "the build failed"
        chmod +r "$TARGET"/modules/* # moditect makes some of them with mode 0600
        mv "$TARGET/building" "$TARGET/built"
        find_jar
    fi
    exec {lock}<&-
}
