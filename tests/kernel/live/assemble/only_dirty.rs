//! After a crash the kernel resyncs what the bitmap calls dirty, and nothing else.
//!
//! Two blocks of the last member are spoiled between crash and assembly, in stripes where it holds
//! a copy or parity: one in a chunk that is dirty, one in a chunk that is clean. With the bitmap a
//! resync must mend the first and must not even look at the second; without it, both are mended.
//! `check` counts what is left, and the kernel counts what was moved.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result, ensure};

use crate::expect::{self, Observed};
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::{READY, Until};
use crate::{Job, mdadm};

const BLOCK: usize = 4096;
/// The array's chunk and the bitmap's, in bytes.
const CHUNK: u64 = 64 << 10;
/// Stripes whose last member holds parity or a copy, whatever the level.
const DIRTY_STRIPE: u64 = 12;
const CLEAN_STRIPE: u64 = 144;

/// An array, and where it keeps its bitmap.
#[derive(Debug, Clone, Copy)]
struct Array {
    level: &'static str,
    members: usize,
    metadata: &'static str,
    file: bool,
}

impl Array {
    /// Array chunks in a stripe of one chunk for each member.
    fn data_chunks(self) -> u64 {
        match self.level {
            "1" => 1,
            "10" => self.members as u64 / 2,
            "6" => self.members as u64 - 2,
            _ => self.members as u64 - 1,
        }
    }

    /// A block of the array in that stripe, whose other copy the last member of a mirror holds.
    fn block(self, stripe: u64) -> u64 {
        let last = if self.level == "10" { self.data_chunks() - 1 } else { 0 };
        (stripe * self.data_chunks() + last) * CHUNK / BLOCK as u64
    }

    /// What one differing block counts in `check`: a window of a mirror, or itself.
    fn one_mismatch(self) -> u64 {
        if ["1", "10"].contains(&self.level) { 128 } else { 8 }
    }

    fn bitmap_option(self) -> &'static str {
        if self.file { "--bitmap=/run/fs/bitmap" } else { "" }
    }

    fn name(self) -> String {
        let place = if self.file { "file" } else { "internal" };
        format!("raid{}/{}/{place}", self.level, self.metadata)
    }
}

pub(crate) fn jobs() -> Vec<Job> {
    let array = |level, members, metadata, file| Array { level, members, metadata, file };
    let arrays = [
        array("1", 2, "0.90", true),
        array("1", 3, "1.2", true),
        array("10", 4, "1.0", true),
        array("5", 3, "1.1", true),
        array("6", 4, "1.2", true),
        array("4", 3, "0.90", true),
        array("1", 2, "1.0", false),
        array("5", 3, "1.2", false),
    ];
    let mut jobs: Vec<Job> = arrays
        .into_iter()
        .map(|array| {
            let name = format!("live/assemble/only-dirty/{}", array.name());
            Job::new(name, move || only_dirty(array))
        })
        .collect();
    for array in [arrays[1], arrays[3]] {
        let name = format!("live/assemble/all-without-bitmap/{}", array.name());
        jobs.push(Job::new(name, move || all_without(array)));
    }
    let stale = arrays[0];
    let name = format!("live/assemble/all-with-stale-bitmap/{}", stale.name());
    jobs.push(Job::new(name, move || all_with_stale(stale)));
    jobs
}

/// A stage on which that array crashed with one dirty chunk and two spoiled blocks.
fn crashed(array: Array) -> Result<(Stage, [Vec<u8>; 2])> {
    let plan = Stage::disks(array.members).fs(FsKind::Ext4);
    let plan = if array.level == "6" { plan.needs_raid6() } else { plan };
    let stage = plan.build()?;
    let Array { level, members, metadata, .. } = array;
    let bitmap = if array.file { "/run/fs/bitmap" } else { "internal" };
    let body = format!(
        "metadata={metadata}\nraid {level} {members}\n\
         mdadm --grow /dev/md0 --bitmap={bitmap} --bitmap-chunk=64 --delay=60\nidle\nfill\nstop\n\
         mdadm --assemble /dev/md0 {} $(disks 0 {members})\necho 0 > $md/safe_mode_delay\n\
         put 3 {} 16\nsha256sum /dev/md0 | cut -d' ' -f1 > out/written\n\
         cp /run/fs/bitmap out/ || true\nsync\necho {READY}\nsleep 100\n",
        array.bitmap_option(),
        array.block(DIRTY_STRIPE)
    );
    stage.boot("crash", &body, Until::KilledWhenReady)?;
    let stripes = [DIRTY_STRIPE, CLEAN_STRIPE];
    let spoiled = stripes.map(|stripe| spoil(&stage, array, stripe));
    let [dirty, clean] = spoiled;
    Ok((stage, [dirty?, clean?]))
}

/// The place of that stripe on the last member.
fn place(stage: &Stage, array: Array, stripe: u64) -> Result<(File, u64)> {
    let member = stage.member(array.members - 1);
    let area = mdadm::examine(&member)?.area;
    let file = OpenOptions::new().read(true).write(true).open(&member)?;
    Ok((file, area.offset + stripe * CHUNK))
}

/// Answers what was there.
fn spoil(stage: &Stage, array: Array, stripe: u64) -> Result<Vec<u8>> {
    let (file, at) = place(stage, array, stripe)?;
    let mut before = vec![0; BLOCK];
    file.read_exact_at(&mut before, at)?;
    file.write_all_at(&[0xa5; BLOCK], at)?;
    Ok(before)
}

fn restore(stage: &Stage, array: Array, stripe: u64, bytes: &[u8]) -> Result<()> {
    let (file, at) = place(stage, array, stripe)?;
    Ok(file.write_all_at(bytes, at)?)
}

/// Assembles it with `options` and lets the kernel do what it has to, then count mismatches.
fn assemble(stage: &Stage, array: Array, options: &str) -> Result<()> {
    let members = array.members;
    let body = format!(
        "level_driver {}\nmark\ncat /sys/block/ubd?/stat > out/io-before\n\
         says assemble 0 $mdbitmap assemble /dev/md0 {options} --json $(disks 0 {members})\n\
         until_true 60 is_settled\ncat /sys/block/ubd?/stat > out/io-after\n\
         capture assembled\njudge assembled\nstop\n",
        array.level
    );
    stage.boot("assemble", &body, Until::PoweredOff)
}

/// Sectors that were moved from and to each member, mostly by the resync.
fn moved(stage: &Stage, array: Array) -> Result<Vec<u64>> {
    let (before, after) = (sectors(stage, "io-before")?, sectors(stage, "io-after")?);
    let moved = after.iter().zip(&before).map(|(after, before)| after - before);
    Ok(moved.take(array.members).collect())
}

/// Sectors read and written since boot, for each disk.
fn sectors(stage: &Stage, name: &str) -> Result<Vec<u64>> {
    let number = |line: &str, column| -> Result<u64> {
        Ok(line.split_whitespace().nth(column).context("too few columns")?.parse()?)
    };
    let text = stage.out(name)?;
    text.lines().map(|line| Ok(number(line, 2)? + number(line, 6)?)).collect()
}

/// What must be true however much was resynced.
fn resynced(stage: &Stage, array: Array) -> Result<Observed> {
    let seen = Observed::load(stage, "assembled")?;
    seen.complete(array.members)?;
    seen.synced("resync")?;
    let report = stage.json("assemble")?;
    ensure!(report["facts"]["members_in_sync"] == array.members, "{report}");
    ensure!(report["facts"]["clean"] == false, "{report}");
    Ok(seen)
}

fn only_dirty(array: Array) -> Result<()> {
    let (stage, [_, clean]) = crashed(array)?;
    assemble(&stage, array, array.bitmap_option())?;
    let check = || -> Result<()> {
        resynced(&stage, array)?.bitmap_honoured()?;
        let left = expect::mismatches(&stage, "assembled")?;
        ensure!(left == array.one_mismatch(), "{left} sectors differ after the resync");
        for sectors in moved(&stage, array)? {
            ensure!(sectors < 4096, "{sectors} sectors of a member were moved");
        }
        let report = stage.json("assemble")?;
        let kind = if array.file { "file" } else { "internal" };
        ensure!(report["facts"]["bitmap"] == kind, "{report}");
        ensure!(!array.file || report["facts"]["dirty_chunks"] == 1, "{report}");
        restore(&stage, array, CLEAN_STRIPE, &clean)?;
        content(&stage, array)
    };
    check().with_context(|| stage.describe())
}

/// A fresh kernel finds everything as it was written, and all members alike.
fn content(stage: &Stage, array: Array) -> Result<()> {
    let members = array.members;
    let body = format!(
        "level_driver {}\nmark\nmdadm --assemble /dev/md0 {} $(disks 0 {members})\n\
         capture again\njudge again\nstop\n",
        array.level,
        array.bitmap_option()
    );
    stage.boot("again", &body, Until::PoweredOff)?;
    let seen = Observed::load(stage, "again")?;
    seen.complete(members)?;
    seen.nothing_synced()?;
    let expected = stage.out("written")?;
    ensure!(stage.out("again.sha256")? == expected, "not what was written");
    let left = expect::mismatches(stage, "again")?;
    ensure!(left == 0, "{left} sectors differ");
    Ok(())
}

/// The instruments work: a resync of everything mends both blocks and moves all.
fn all_mended(stage: &Stage, array: Array) -> Result<()> {
    let left = expect::mismatches(stage, "assembled")?;
    ensure!(left == 0, "{left} sectors differ after a resync of everything");
    for sectors in moved(stage, array)? {
        ensure!(sectors > 16_384, "only {sectors} sectors of a member were moved");
    }
    ensure!(stage.out("assembled.sha256")? == stage.out("written")?, "not what was written");
    Ok(())
}

fn all_without(array: Array) -> Result<()> {
    let (stage, _) = crashed(array)?;
    assemble(&stage, array, "")?;
    let check = || {
        resynced(&stage, array)?;
        let report = stage.json("assemble")?;
        ensure!(report["facts"]["bitmap"] == "none", "{report}");
        ensure!(report["notes"][0]["code"] == "resync", "{report}");
        all_mended(&stage, array)
    };
    check().with_context(|| stage.describe())
}

/// The bitmap as it was before the array went on without it.
fn all_with_stale(array: Array) -> Result<()> {
    let (stage, _) = crashed(array)?;
    let members = array.members;
    let without = format!(
        "mdadm --assemble /dev/md0 $(disks 0 {members})\nuntil_true 60 is_settled\n\
         echo 0 > $md/safe_mode_delay\nput 3 {} 16\nsync\necho {READY}\nsleep 100\n",
        array.block(DIRTY_STRIPE)
    );
    stage.boot("without", &without, Until::KilledWhenReady)?;
    for stripe in [DIRTY_STRIPE, CLEAN_STRIPE] {
        spoil(&stage, array, stripe)?;
    }
    assemble(&stage, array, array.bitmap_option())?;
    let check = || {
        let seen = resynced(&stage, array)?;
        ensure!(seen.bitmap_honoured().is_err(), "the kernel believed a bitmap that is stale");
        let report = stage.json("assemble")?;
        ensure!(report["notes"][0]["code"] == "stale-bitmap", "{report}");
        ensure!(report["facts"]["bitmap"] == "file", "{report}");
        all_mended(&stage, array)
    };
    check().with_context(|| stage.describe())
}
