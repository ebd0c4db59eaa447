//! `--readonly`: not a byte of a member changes, although a resync is due.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect::Observed;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::{READY, Until};

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/assemble/readonly/no-bitmap", || unchanged("")),
        Job::new("live/assemble/readonly/internal", || unchanged("--bitmap=internal")),
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

fn look(stage: &Stage, option: &str) -> Result<()> {
    let body = format!(
        "level_driver 1\nmark\nsums() {{ for each in $(disks 0 2) {}; do sha256sum $each; done; }}\n\
         sums > out/before\n\
         says assemble 0 $mdbitmap assemble md0 --readonly {option} --json $(disks 0 2)\nsleep 2\n\
         capture assembled\nsha256sum /dev/md0 > out/content\n\
         ! dd if=/dev/zero of=/dev/md0 bs=4096 count=1 oflag=direct conv=notrunc\n\
         mdadm --stop /dev/md0\nsums > out/after\n\
         says writable 0 $mdbitmap assemble md0 {option} $(disks 0 2)\n\
         until_true 60 is_settled\ncapture writable\nstop\n",
        option.trim_start_matches("--bitmap=")
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

fn unchanged(bitmap: &str) -> Result<()> {
    let stage = Stage::disks(2).build()?;
    crash(&stage, bitmap)?;
    look(&stage, "")?;
    judged(&stage).with_context(|| stage.describe())
}

fn with_file() -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    crash(&stage, "--bitmap=/run/fs/bitmap")?;
    look(&stage, "--bitmap=/run/fs/bitmap")?;
    judged(&stage).with_context(|| stage.describe())
}
