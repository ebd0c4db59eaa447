# Completion of mdbitmap for bash. Made by a test, see CONTRIBUTING.md: change src/commands or
# tests/generated.

_mdbitmap_options() {
    case $1 in
        @OPTIONS@
    esac
}

# What the value of an option may be; begins with "=" where it must be in the same word.
_mdbitmap_value() {
    case "$1 $2" in
        @VALUES@
        *) return 1 ;;
    esac
}

# What may stand in the Nth place without an option's name.
_mdbitmap_place() {
    case "$1 $2" in
        @PLACES@
    esac
}

# Running arrays, as nodes and by the names that people gave them.
_mdbitmap_arrays() {
    local array
    for array in /sys/block/md*; do
        [[ ! -e $array/md/array_state ]] || echo "/dev/${array##*/}"
    done
    for array in /dev/md/*; do
        [[ ! -b $array ]] || echo "$array"
    done
}

# Block devices that hold something.
_mdbitmap_devices() {
    local device size
    for device in /sys/class/block/*; do
        size=0
        { read -r size <"$device/size"; } 2>/dev/null
        [[ $size == 0 ]] || echo "/dev/${device##*/}"
    done
}

# _mdbitmap_offer WORD...: what the words of the tables stand for, where it goes on from $cur.
_mdbitmap_offer() {
    local word words=()
    for word; do
        case $word in
            @arrays)
                mapfile -t -O ${#words[@]} words < <(_mdbitmap_arrays)
                # Bare names are understood, too.
                [[ $cur != m* ]] || words=("${words[@]#/dev/}")
                ;;
            @devices) mapfile -t -O ${#words[@]} words < <(_mdbitmap_devices) ;;
            @files) compopt -o filenames 2>/dev/null
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "$cur") ;;
            @directories) compopt -o filenames 2>/dev/null
                mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -d -- "$cur") ;;
            *) words+=("$word") ;;
        esac
    done
    for word in "${words[@]}"; do
        # A device may have been found among the files already.
        [[ $word != "$cur"* || " ${COMPREPLY[*]} " == *" $word "* ]] || COMPREPLY+=("$word")
    done
}

_mdbitmap() {
    local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} option='' found place=1 n word
    COMPREPLY=()
    # "--force=wh" comes as three words.
    if [[ $cur == = ]]; then
        cur='' option=${COMP_WORDS[COMP_CWORD - 1]}
    elif ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD - 1]} == = ]]; then
        option=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    # The tables give words to split.
    # shellcheck disable=SC2046
    if ((COMP_CWORD == 1)); then
        _mdbitmap_offer @COMMANDS@ help $(_mdbitmap_options '')
        return
    elif [[ $command == help ]]; then
        _mdbitmap_offer @COMMANDS@
        return
    elif [[ $option ]]; then
        found=$(_mdbitmap_value "$command" "$option") || return 0
        # shellcheck disable=SC2086
        _mdbitmap_offer ${found#=}
        return
    elif found=$(_mdbitmap_value "$command" "${COMP_WORDS[COMP_CWORD - 1]}") && [[ $found != =* ]]; then
        # shellcheck disable=SC2086
        _mdbitmap_offer $found
        return
    elif [[ $cur == -* ]]; then
        _mdbitmap_offer $(_mdbitmap_options "$command")
        [[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace 2>/dev/null
        return
    fi
    for ((n = 2; n < COMP_CWORD; n++)); do
        word=${COMP_WORDS[n]}
        if [[ $word == -* ]]; then
            found=$(_mdbitmap_value "$command" "$word") || continue
            # The value, and an equals sign before it.
            [[ ${COMP_WORDS[n + 1]} != = ]] || { ((n += 2)) && continue; }
            [[ $found == =* ]] || ((n += 1))
        else
            ((place += 1))
        fi
    done
    # shellcheck disable=SC2046
    _mdbitmap_offer $(_mdbitmap_place "$command" "$place")
}

complete -F _mdbitmap mdbitmap
