//! `--readonly`: not a byte of a member changes, although a resync is due; but for the header of a
//! bitmap, which the kernel rewrites even so.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect::Observed;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::{READY, Until};

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/assemble/readonly/no-bitmap", no_bitmap),
        Job::new("live/assemble/readonly/internal", internal),
        Job::new("live/assemble/readonly/file", with_file),
    ]
}

fn crash(stage: &Stage, bitmap: &str) -> Result<()> {
    let body = format!(
        "raid 1 2 {bitmap}\nfill\necho 0 > $md/safe_mode_delay\nput 3 40 32\nsync\n\
         echo {READY}\nsleep 100\n"
    );
    stage.boot("crash", &body, Until::KilledWhenReady)
}

/// `sums` prints what must not change; the header of a 1.2 member's bitmap is at 8 KiB.
fn look(stage: &Stage, option: &str) -> Result<()> {
    let body = format!(
        "level_driver 1\nmark\n\
         sums() {{ for each in $(disks 0 2); do\n\
         {{ head -c 8192 $each; tail -c +8449 $each; }} | sha256sum\ndone\n\
         [ ! -f /run/fs/bitmap ] || tail -c +257 /run/fs/bitmap | sha256sum; }}\n\
         headers() {{ for each in $(disks 0 2); do head -c 8448 $each | tail -c 256 | sha256sum; \
         done; }}\n\
         sums > out/before\nheaders > out/headers-before\n\
         says assemble 0 $mdbitmap assemble md0 --readonly {option} --json $(disks 0 2)\nsleep 2\n\
         capture assembled\nsha256sum /dev/md0 > out/content\n\
         ! dd if=/dev/zero of=/dev/md0 bs=4096 count=1 oflag=direct conv=notrunc\n\
         mdadm --stop /dev/md0\nsums > out/after\nheaders > out/headers-after\n\
         says writable 0 $mdbitmap assemble md0 {option} $(disks 0 2)\n\
         until_true 60 is_settled\ncapture writable\nstop\n"
    );
    stage.boot("look", &body, Until::PoweredOff)
}

fn judged(stage: &Stage) -> Result<()> {
    let (before, after) = (stage.out("before")?, stage.out("after")?);
    ensure!(before == after, "bytes changed:\n{before}\n{after}");
    ensure!(stage.out("assembled/array_state")? == "readonly", "not read-only");
    Observed::load(stage, "assembled")?.nothing_synced()?;
    let writable = Observed::load(stage, "writable")?;
    writable.synced("resync")?;
    writable.complete(2)
}

fn no_bitmap() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    crash(&stage, "")?;
    look(&stage, "")?;
    let check = || {
        let same = stage.out("headers-before")? == stage.out("headers-after")?;
        ensure!(same, "bytes changed where no bitmap is");
        judged(&stage)
    };
    check().with_context(|| stage.describe())
}

/// The header's event count is made to differ from the array's, as a crash may leave it.
fn internal() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    crash(&stage, "--bitmap=internal")?;
    for index in 0..2 {
        let member = OpenOptions::new().write(true).open(stage.member(index))?;
        member.write_all_at(&[99], 8192 + 24)?;
    }
    look(&stage, "")?;
    let check = || {
        let same = stage.out("headers-before")? == stage.out("headers-after")?;
        ensure!(!same, "this kernel leaves the header alone: say so in the note");
        let notes = stage.json("assemble")?["notes"].to_string();
        ensure!(notes.contains("bitmap-header"), "{notes}");
        judged(&stage)
    };
    check().with_context(|| stage.describe())
}

fn with_file() -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    crash(&stage, "--bitmap=/run/fs/bitmap")?;
    look(&stage, "--bitmap=/run/fs/bitmap")?;
    judged(&stage).with_context(|| stage.describe())
}
