//! Power cuts, and a kernel that does not take what was written.

use anyhow::{Context, Result, ensure};

use super::{FUNCTIONS, disks};
use crate::expect::{self, Observed};
use crate::guest;
use crate::stage::Stage;
use crate::uml::Until;

/// Writes go on all the time, the bitmap is given, the power fails: only a part is resynced.
pub(super) fn crash(level: &str, members: usize) -> Result<()> {
    let stage = disks(level, members).build()?;
    let body = format!(
        "{FUNCTIONS}raid {level} {members}\nfill\n\
         (set +x; while :; do put 3 100 16; done) & load=$!\nsleep 0.2\ngive given\n\
         sleep 0.2\nkill $load; wait $load || true\nuntil_true 30 clear\n\
         says again 3 $mdbitmap attach --internal /dev/md0\n{}",
        guest::write_until_killed(200, 32)
    );
    stage.boot("crash", &body, Until::KilledWhenReady)?;
    let body = format!(
        "{FUNCTIONS}raid_count={members}\nlevel_driver {level}\nfor at in $(disks 0 {members}); do\n\
         bits $at; done > out/bits\nmdadm -X $(disk 0) > out/examined\nmark\nassemble\n\
         until_true 60 is_settled\ncapture after\njudge after\nstop\n"
    );
    stage.boot("after", &body, Until::PoweredOff)?;
    after_crash(&stage, members).with_context(|| stage.describe())
}

fn after_crash(stage: &Stage, members: usize) -> Result<()> {
    let bits: Vec<u64> = stage.out("bits")?.lines().filter_map(|line| line.parse().ok()).collect();
    let total = stage.json("given")?["facts"]["bits"].as_u64().context("bits")?;
    ensure!(bits.len() == members && bits.iter().all(|n| *n > 0 && *n < total / 2), "{bits:?}");
    let observed = Observed::load(stage, "after")?;
    observed.synced("resync")?;
    observed.bitmap_honoured()?;
    observed.complete(members)?;
    ensure!(expect::mismatches(stage, "after")? == 0, "check found differences");
    Ok(())
}

/// Whole and clear, as a power cut would leave it before the kernel knew of it: no superblock tells
/// of it, so that a crash with different members resyncs everything.
pub(super) fn leftover() -> Result<()> {
    let stage = disks("1", 2).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\nfill\nquiet\ngive given\nuntil_true 30 clear\n\
         says taken 0 $mdbitmap detach /dev/md0\n{}",
        guest::write_until_killed(200, 32)
    );
    stage.boot("crash", &body, Until::KilledWhenReady)?;
    let body = "level_driver 1\nmdadm --examine $(disk 0) > out/examined\nmark\n\
        mdadm --assemble /dev/md0 $(disks 0 2)\nuntil_true 60 is_settled\ncapture after\n\
        judge after\nstop\n";
    stage.boot("after", body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let after = Observed::load(&stage, "after")?;
        after.synced("resync")?;
        after.complete(2)?;
        ensure!(stage.out("after/location")? == "none", "it was read");
        ensure!(!stage.out("examined")?.contains("Internal Bitmap"), "superblock");
        ensure!(expect::mismatches(&stage, "after")? == 0, "check found differences");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

/// The kernel is never reached: its attribute is hidden by a file that cannot be written.
pub(super) fn failed() -> Result<()> {
    let stage = disks("1", 2).build()?;
    let body = format!(
        "{FUNCTIONS}raid 1 2\nfill\nquiet\necho none > /run/none\n\
         mount --bind /run/none $md/bitmap/location\n\
         mount -o remount,bind,ro $md/bitmap/location\n\
         says no 5 $mdbitmap attach --internal --chunk 64K /dev/md0\n\
         umount $md/bitmap/location\n\
         dd if=$(disk 0) bs=512 skip=16 count=8 iflag=direct of=out/area\ncapture no\n\
         give given\ncapture given\njudge end\nstop\n"
    );
    stage.boot("failed", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let said = stage.out("no.err")?;
        ensure!(said.contains("nothing is left behind"), "{said}");
        let area = std::fs::read(stage.path("out/area"))?;
        ensure!(area.len() == 4096 && area.iter().all(|byte| *byte == 0), "a header is left");
        ensure!(stage.out("no/location")? == "none", "location");
        Observed::load(&stage, "given")?.bitmap_honoured()?;
        ensure!(expect::mismatches(&stage, "end")? == 0, "check found differences");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}
