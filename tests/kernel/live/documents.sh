# shellcheck shell=sh
# Scenes of the documents: how things stand before what a recipe types. Sourced text, no script of its
# own: it follows stage.sh. Each begins with bare disks. A name that ends in -file needs a kernel that
# takes bitmap files.
# $md and $mdbitmap are those of stage.sh.
# shellcheck disable=SC2154

bare() {
    [ ! -e "$md/array_state" ] || mdadm --stop /dev/md0
    rm -rf /var/lib/mdbitmap /var/lib/md0.bitmap /var/lib/new.bitmap found.json
    # One word for each disk.
    # shellcheck disable=SC2046
    mdadm --zero-superblock $(disks 0 4) 2>/dev/null || true
    for i in 0 1 2 3; do
        dd if=/dev/zero of="$(disk $i)" bs=1M count=2 oflag=direct conv=notrunc status=none
    done
}

# heads save|restore: what lies before the data, superblocks and bitmaps, as of some moment.
heads() {
    for i in 0 1; do
        case $1 in
            save) dd if="$(disk $i)" of=/run/head$i bs=64K count=16 iflag=direct status=none ;;
            *) dd if=/run/head$i of="$(disk $i)" bs=64K count=16 oflag=direct conv=notrunc status=none ;;
        esac
    done
}

# spoil DISK: a block behind the kernel's back, amid the data.
spoil() {
    from=$(mdadm --examine "$(disk "$1")" | sed -n 's/.*Data Offset : \([0-9]*\) sectors/\1/p')
    dd if=last.bin of="$(disk "$1")" bs=4096 skip=9 seek=$((from / 8 + 2000)) count=1 oflag=direct \
        conv=notrunc status=none
}

# crash: writes, and stops as a power cut would leave it.
crash() {
    echo 60 >"$md/safe_mode_delay"
    put 0 2000 4
    heads save
    echo 0.2 >"$md/safe_mode_delay"
    stop
    heads restore
    spoil 1
}

running_file() { bare && raid 1 2; }
without() { bare && raid 1 2; }
bitmap() { bare && raid 1 2 --bitmap=internal; }
stopped() { bitmap && stop; }
crashed() { bitmap && mkfs.ext4 -q -F /dev/md0 && crash; }

away() {
    bitmap
    put 0 0 8
    mdadm --wait /dev/md0 || true
    $mdbitmap fail /dev/md0 "$(disk 1)"
    $mdbitmap remove /dev/md0 "$(disk 1)"
    put 8 100 4
}

# orphan: the array without a bitmap inside, and a file that tells of it, whatever this kernel takes.
orphan() {
    bare
    raid 1 2
    stop
    $mdbitmap create --array "$(disk 0)" /var/lib/md0.bitmap
}

crashed_file() {
    bare
    raid 1 2
    $mdbitmap attach /dev/md0 /var/lib/md0.bitmap
    crash
}

mismatch() {
    bitmap
    mkfs.ext4 -q -F /dev/md0
    sync
    spoil 1
}

wrong() {
    bare
    raid 6 4
    put 0 0 64
    stop
    spoil 2
}

dead() {
    bare
    raid 5 3 --bitmap=internal
    stop
    dd if=/dev/zero of="$(disk 2)" bs=1M count=2 oflag=direct conv=notrunc status=none
}

blank_file() { bare; }

built() {
    bare
    bytes=$(blockdev --getsize64 "$(disk 0)")
    $mdbitmap create --size "${bytes}B" --clean /var/lib/md0.bitmap
    $mdbitmap set --range 1M-2M /var/lib/md0.bitmap
}
