# shellcheck shell=sh
# What scripts of a stage may use beside the common prelude. Sourced text, no script of its own: it
# follows the prelude in guest.rs, runs under `set -eux`, and fails the trial when a function fails.
#
# `on md1` makes another array the one that all functions work on; `first` is the disk it starts at.

array=md0
first=0
spares=0
metadata=1.2
chunk=64
mark=0

# on ARRAY [FIRST-DISK]
on() {
    array=$1
    first=${2:-$first}
    md=/sys/block/$array/md
}

# disk INDEX: the node of the disk; disks FIRST COUNT: several of them.
disk() {
    set -- $(($1 + 1)) a b c d e f g h i j k l m n o p
    shift "$1"
    echo "/dev/ubd$1"
}

disks() {
    set -- "$1" $(($1 + $2))
    while [ "$1" -lt "$2" ]; do
        disk "$1"
        set -- $(($1 + 1)) "$2"
    done
}

# driver NAME: loads a module after all that it needs; what is built in is no module.
driver() {
    grep -q "^$(echo "$1" | tr - _) " /proc/modules && return 0
    # What a module needs stands in the order from it down to what needs nothing.
    # shellcheck disable=SC2154
    for file in $(sed -n "s#^\(.*/$1\.ko[.a-z]*\):#\1#p" "$modules/modules.dep" |
        tr ' ' '\n' | sed '1!G;h;$!d'); do
        name=${file##*/}
        grep -q "^$(echo "${name%%.ko*}" | tr - _) " /proc/modules || insmod "$modules/$file"
    done
}

# Not every kernel has linear; there the driver is not found, and mdadm says so.
level_driver() {
    case $1 in
        4 | 5 | 6) driver raid456 ;;
        linear) driver linear ;;
        *) driver "raid$1" ;;
    esac
}

attribute() { cat "$md/$1" 2>/dev/null || echo "${2:-none}"; }
is_idle() { [ "$(attribute sync_action idle)" = idle ]; }

# Complete and consistent: between start and the first resync nothing seems to run either.
is_settled() {
    is_idle && [ "$(attribute degraded 0)" = 0 ] && [ "$(attribute resync_start)" = none ]
}

# until_true SECONDS COMMAND...: a safety net, no measurement.
until_true() {
    set +x
    read -r now _ </proc/uptime
    deadline=$((${now%.*} + $1))
    shift
    until "$@"; do
        read -r now _ </proc/uptime
        if [ "${now%.*}" -gt "$deadline" ]; then
            echo "time is over, and still not: $*"
            cat /proc/mdstat
            return 1
        fi
        sleep 0.05
    done
    set -x
}

# not COMMAND...: fails when the command does not. (The shell lets `! COMMAND` pass either way.)
not() {
    if "$@"; then
        echo "should have failed: $*"
        return 1
    fi
}

idle() { until_true 60 is_idle; }

# raid LEVEL COUNT [MDADM-ARGUMENT...]: makes the array of COUNT disks and $spares spares, without a
# bitmap unless an argument says otherwise, and waits until it is settled.
raid() {
    raid_level=$1 raid_count=$2
    shift 2
    level_driver "$raid_level"
    case $raid_level in 0 | 4 | 5 | 6 | 10) set -- --chunk="$chunk" "$@" ;; esac
    case $raid_level:$* in
        0:* | linear:* | *--bitmap=*) ;;
        *) set -- --bitmap=none "$@" ;;
    esac
    case $spares in 0) ;; *) set -- "--spare-devices=$spares" "$@" ;; esac
    # One word for each disk.
    # shellcheck disable=SC2046
    mdadm --create "/dev/$array" --run --metadata="$metadata" --level="$raid_level" \
        --raid-devices="$raid_count" "$@" $(disks "$first" $((raid_count + spares)))
    # Nobody but the kernel and mdadm had a hand in it: the trial is begun anew.
    until_true 100 is_settled || { echo "@@stuck" && exit 1; }
}

stop() {
    sync
    mdadm --stop "/dev/$array"
}

array_bytes() { echo $(($(cat "/sys/block/$array/size") * 512)); }

# put SOURCE-4K-OFFSET TARGET-4K-OFFSET 4K-COUNT: from last.bin, past every cache.
put() {
    dd if=last.bin of="/dev/$array" bs=4096 skip="$1" seek="$2" count="$3" oflag=direct \
        conv=notrunc status=none
}

# fill: known data from end to end, as far as fill.bin goes.
fill() {
    dd if=fill.bin of="/dev/$array" bs=64K iflag=count_bytes count="$(array_bytes)" oflag=direct \
        conv=notrunc status=none
}

# slow [KIB-PER-SECOND]: for whatever is synced on this array; fast: as it was.
slow() {
    echo "${1:-1000}" >"$md/sync_speed_min"
    echo "${1:-1000}" >"$md/sync_speed_max"
}

fast() {
    echo system >"$md/sync_speed_min"
    echo system >"$md/sync_speed_max"
}

# mark: from here on counts what `logged TEXT` looks for.
mark() { mark=$(dmesg | wc -l); }
since_mark() { dmesg | tail -n +$((mark + 1)); }
logged() { since_mark | grep -qF -- "$1"; }

# says NAME STATUS COMMAND...: its output goes to out/NAME.out and out/NAME.err.
says() {
    says_name=$1 says_wanted=$2 says_status=0
    shift 2
    "$@" >"out/$says_name.out" 2>"out/$says_name.err" || says_status=$?
    [ "$says_status" = "$says_wanted" ] || {
        set +x
        echo "$says_name: exit status $says_status instead of $says_wanted: $*"
        sed 's/^/| /' "out/$says_name.out" "out/$says_name.err"
        return 1
    }
}

# texts DIRECTORY: a line "PATH: TEXT" for each file below that has a text, newlines as \n. Starting
# processes is what costs most in a guest, hence few of them.
texts() {
    find "$1"/* -type f ! -name uevent -exec grep -sH '' {} + | awk -v skip=$((${#1} + 2)) '
        {
            end = index($0, ":")
            path = substr($0, skip, end - skip)
            text = substr($0, end + 1)
            if (path in found) found[path] = found[path] "\\n" text
            else found[path] = text
        }
        END { for (path in found) print path ": " found[path] }' | sort
}

# capture NAME: all that the kernel says about the array, and what it logged since the mark.
capture() {
    mkdir -p "out/$1"
    cp /proc/mdstat "out/$1/mdstat"
    since_mark >"out/$1/dmesg"
    texts "$md" >"out/$1/sys.txt"
    awk -F ': ' -v to="out/$1/" '
        { text[$1] = substr($0, length($1) + 3) }
        /^bitmap\// { print substr($0, 8) >(to "bitmap") }
        /^dev-.*\/slot: / { member[++members] = substr($1, 1, length($1) - 5) }
        END {
            keys = "array_state sync_action sync_completed degraded mismatch_cnt level raid_disks"
            count = split(keys " bitmap/location", key, " ")
            for (i = 1; i <= count; i++) {
                file = key[i]
                sub(".*/", "", file)
                print (key[i] in text ? text[key[i]] : "none") >(to file)
            }
            printf "" >(to "bitmap")
            printf "" >(to "devices")
            for (i = 1; i <= members; i++) {
                m = member[i]
                print m, text[m "/slot"], text[m "/state"], text[m "/errors"] >(to "devices")
            }
        }' "out/$1/sys.txt"
}

# judge NAME: the array's content, then what a full comparison of all members finds.
judge() {
    sha256sum "/dev/$array" | cut -d' ' -f1 >"out/$1.sha256"
    echo check >"$md/sync_action"
    idle
    cat "$md/mismatch_cnt" >"out/$1.mismatches"
}

# mount_overlay: over /run/fs when something is mounted there, else over a tmpfs.
mount_overlay() {
    driver overlay
    mkdir -p /run/fs/lower /run/fs/upper /run/fs/work /run/fs-overlay
    mount -t overlay overlay /run/fs-overlay \
        -o lowerdir=/run/fs/lower,upperdir=/run/fs/upper,workdir=/run/fs/work
}
