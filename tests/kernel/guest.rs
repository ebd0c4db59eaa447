//! The shell text guests run: a common prelude, a handful of functions, and a safe end.
//!
//! A guest sees its lab at `/run/lab` and leaves what it observed below `/run/lab/out`. Its script
//! is init, so leaving it early would panic the guest: the exit trap reports and powers off.

use std::path::Path;

use crate::case::{BLOCK, Extent, Start};
use crate::uml::{DONE, FAILED, Kernel, READY};

/// Where a guest mounts the ext4 image that holds the bitmap file, and the file itself.
pub(crate) const BITMAP_MOUNT: &str = "/run/fs";
pub(crate) const BITMAP_FILE: &str = "/run/fs/bitmap";

const PRELUDE: &str = r#"#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run LC_ALL=C MDADM_NO_UDEV=1
mount -t proc proc /proc 2>/dev/null
mount -t sysfs sysfs /sys 2>/dev/null
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mount -t tmpfs tmpfs /run
mkdir -p /run/lab /run/fs
mount -t hostfs lab /run/lab -o LAB
cd /run/lab && mkdir -p out

finish() {
    status=$?
    trap - EXIT
    dmesg > /run/lab/out/dmesg-at-end
    sync
    if [ "$status" = 0 ]; then echo "DONE"; else echo "FAILED status $status"; fi
    sleep 0.1
    echo o > /proc/sysrq-trigger
    sleep 100
}
trap finish EXIT

# Nobody is left to kill this guest when the test run itself was killed.
(sleep 360; echo o > /proc/sysrq-trigger) &
set -eux

# A kernel with md built in has no module to load.
load() {
    grep -q "\[$2\]" /proc/mdstat 2>/dev/null && return 0
    set -- MODULES/$(uname -r)/kernel/drivers/md/$1.ko*
    [ ! -e "$1" ] || insmod "$1"
}
load md-mod none
load raid1 raid1
echo 1000000 > /proc/sys/dev/raid/speed_limit_min
echo 1000000 > /proc/sys/dev/raid/speed_limit_max

md=/sys/block/md0/md

idle() {
    mdadm --wait /dev/md0 || true
    set +x
    until [ "$(cat $md/sync_action)" = idle ]; do sleep 0.05; done
    set -x
}

array_bytes() { echo $(( $(cat /sys/block/md0/size) * 512 )); }

stop() {
    sync
    mdadm --stop /dev/md0
}

# put SOURCE-4K-OFFSET TARGET-4K-OFFSET 4K-COUNT: past every cache, so the chunk's bit is on disk.
put() {
    dd if=last.bin of=/dev/md0 bs=4096 skip=$1 seek=$2 count=$3 oflag=direct conv=notrunc status=none
}

# capture NAME: all that the kernel says about the array at this moment.
capture() {
    mkdir -p out/$1
    cp /proc/mdstat out/$1/mdstat
    dmesg > out/$1/dmesg
    for key in array_state sync_action degraded mismatch_cnt bitmap/location; do
        cat $md/$key > out/$1/${key##*/}
    done
    for device in $md/dev-*; do
        echo "${device##*/} $(cat $device/slot) $(cat $device/state)"
    done > out/$1/devices
}

# judge NAME: the array's content, then what a full comparison of all members finds.
judge() {
    sha256sum /dev/md0 | cut -d' ' -f1 > out/$1.sha256
    echo check > $md/sync_action
    idle
    cat $md/mismatch_cnt > out/$1.mismatches
}
"#;

/// A whole init script around `body`.
pub(crate) fn script(kernel: &Kernel, lab: &Path, body: &str) -> String {
    let modules = kernel.modules.to_string_lossy();
    let prelude = PRELUDE
        .replace("MODULES", &modules)
        .replace("-o LAB", &format!("-o {}", lab.display()))
        .replace("\"DONE\"", &format!("\"{DONE}\""))
        .replace("\"FAILED ", &format!("\"{FAILED} "));
    format!("{prelude}\nmodules={modules}/$(uname -r)\n{body}\n")
}

/// Late writes, each taken from the place in `last.bin` that is its place in the array.
pub(crate) fn puts(writes: &[Extent]) -> String {
    let line = |write: &Extent| {
        let start = match write.start {
            Start::Block(block) => block.to_string(),
            Start::BeforeEnd(blocks) => format!("$(($(array_bytes) / {BLOCK} - {blocks}))"),
        };
        format!("put {start} {start} {}\n", write.blocks)
    };
    writes.iter().map(line).collect()
}

/// Says "kill me" and keeps overwriting one region, so that death really falls into a write.
///
/// The region was written once before, thus its bits are set and bitmap and events stay still.
pub(crate) fn write_until_killed(first_block: u64, blocks: u64) -> String {
    format!(
        "put 7 {first_block} {blocks}\nsync\ndmesg > out/dmesg-at-kill\necho {READY}\nset +x\n\
         while :; do for from in 0 1 2 3 4 5 6; do put $from {first_block} {blocks}; done; done"
    )
}

/// The guest's name of the `index`th attached image.
pub(crate) fn disk(index: usize) -> String {
    let letter = char::from(b'a' + index as u8);
    format!("/dev/ubd{letter}")
}

/// The guest's names of several images, in the order given.
pub(crate) fn disks(indices: impl IntoIterator<Item = usize>) -> String {
    indices.into_iter().map(disk).collect::<Vec<_>>().join(" ")
}
