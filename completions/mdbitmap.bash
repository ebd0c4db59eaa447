# shellcheck shell=bash
# Completion of mdbitmap for bash. Made by a test, see CONTRIBUTING.md: change src/commands or
# tests/generated.

_mdbitmap_options() {
    case $1 in
        '') echo '-h --help -V --version' ;;
        'add') echo '--as-new --write-mostly --force= -n --dry-run --json -h --help' ;;
        'assemble') echo '-b --bitmap --readonly --force -n --dry-run --json -h --help' ;;
        'attach') echo '--internal -c --chunk -d --delay --write-behind= -n --dry-run --json -h --help' ;;
        'create') echo '-c --chunk -d --delay -z --size -u --uuid --write-behind= --clean --array --force= -n --dry-run --json -h --help' ;;
        'demo') echo '--level --members --metadata --size --chunk --seed --make-only --force= -h --help' ;;
        'detach') echo '--save --force= -n --dry-run --json -h --help' ;;
        'dirty') echo '-n --dry-run --json -h --help' ;;
        'examine') echo '--ranges --map --test --json -h --help' ;;
        'fail') echo '-n --dry-run --json -h --help' ;;
        'readd') echo '--explain --force= -n --dry-run --json -h --help' ;;
        'remove') echo '-n --dry-run --json -h --help' ;;
        'resync') echo '-b --bitmap --full --checkpoint --source -n --dry-run --limit --compare --verify --engine --memory --progress --json --build -l --level --raid-devices -c --chunk -p --layout -z --size --behind --write-mostly --assume-clean --force= -h --help' ;;
        'status') echo '--watch= --json --prometheus -h --help' ;;
        'stop') echo '-n --dry-run --json -h --help' ;;
        'tune') echo '-d --delay --write-behind= -n --dry-run --json -h --help' ;;
        'wait') echo '--progress --json -h --help' ;;
    esac
}

# What the value of an option may be; begins with "=" where it must be in the same word.
_mdbitmap_value() {
    case "$1 $2" in
        'add --force') echo '= overwrite' ;;
        'assemble -b' | 'assemble --bitmap') echo ' @files' ;;
        'assemble --force') echo ' degraded' ;;
        'attach -c' | 'attach --chunk') echo ' ' ;;
        'attach -d' | 'attach --delay') echo ' ' ;;
        'attach --write-behind') echo '= ' ;;
        'create -c' | 'create --chunk') echo ' ' ;;
        'create -d' | 'create --delay') echo ' ' ;;
        'create -z' | 'create --size') echo ' ' ;;
        'create -u' | 'create --uuid') echo ' ' ;;
        'create --write-behind') echo '= ' ;;
        'create --array') echo ' @files' ;;
        'create --force') echo '= overwrite' ;;
        'demo --level') echo ' ' ;;
        'demo --members') echo ' ' ;;
        'demo --metadata') echo ' 0.90 1.0 1.1 1.2' ;;
        'demo --size') echo ' ' ;;
        'demo --chunk') echo ' ' ;;
        'demo --seed') echo ' ' ;;
        'demo --force') echo '= overwrite' ;;
        'detach --save') echo ' @files' ;;
        'detach --force') echo '= degraded' ;;
        'readd --force') echo '= unproven' ;;
        'resync -b' | 'resync --bitmap') echo ' @files' ;;
        'resync --checkpoint') echo ' @files' ;;
        'resync --source') echo ' @files' ;;
        'resync --limit') echo ' ' ;;
        'resync --engine') echo ' auto sync uring' ;;
        'resync --memory') echo ' ' ;;
        'resync --progress') echo ' auto bar lines json none' ;;
        'resync -l' | 'resync --level') echo ' ' ;;
        'resync --raid-devices') echo ' ' ;;
        'resync -c' | 'resync --chunk') echo ' ' ;;
        'resync -p' | 'resync --layout') echo ' ' ;;
        'resync -z' | 'resync --size') echo ' ' ;;
        'resync --behind') echo ' ' ;;
        'resync --write-mostly') echo ' ' ;;
        'resync --force') echo '= superblock uuid checkpoint mismatch' ;;
        'status --watch') echo '= ' ;;
        'tune -d' | 'tune --delay') echo ' ' ;;
        'tune --write-behind') echo '= ' ;;
        'wait --progress') echo ' auto bar lines json none' ;;
        *) return 1 ;;
    esac
}

# What may stand in the Nth place without an option's name.
_mdbitmap_place() {
    case "$1 $2" in
        'add 1') echo '@arrays' ;;
        'add '*) echo '@devices @files' ;;
        'assemble 1') echo '@arrays' ;;
        'assemble '*) echo '@devices @files' ;;
        'attach 1') echo '@arrays' ;;
        'attach 2') echo '@files' ;;
        'create 1') echo '@files' ;;
        'demo 1') echo '@directories' ;;
        'detach 1') echo '@arrays' ;;
        'dirty 1') echo '@arrays' ;;
        'dirty '*) echo '' ;;
        'examine '*) echo '@files' ;;
        'fail 1') echo '@arrays' ;;
        'fail 2') echo '@devices @files' ;;
        'readd 1') echo '@arrays' ;;
        'readd 2') echo '@devices @files' ;;
        'remove 1') echo '@arrays' ;;
        'remove 2') echo '@devices @files failed detached' ;;
        'resync '*) echo '@devices @files' ;;
        'status '*) echo '@arrays' ;;
        'stop 1') echo '@arrays' ;;
        'tune 1') echo '@arrays' ;;
        'wait '*) echo '@arrays' ;;
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
        _mdbitmap_offer add assemble attach create demo detach dirty examine fail readd remove resync status stop tune wait help $(_mdbitmap_options '')
        return
    elif [[ $command == help ]]; then
        _mdbitmap_offer add assemble attach create demo detach dirty examine fail readd remove resync status stop tune wait
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
