#compdef mdbitmap
# Completion of mdbitmap for zsh. Made by a test, see CONTRIBUTING.md: change src/commands or
# tests/generated.

_mdbitmap_commands() {
    local -a commands
    commands=(
        @COMMANDS@
        'help:Print help of a command'
    )
    _describe -t commands command commands "$@"
}

# Running arrays, as nodes and by the names that people gave them.
_mdbitmap_arrays() {
    local -a arrays
    arrays=(/sys/block/md*/md/array_state(N))
    arrays=(/dev/${^${arrays#/sys/block/}%%/*} /dev/md/*(N%b))
    [[ $PREFIX != m* ]] || arrays=(${arrays#/dev/})
    _wanted arrays expl array compadd -a arrays
}

# Block devices.
_mdbitmap_devices() {
    local -a devices
    devices=(/dev/*(N%b) /dev/mapper/*(N%b))
    _wanted devices expl 'block device' compadd -a devices
}

# Each of these actions in turn.
_mdbitmap_any() {
    local action ret=1
    for action; do
        ${=action} && ret=0
    done
    return ret
}

_mdbitmap() {
    local curcontext=$curcontext state line expl ret=1
    typeset -A opt_args
    _arguments -C \
        @OPTIONS@
        ':command:_mdbitmap_commands' \
        '*::: :->arguments' && ret=0
    [[ $state == arguments ]] || return ret
    # What follows sees the command as the word that it completes for.
    words=("$line[1]" "${words[@]}")
    (( CURRENT += 1 ))
    curcontext="${curcontext%:*:*}:mdbitmap-$line[1]:"
    case $line[1] in
        @CASES@
        (help) _arguments ':command:_mdbitmap_commands' ;;
    esac
}

if [[ $funcstack[1] == _mdbitmap ]]; then
    _mdbitmap "$@"
else
    compdef _mdbitmap mdbitmap
fi
