# shellcheck shell=bash
# Debian packages for the scripts: sourced, never run. Sources messages.sh. The caller has set `set -euo pipefail`.
#
#   cache_dir                              makes the cache folder if it does not exist, and prints its path
#   need_packages SPEC...                  installs missing packages as root; otherwise prints the command and fails.
#                                          SPEC is PACKAGE, or COMMAND=PACKAGE: then the package is missing if COMMAND is
#   debian_mirror                          prints the URL of a Debian archive
#   apt_state DIR SUITE...                 sets up a private apt in DIR for these suites, and updates it
#   apt_in DIR apt-get|apt-cache ARG...    runs apt on the state in DIR; the machine's package lists and packages do not change
#   download_package SUITE PACKAGE... DIR  unpacks these packages, without their dependencies, into DIR
#   uapi_headers                           prints a folder of the newest kernel's UAPI headers (to be used with -isystem)
#   promtool_folder                        prints a folder with promtool, which older suites have only in the package of the Prometheus server
#
# UBLK_ZONED_MIRROR is the URL of a Debian archive, for a machine whose apt is not set up with one.

STABLE_SUITE=trixie
BACKPORTS_SUITE=$STABLE_SUITE-backports

# shellcheck source=scripts/lib/common/messages.sh
. "${BASH_SOURCE[0]%/*}/messages.sh"

cache_dir() {
    local dir=${XDG_CACHE_HOME:-$HOME/.cache}/ublk-zoned
    mkdir -p "$dir"
    printf '%s\n' "$dir"
}

need_packages() {
    local spec missing=()
    for spec in "$@"; do
        if [[ $spec == *=* ]]; then
            # sbin is not on every user's PATH
            PATH=$PATH:/usr/sbin:/sbin command -v "${spec%%=*}" >/dev/null && continue
        elif [[ $(dpkg-query -W -f '${db:Status-Status}' "$spec" 2>/dev/null) == installed ]]; then
            continue
        fi
        missing+=("${spec#*=}")
    done
    ((${#missing[@]})) || return 0

    ((EUID == 0)) || fail "packages are missing, and only root may install them: run 'sudo apt-get install ${missing[*]}' first"
    command -v apt-get >/dev/null || fail "Debian packages are missing, and this machine has no apt-get: ${missing[*]}"
    say "installing ${missing[*]}"
    local log status=0
    log=$(mktemp)
    install_packages "${missing[@]}" >"$log" 2>&1 || status=$?
    ((status == 0)) || tail -n 20 "$log" >&2
    rm -f "$log"
    ((status == 0)) || fail "apt-get could not install ${missing[*]}"
}

install_packages() {
    apt-get update
    env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

debian_mirror() {
    if [[ -n ${UBLK_ZONED_MIRROR:-} ]]; then
        printf '%s\n' "$UBLK_ZONED_MIRROR"
        return
    fi
    local mirror lists
    mirror=$(configured_mirror)
    if [[ -z $mirror ]]; then
        # apt knows an archive's origin only from its lists, which a fresh machine has not fetched yet.
        lists=$(mktemp -d)
        mkdir "$lists/partial"
        apt-get -o "Dir::State::lists=$lists" -o APT::Sandbox::User=root -qq update >/dev/null 2>&1 || true
        mirror=$(configured_mirror "$lists")
        rm -rf "$lists"
    fi
    [[ -n $mirror ]] || fail "this machine's apt is set up with no Debian archive: set UBLK_ZONED_MIRROR to the URL of one"
    printf '%s\n' "$mirror"
}

configured_mirror() {
    # shellcheck disable=SC2016 # $(...) is apt's own notation
    apt-get ${1:+-o "Dir::State::lists=$1"} indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' |
        sed -n 's/^Debian|Debian|//p' | sed -n 1p
}

archive_keyring() {
    local keyring
    for keyring in /usr/share/keyrings/debian-archive-keyring.{gpg,pgp}; do
        [[ -e $keyring ]] || continue
        printf '%s\n' "$keyring"
        return
    done
    fail "the Debian archive keyring is not in /usr/share/keyrings: install debian-archive-keyring"
}

apt_state() {
    local dir=$1 mirror keyring suite
    shift
    need_packages debian-archive-keyring
    mirror=$(debian_mirror)
    keyring=$(archive_keyring)
    mkdir -p "$dir"/{lists,archives}/partial
    for suite in "$@"; do
        printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite"
    done >"$dir/sources.list"
    apt_in "$dir" apt-get -q update >"$dir/log" 2>&1 || {
        cat "$dir/log" >&2
        fail "apt-get update failed for $* at the mirror above"
    }
}

# The rest of the machine's configuration of apt, such as proxies and certificates, still applies.
apt_in() {
    local dir=$1 command=$2
    shift 2
    "$command" -o "Dir::State=$dir" -o Dir::State::status=/dev/null -o "Dir::State::lists=$dir/lists" \
        -o "Dir::Cache=$dir" -o "Dir::Cache::archives=$dir/archives" \
        -o "Dir::Etc::sourcelist=$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o APT::Sandbox::User=root \
        -o Acquire::Languages=none "$@"
}

download_package() {
    local suite=$1 dir=${*: -1} state
    local packages=("${@:2:$#-2}")
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    state=$(mktemp -d "$dir/apt.XXXXXX")
    apt_state "$state" "$suite"
    unpack_packages "$state" "$dir" "${packages[@]/%//$suite}"
    rm -rf "$state"
}

# unpack_packages STATE DIR PACKAGE...: PACKAGE is an argument of apt-get download, such as NAME=VERSION
unpack_packages() {
    local state=$1 dir=$2 deb
    shift 2
    mkdir -p "$state/debs"
    (cd "$state/debs" && apt_in "$state" apt-get -q download "$@") >"$state/log" 2>&1 || {
        cat "$state/log" >&2
        fail "could not download $*"
    }
    for deb in "$state"/debs/*.deb; do
        dpkg-deb -x "$deb" "$dir"
    done
    rm -rf "$state/debs"
}

# Headers that are in the cache are used again, so that results do not change from day to day. To fetch newer ones, remove
# uapi-* from the cache.
uapi_headers() {
    local cache dir version
    cache=$(cache_dir)
    exec {uapi_lock}>"$cache/uapi.lock"
    flock "$uapi_lock"
    dir=$(find "$cache" -maxdepth 1 -name 'uapi-*' -type d | sort -V | tail -n 1)
    if [[ -z $dir ]]; then
        rm -rf "$cache"/tmp-uapi.*
        dir=$(mktemp -d "$cache/tmp-uapi.XXXXXX")
        say "fetching the kernel's UAPI headers of $BACKPORTS_SUITE"
        apt_state "$dir/apt" "$BACKPORTS_SUITE"
        version=$(apt_in "$dir/apt" apt-cache show --no-all-versions linux-libc-dev | sed -n 's/^Version: //p')
        unpack_packages "$dir/apt" "$dir/root" "linux-libc-dev=$version"
        # In the package, asm/ is in include/x86_64-linux-gnu, which only a compiler set up for multiarch searches.
        ln -s x86_64-linux-gnu/asm "$dir/root/usr/include/asm"
        mv "$dir/root" "$cache/uapi-$version"
        rm -rf "$dir"
        dir=$cache/uapi-$version
    fi
    exec {uapi_lock}>&-
    printf '%s\n' "$dir/usr/include"
}

promtool_folder() {
    local cache dir
    cache=$(cache_dir)
    exec {promtool_lock}>"$cache/promtool.lock"
    flock "$promtool_lock"
    if [[ ! -x $cache/promtool/promtool ]]; then
        rm -rf "$cache"/tmp-promtool.*
        dir=$(mktemp -d "$cache/tmp-promtool.XXXXXX")
        say "fetching promtool"
        download_package "$STABLE_SUITE" promtool "$dir"
        mkdir -p "$cache/promtool"
        mv "$dir/usr/bin/promtool" "$cache/promtool"
        rm -rf "$dir"
    fi
    exec {promtool_lock}>&-
    printf '%s\n' "$cache/promtool"
}
