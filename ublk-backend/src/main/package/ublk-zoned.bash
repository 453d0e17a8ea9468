# bash completion for ublk-zoned

declare -gA _ublk_zoned_options=(
@COMMANDS@
)

# The images: the arguments of the commands that take one.
_ublk_zoned_images() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -X '!*.qcow2' -- "$1"; compgen -d -- "$1")
}

_ublk_zoned_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

# The devices of ublk-zoned: by path once a slash is typed, otherwise by number.
_ublk_zoned_devices() {
    local folder numbers=() paths=()
    for folder in "${_ublk_zoned_run:-/run/ublk-zoned}"/[0-9]*/; do
        [[ -d $folder ]] || continue
        folder=${folder%/}
        numbers+=("${folder##*/}")
        paths+=("/dev/ublkb${folder##*/}")
    done
    if [[ $1 = /* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${paths[*]}" -- "$1")
    else
        mapfile -t COMPREPLY < <(compgen -W "${numbers[*]}" -- "$1")
    fi
}

_ublk_zoned_words() {
    mapfile -t COMPREPLY < <(compgen -W "$2" -- "$1")
}

# The value of an option. Fails if the option has none.
_ublk_zoned_value() {
    local option=$1 word=$2
    case $option in
    --on) _ublk_zoned_words "$word" 'read write append flush open close finish reset reset-all any' ;;
    --error)
        _ublk_zoned_words "$word" \
            'EIO ENODATA ETIMEDOUT ENOSPC EILSEQ ENOLINK ENODEV EREMOTEIO ETIME EOVERFLOW ETOOMANYREFS'
        ;;
    --keep) _ublk_zoned_words "$word" 'none all random' ;;
    --pointer) _ublk_zoned_words "$word" 'kept advanced unmoved' ;;
    --lose) _ublk_zoned_words "$word" unflushed ;;
    --make-zone) _ublk_zoned_words "$word" 'read-only offline' ;;
    --then) _ublk_zoned_words "$word" 'stop continue' ;;
    --recovery) _ublk_zoned_words "$word" 'reissue fail off' ;;
    --cache) _ublk_zoned_words "$word" 'writeback none' ;;
    --block-size) _ublk_zoned_words "$word" '4096 512' ;;
    --layout) _ublk_zoned_words "$word" 'be44 be48 v8 v6 v4' ;;
    --repair | -r) _ublk_zoned_words "$word" 'leaks all' ;;
    --image) _ublk_zoned_images "$word" ;;
    --inject-file | --record | --conf) _ublk_zoned_files "$word" ;;
    --size | --zone-size | --zone-capacity | --conventional-zones | --max-*-zones | --cluster-size | -o | -n | --id | -q | --queues | \
        -d | --depth | --name | --inject | --zones | --range | --min-size | --nth | --every | --chance | --times | --seed | --keep-zones | \
        --delay | --interval | --listen | --to | --to-mark | --to-flush | --after | --offset | -c | --count)
        COMPREPLY=()
        ;;
    *) return 1 ;;
    esac
}

_ublk_zoned() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command='' operands=0 at
    COMPREPLY=()
    for ((at = 1; at < COMP_CWORD; at++)); do
        [[ ${COMP_WORDS[at]} != -* ]] || continue
        if [[ -z $command ]]; then
            command=${COMP_WORDS[at]}
        else
            operands=$((operands + 1))
        fi
    done
    if [[ -z $command ]]; then
        _ublk_zoned_words "$word" "${!_ublk_zoned_options[*]} --help --version"
        return
    fi
    if [[ $previous = -* ]] && [[ " ${_ublk_zoned_options[$command]:-} " == *" $previous "* ]] &&
        _ublk_zoned_value "$previous" "$word"; then
        return
    fi
    if [[ $word = -* ]]; then
        _ublk_zoned_words "$word" "${_ublk_zoned_options[$command]:-} --help"
        return
    fi
    case $command in
    create | add | check | convert-layout)
        if [[ $command = convert-layout ]] && ((operands > 0)); then
            _ublk_zoned_words "$word" 'be44 be48 v8 v6 v4'
        else
            _ublk_zoned_images "$word"
        fi
        ;;
    del | recover | inject | cut | mark | watch) _ublk_zoned_devices "$word" ;;
    report | info)
        _ublk_zoned_images "$word"
        local images=("${COMPREPLY[@]}")
        _ublk_zoned_devices "$word"
        COMPREPLY+=("${images[@]}")
        ;;
    zone)
        if ((operands == 0)); then
            _ublk_zoned_words "$word" 'open close finish reset readonly offline recover'
        elif ((operands == 1)); then
            _ublk_zoned_images "$word"
            local images=("${COMPREPLY[@]}")
            _ublk_zoned_devices "$word"
            COMPREPLY+=("${images[@]}")
        fi
        ;;
    log | replay) _ublk_zoned_files "$word" ;;
    esac
}

complete -F _ublk_zoned ublk-zoned
