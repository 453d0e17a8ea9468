# shellcheck shell=bash
# What scripts print about themselves: sourced, never run.
#
#   say TEXT...    prints one line on stderr, with the script's name
#   fail TEXT...   does the same, then exits with status 1
#   usage          prints the comment at the head of the script, a file in scripts/

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

# By this file's path, since the script's own may be relative to a folder that it has left.
usage() {
    sed -n '1d;/^#/!q;s/^# \{0,1\}//p' "${BASH_SOURCE[0]%/*}/../../${0##*/}"
}
