# Completion of mdbitmap for fish. Made by a test, see CONTRIBUTING.md: change src/commands or
# tests/generated.

# Running arrays, as nodes and by the names that people gave them.
function __mdbitmap_arrays
    for state in /sys/block/md*/md/array_state
        echo $state | string replace -r '^/sys/block/([^/]*)/.*' '/dev/$1'
    end
    for name in /dev/md/*
        test -b $name; and echo $name
    end
end

# Block devices that hold something.
function __mdbitmap_devices
    for size in /sys/class/block/*/size
        test (cat $size) != 0
        and echo $size | string replace -r '.*/([^/]*)/size$' '/dev/$1'
    end
end

complete -c mdbitmap -f
complete -c mdbitmap -n '__fish_seen_subcommand_from help' -a '@COMMANDS@'
complete -c mdbitmap -n __fish_use_subcommand -a help -d 'Print help of a command'
@LINES@
