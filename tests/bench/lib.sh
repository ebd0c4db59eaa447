# shellcheck shell=bash disable=SC2154
# What the benchmarks share. Sourced, not run. Who times something sets $scratch, a directory, and $work,
# where the files are, on a file system of kind $kind.

# release: builds the program, and sets $mdbitmap.
release() {
    cargo build --release --quiet
    # shellcheck disable=SC2034  # for who sources this
    mdbitmap=$(realpath "${CARGO_TARGET_DIR:-target}/release/mdbitmap")
}

machine() {
    local model
    model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
    echo "$(nproc) x ${model:-$(uname -m)}, $(awk '/MemTotal/ { printf "%.0f GiB", $2 / 1048576 }' \
        /proc/meminfo), Linux $(uname -r)"
}

# has PROGRAM WHAT-FOR: with a word where it is not.
has() {
    command -v "$1" >/dev/null 2>&1 && return
    echo "skipped: $2: $1 is not installed" >&2
    return 1
}

# noise BYTES: data that nothing can compress or skip.
noise() {
    openssl enc -aes-128-ctr -K 00 -iv 00 </dev/zero 2>/dev/null | head -c "$1" || true
}

# cold: what was written under $work is on the disk and, where that is a disk and we may, the page
# cache is empty.
cold() {
    sync -f "$work"
    # shellcheck disable=SC2034  # for who sources this
    [ "$kind" = tmpfs ] || { echo 3 >/proc/sys/vm/drop_caches; } 2>/dev/null || cached=yes
}

# timed NAME COMMAND...: its time in ms as a line of $scratch/table; a word where it fails.
timed() {
    local name=$1 start
    shift
    cold
    start=$(date +%s%N)
    if "$@" >"$scratch/log" 2>&1; then
        printf '%s\t%d\n' "$name" $((($(date +%s%N) - start) / 1000000)) >>"$scratch/table"
    else
        echo "skipped: $name: $(tail -n 1 "$scratch/log")" >&2
    fi
}

# fio_limit NAME JOBS...: the longest of the jobs of one fio, without its start, into the table.
fio_limit() {
    local name=$1
    shift
    cold
    fio --bs=1M --iodepth=16 --ioengine=io_uring --end_fsync=1 --overwrite=1 --group_reporting=0 "$@" \
        --output-format=terse --terse-version=3 >"$scratch/fio"
    awk -F ';' -v name="$name" '{ ms = $9 > $50 ? $9 : $50; if (ms > most) most = ms }
        END { printf "%s\t%d\n", name, most }' "$scratch/fio" >>"$scratch/table"
}

# least: the lines of $scratch/table, the least time of each name, in the order they came first.
least() {
    awk -F '\t' '
        !($1 in ms) { name[++n] = $1; ms[$1] = $2 }
        $2 < ms[$1] { ms[$1] = $2 }
        END { for (i = 1; i <= n; i++) printf "%s\t%d\n", name[i], ms[name[i]] }' "$scratch/table"
}

# bars FILE TITLE UNIT: a plot in text, a bar for each line "NAME TAB NUMBER" of standard input.
bars() {
    awk -F '\t' -v title="$2" -v unit="$3" '
        { name[++n] = $1; value[n] = $2 + 0; if ($2 + 0 > most) most = $2 + 0 }
        length($1) > wide { wide = length($1) }
        END {
            print title "\n"
            for (i = 1; i <= n; i++) {
                bar = sprintf("%*s", most ? int(50 * value[i] / most + 0.5) : 0, "")
                gsub(/ /, "#", bar)
                printf "%*s |%s %s %s\n", wide, name[i], bar, value[i], unit
            }
        }' >"$1"
}

# guest SCRATCH DIR LEVEL MEMBERS: runs the shell text of standard input in a guest of
# user-mode-linux that has the images DIR/m0, m1, ... as $disks, DIR as its working directory, and
# the driver for LEVEL. What fails in it ends it, and this.
guest() {
    local kernel modules i disks=() nodes=''
    kernel=${MDBITMAP_KERNEL:-$(command -v linux.uml)}
    modules=$(dirname "$(dirname "$(realpath "$kernel")")")/lib/uml/modules
    for ((i = 0; i < $4; i++)); do
        disks+=("ubd$i=$2/m$i")
        nodes+=" /dev/ubd$(printf '%b' "\\x$(printf %x $((97 + i)))")"
    done
    {
        cat <<END
set -e
trap 'sync; echo o > /proc/sysrq-trigger; sleep 100' EXIT
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LC_ALL=C MDADM_NO_UDEV=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null || true
mount -t tmpfs tmpfs /run
mkdir /run/lab
mount -t hostfs lab /run/lab -o $2
cd /run/lab
modules=$modules/\$(uname -r)
for file in \$(sed -n "s#^\(.*/$(case $3 in 1) echo raid1 ;; *) echo raid456 ;; esac)\.ko[.a-z]*\):#\1#p" \
    \$modules/modules.dep | tr ' ' '\n' | sed '1!G;h;\$!d'); do insmod \$modules/\$file; done
disks="$nodes"
END
        cat
        echo 'echo @@done'
    } >"$1/init"
    # The guest has a /dev of its own, which may hide DIR: SCRATCH must not be there.
    timeout 900 "$kernel" mem=512M rootfstype=hostfs rootflags=/ ro con=null con0=null,fd:1 panic=-1 noreboot \
        quiet "${disks[@]}" init=/bin/sh -- "$1/init" </dev/null >"$1/console" 2>&1 || true
    grep -q '^@@done' "$1/console" || { grep -av '^ \[<' "$1/console" | tail -n 20 >&2 && return 1; }
}
