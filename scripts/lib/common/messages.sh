# shellcheck shell=bash
# Messages and help texts of the scripts: sourced, never run.
#
#   say TEXT...    prints one line on stderr, with the script's name
#   fail TEXT...   does the same, then exits with status 1
#   usage          prints the comment at the head of the script, which must be in scripts/

say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

fail() {
    say "$@"
    exit 1
}

# Finds the script from this file's path: the script's own path may be relative to a folder that it has left.
usage() {
    sed -n '1d;/^#/!q;s/^# \{0,1\}//p' "${BASH_SOURCE[0]%/*}/../../${0##*/}"
}
