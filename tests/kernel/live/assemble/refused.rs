//! What is refused, with the reason, and leaves nothing assembled.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::{Kernel, READY, Until};

/// Nothing may stay behind: no array in mdstat, and every member free.
const NOTHING: &str = "nothing() { ! grep -q '^md' /proc/mdstat && \
                       for each in $(disks 0 2); do (exec 3<> $each); done; }\n";

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/assemble/refused/bitmaps", bitmaps),
        Job::new("live/assemble/refused/kernel-says-no", kernel_says_no),
        Job::new("live/assemble/refused/in-use", in_use),
        Job::new("live/assemble/refused/dirty-and-degraded", dirty_and_degraded),
        Job::new("live/assemble/refused/interrupted", interrupted),
        Job::new("live/assemble/bitmap-files-by-kernel", files_by_kernel),
    ]
}

/// Those of the preflight: no kernel is asked.
fn bitmaps() -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{NOTHING}raid 1 2\nstop\nmake() {{ $mdbitmap create --array $(disk 0) --chunk 64K $1; }}\n\
         try() {{ says $1 $2 $mdbitmap assemble md0 --bitmap $3 $(disks 0 2); nothing; }}\n\
         make /run/fs/good\nmake /run/tmpfs\n\
         $mdbitmap create /run/fs/other --size 14M --uuid 00000000:00000000:00000000:00000001 --chunk 64K\n\
         head -c 270 /run/fs/good > /run/fs/short\n\
         truncate -s 8192 /run/fs/hole; dd if=/run/fs/good of=/run/fs/hole bs=256 count=1 seek=32 \
         status=none\n\
         truncate -s 4096 /run/fs/zero\n\
         try other 3 /run/fs/other\ntry short 3 /run/fs/short\ntry zero 3 /run/fs/zero\n\
         try tmpfs 3 /run/tmpfs\ntry device 3 $(disk 2)\ntry none 5 /run/fs/nothing\n\
         exec 5>> /run/fs/good\ntry writer 3 /run/fs/good\nexec 5>&-\n\
         dd if=/run/fs/good of=/run/fs/sparse bs=512 count=1 status=none\n\
         truncate -s 100 /run/fs/sparse2\n\
         says internal 0 $mdbitmap assemble md0 $(disks 0 2)\n\
         mdadm --grow /dev/md0 --bitmap=internal\nmdadm --stop /dev/md0\n\
         try internal 3 /run/fs/good\n"
    );
    stage.boot("bitmaps", &body, Until::PoweredOff)?;
    let check = || {
        for (name, words) in [
            ("other", "another array"),
            ("short", "too short"),
            ("zero", "hole"),
            ("tmpfs", "where the blocks"),
            ("device", "block device"),
            ("writer", "open for writing"),
            ("internal", "inside its members"),
        ] {
            let why = stage.out(&format!("{name}.err"))?;
            ensure!(why.contains(words), "{name}: {why}");
        }
        Ok(())
    };
    check().with_context(|| stage.describe())
}

/// The level's driver is missing, which only RUN_ARRAY finds out.
fn kernel_says_no() -> Result<()> {
    let stage = Stage::disks(3).build()?;
    stage.boot("make", "raid 5 3\nstop\n", Until::PoweredOff)?;
    let body = format!(
        "{NOTHING}says driver 5 $mdbitmap assemble /dev/md/home $(disks 0 3)\nnothing\n\
         [ ! -e /dev/md/home ]\n[ ! -L /dev/md/home ]\n\
         level_driver 5\nsays fine 0 $mdbitmap assemble /dev/md/home $(disks 0 3)\n"
    );
    stage.boot("no", &body, Until::PoweredOff)?;
    let why = stage.out("driver.err")?;
    ensure!(why.contains("nothing was left assembled"), "{why}");
    Ok(())
}

fn in_use() -> Result<()> {
    let stage = Stage::disks(3).build()?;
    let body = "raid 1 2\nsays running 3 $mdbitmap assemble md1 $(disks 0 2)\n\
                says name 3 $mdbitmap assemble md0 $(disks 0 2)\nstop\n\
                says none 4 $mdbitmap assemble md0 $(disks 0 3)\n\
                says twice 3 $mdbitmap assemble md0 $(disk 0) $(disk 0)\n\
                says file 2 $mdbitmap assemble md0 /run/lab/last.bin\n\
                says name2 2 $mdbitmap assemble /dev/null $(disks 0 2)\n\
                says user 3 setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
                $mdbitmap assemble md0 $(disks 0 2)\n";
    stage.boot("use", body, Until::PoweredOff)?;
    let check = || {
        for (name, words) in [
            ("running", "in use"),
            ("name", "assembled already"),
            ("none", "no md superblock"),
            ("twice", "the same as"),
            ("file", "losetup"),
            ("user", "only root"),
        ] {
            let why = stage.out(&format!("{name}.err"))?;
            ensure!(why.contains(words), "{name}: {why}");
        }
        Ok(())
    };
    check().with_context(|| stage.describe())
}

fn dirty_and_degraded() -> Result<()> {
    let stage = Stage::disks(3).build()?;
    let crash = format!(
        "raid 5 3\nfill\nmdadm /dev/md0 --fail $(disk 1)\necho 0 > $md/safe_mode_delay\n\
         put 3 40 32\nsync\necho {READY}\nsleep 100\n"
    );
    stage.boot("crash", &crash, Until::KilledWhenReady)?;
    let body = format!(
        "{NOTHING}level_driver 5\nfor force in '' --force=degraded; do\n\
         says dirty 3 $mdbitmap assemble md0 $force $(disk 0) $(disk 2)\ndone\nnothing\n\
         ! mdadm --assemble --run /dev/md0 $(disk 0) $(disk 2)\ndmesg > out/kernel\n"
    );
    stage.boot("dirty", &body, Until::PoweredOff)?;
    let check = || {
        let why = stage.out("dirty.err")?;
        ensure!(why.contains("not shut down cleanly"), "{why}");
        let kernel = stage.out("kernel")?;
        ensure!(kernel.contains("cannot start dirty degraded array"), "the kernel does:\n{kernel}");
        Ok(())
    };
    check().with_context(|| stage.describe())
}

/// A signal while it works: it may end in time, or not, but never in between.
fn interrupted() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    let body = format!(
        "{NOTHING}raid 1 2\nstop\nset +x\nfor wait in 0 0.005 0.01 0.02 0.03 0.04 0.06 0.1; do\n\
         $mdbitmap assemble md0 $(disks 0 2) > /dev/null 2>&1 & pid=$!\nsleep $wait\n\
         kill -TERM $pid 2>/dev/null || true\nstatus=0; wait $pid || status=$?\n\
         echo \"$wait: $status\" >> out/statuses\n\
         case $status in 0) mdadm --stop /dev/md0 ;; 130 | 143) nothing ;; *) false ;; esac\ndone\n"
    );
    stage.boot("signal", &body, Until::PoweredOff)
}

/// A kernel that takes files does, and one that does not is explained.
fn files_by_kernel() -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    let takes = Kernel::find()?.release()? < (6, 18);
    let status = if takes { 0 } else { 5 };
    let after = if takes { "capture assembled\nstop" } else { "nothing\n[ ! -e /sys/block/md5 ]" };
    let body = format!(
        "{NOTHING}raid 1 2\nstop\n$mdbitmap create --array $(disk 0) --chunk 64K /run/fs/bitmap\n\
         says dry 0 $mdbitmap assemble md5 -n --bitmap /run/fs/bitmap --json $(disks 0 2)\n\
         [ ! -e /sys/block/md5 ]\non md5\n\
         says assemble {status} $mdbitmap assemble md5 --bitmap /run/fs/bitmap $(disks 0 2)\n\
         {after}\n"
    );
    stage.boot("files", &body, Until::PoweredOff)?;
    let check = || {
        let warned = stage.json("dry")?["notes"].to_string().contains("6.18");
        ensure!(warned != takes, "{}", stage.out("dry.out")?);
        if takes {
            ensure!(stage.out("assembled/location")? == "file", "no bitmap file");
        } else {
            let why = stage.out("assemble.err")?;
            for words in ["6.18", "mdbitmap resync --bitmap", "attach --internal", "nothing was"] {
                ensure!(why.contains(words), "{why}");
            }
        }
        Ok(())
    };
    check().with_context(|| stage.describe())
}
