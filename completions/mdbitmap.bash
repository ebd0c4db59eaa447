# shellcheck shell=bash
# Completion of mdbitmap for bash. Made by a test, see CONTRIBUTING.md: change src/commands or
# tests/generated.

_mdbitmap_options() {
    case $1 in
        '') echo '-h --help -V --version' ;;
        'add') echo '--as-new --write-mostly --force= -n --dry-run --json -h --help' ;;
        'assemble') echo '-b --bitmap --readonly --force= -n --dry-run --json -h --help' ;;
        'attach') echo '--internal -c --chunk -d --delay --write-behind= -n --dry-run --json -h --help' ;;
        'check') echo '-b --bitmap --dirty-only --range --checkpoint --mark -n --dry-run --list --limit --engine --memory --progress --json -h --help' ;;
        'clear') echo '-r --range -y --yes -n --dry-run --json -h --help' ;;
        'convert') echo '--to -b --bitmap -c --chunk --force= -n --dry-run --json -h --help' ;;
        'create') echo '-c --chunk -d --delay -z --size -u --uuid --write-behind= --clean --array --force= -n --dry-run --json -h --help' ;;
        'demo') echo '--level --members --metadata --size --chunk --seed --make-only --force= -h --help' ;;
        'detach') echo '--save --force= -n --dry-run --json -h --help' ;;
        'diff') echo '--force= --json -h --help' ;;
        'dirty') echo '-n --dry-run --json -h --help' ;;
        'dump') echo '--json -h --help' ;;
        'estimate') echo '-z --size -c --chunk -s --speed -d --delay -w --writes -t --wanted-time --json -h --help' ;;
        'examine') echo '--ranges --map --test --json -h --help' ;;
        'fail') echo '-n --dry-run --json -h --help' ;;
        'files') echo '--range --ranges -b --bitmap --list --json -h --help' ;;
        'inspect') echo '-b --bitmap --speed --hex --json -h --help' ;;
        'invert') echo '-o --output --force= -n --dry-run --json -h --help' ;;
        'is') echo '-h --help' ;;
        'locate') echo '-a --array-offset --bit --stripe -d --device -b --bitmap --json -h --help' ;;
        'merge') echo '-o --output --force= -n --dry-run --json -h --help' ;;
        'readd') echo '--explain --force= -n --dry-run --json -h --help' ;;
        'rechunk') echo '-c --chunk -z --size -o --output --force= -n --dry-run --json -h --help' ;;
        'remove') echo '-n --dry-run --json -h --help' ;;
        'repair') echo '-b --bitmap --range -n --dry-run -y --yes --list --limit --engine --memory --progress --json -h --help' ;;
        'repair-header') echo '-o --output --in-place -c --chunk --force= -n --dry-run --json -h --help' ;;
        'restore') echo '--force= -n --dry-run --json -h --help' ;;
        'resync') echo '-b --bitmap --replace --full --checkpoint --source --force= -n --dry-run --limit --compare --verify --engine --memory --progress --json --build -l --level --raid-devices -c --chunk -p --layout -z --size --behind --write-mostly --assume-clean -h --help' ;;
        'set') echo '-r --range -n --dry-run --json -h --help' ;;
        'set-uuid') echo '--array -n --dry-run --json -h --help' ;;
        'status') echo '--watch= --json --prometheus -h --help' ;;
        'stop') echo '-n --dry-run --json -h --help' ;;
        'tune') echo '-d --delay --write-behind= -n --dry-run --json -h --help' ;;
        'verify-dump') echo '--json -h --help' ;;
        'wait') echo '--progress --json -h --help' ;;
        'xor') echo '-o --output --force= -n --dry-run --json -h --help' ;;
    esac
}

# What the value of an option may be; begins with "=" where it must be in the same word.
_mdbitmap_value() {
    case "$1 $2" in
        'add --force') echo '= overwrite' ;;
        'assemble -b' | 'assemble --bitmap') echo ' @files' ;;
        'assemble --force') echo '= degraded' ;;
        'attach -c' | 'attach --chunk') echo ' ' ;;
        'attach -d' | 'attach --delay') echo ' ' ;;
        'attach --write-behind') echo '= ' ;;
        'check -b' | 'check --bitmap') echo ' @files' ;;
        'check --range') echo ' ' ;;
        'check --checkpoint') echo ' @files' ;;
        'check --mark') echo ' @files internal' ;;
        'check --list') echo ' ' ;;
        'check --limit') echo ' ' ;;
        'check --engine') echo ' auto sync uring' ;;
        'check --memory') echo ' ' ;;
        'check --progress') echo ' auto bar lines json none' ;;
        'clear -r' | 'clear --range') echo ' ' ;;
        'convert --to') echo ' internal file' ;;
        'convert -b' | 'convert --bitmap') echo ' @files' ;;
        'convert -c' | 'convert --chunk') echo ' ' ;;
        'convert --force') echo '= overwrite' ;;
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
        'diff --force') echo '= overwrite uuid size' ;;
        'estimate -z' | 'estimate --size') echo ' ' ;;
        'estimate -c' | 'estimate --chunk') echo ' ' ;;
        'estimate -s' | 'estimate --speed') echo ' ' ;;
        'estimate -d' | 'estimate --delay') echo ' ' ;;
        'estimate -w' | 'estimate --writes') echo ' ' ;;
        'estimate -t' | 'estimate --wanted-time') echo ' ' ;;
        'files --range') echo ' ' ;;
        'files --ranges') echo ' @files' ;;
        'files -b' | 'files --bitmap') echo ' @files' ;;
        'files --list') echo ' ' ;;
        'inspect -b' | 'inspect --bitmap') echo ' @files' ;;
        'inspect --speed') echo ' ' ;;
        'invert -o' | 'invert --output') echo ' @files' ;;
        'invert --force') echo '= overwrite uuid size' ;;
        'locate -a' | 'locate --array-offset') echo ' ' ;;
        'locate --bit') echo ' ' ;;
        'locate --stripe') echo ' ' ;;
        'locate -d' | 'locate --device') echo ' ' ;;
        'locate -b' | 'locate --bitmap') echo ' @files' ;;
        'merge -o' | 'merge --output') echo ' @files' ;;
        'merge --force') echo '= overwrite uuid size' ;;
        'readd --force') echo '= unproven' ;;
        'rechunk -c' | 'rechunk --chunk') echo ' ' ;;
        'rechunk -z' | 'rechunk --size') echo ' ' ;;
        'rechunk -o' | 'rechunk --output') echo ' @files' ;;
        'rechunk --force') echo '= overwrite uuid size' ;;
        'repair -b' | 'repair --bitmap') echo ' @files' ;;
        'repair --range') echo ' ' ;;
        'repair --list') echo ' ' ;;
        'repair --limit') echo ' ' ;;
        'repair --engine') echo ' auto sync uring' ;;
        'repair --memory') echo ' ' ;;
        'repair --progress') echo ' auto bar lines json none' ;;
        'repair-header -o' | 'repair-header --output') echo ' @files' ;;
        'repair-header -c' | 'repair-header --chunk') echo ' ' ;;
        'repair-header --force') echo '= keep-bits overwrite' ;;
        'restore --force') echo '= overwrite' ;;
        'resync -b' | 'resync --bitmap') echo ' @files' ;;
        'resync --replace') echo ' ' ;;
        'resync --checkpoint') echo ' @files' ;;
        'resync --source') echo ' @files' ;;
        'resync --force') echo '= cluster overwrite superblock uuid checkpoint mismatch' ;;
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
        'set -r' | 'set --range') echo ' ' ;;
        'set-uuid --array') echo ' @devices @files' ;;
        'status --watch') echo '= ' ;;
        'tune -d' | 'tune --delay') echo ' ' ;;
        'tune --write-behind') echo '= ' ;;
        'wait --progress') echo ' auto bar lines json none' ;;
        'xor -o' | 'xor --output') echo ' @files' ;;
        'xor --force') echo '= overwrite uuid size' ;;
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
        'check '*) echo '@devices @files' ;;
        'clear '*) echo '@files' ;;
        'convert '*) echo '@devices @files' ;;
        'create 1') echo '@files' ;;
        'demo 1') echo '@directories' ;;
        'detach 1') echo '@arrays' ;;
        'diff 1') echo '@files' ;;
        'diff 2') echo '@files' ;;
        'dirty 1') echo '@arrays' ;;
        'dirty '*) echo '' ;;
        'dump 1') echo '@files' ;;
        'examine '*) echo '@files' ;;
        'fail 1') echo '@arrays' ;;
        'fail 2') echo '@devices @files' ;;
        'files '*) echo '@arrays @devices' ;;
        'inspect '*) echo '@files' ;;
        'invert 1') echo '@files' ;;
        'locate '*) echo '@arrays @devices' ;;
        'merge '*) echo '@files' ;;
        'readd 1') echo '@arrays' ;;
        'readd 2') echo '@devices @files' ;;
        'rechunk 1') echo '@files' ;;
        'remove 1') echo '@arrays' ;;
        'remove 2') echo '@devices @files failed detached' ;;
        'repair '*) echo '@devices @files' ;;
        'repair-header 1') echo '@files' ;;
        'repair-header '*) echo '@devices @files' ;;
        'restore 1') echo '@files' ;;
        'restore 2') echo '@files' ;;
        'resync '*) echo '@devices @files' ;;
        'set '*) echo '@files' ;;
        'set-uuid 1') echo '@files' ;;
        'set-uuid 2') echo '' ;;
        'status '*) echo '@arrays' ;;
        'stop 1') echo '@arrays' ;;
        'tune 1') echo '@arrays' ;;
        'verify-dump 1') echo '@files' ;;
        'verify-dump 2') echo '@files' ;;
        'wait '*) echo '@arrays' ;;
        'xor '*) echo '@files' ;;
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
        _mdbitmap_offer add assemble attach check clear convert create demo detach diff dirty dump estimate examine fail files inspect invert is locate merge readd rechunk remove repair repair-header restore resync set set-uuid status stop tune verify-dump wait xor help $(_mdbitmap_options '')
        return
    elif [[ $command == help ]]; then
        _mdbitmap_offer add assemble attach check clear convert create demo detach diff dirty dump estimate examine fail files inspect invert is locate merge readd rechunk remove repair repair-header restore resync set set-uuid status stop tune verify-dump wait xor
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
