//! mdadm's own test cases 05r1-re-add and 05r1-re-add-nosuper, with mdbitmap in mdadm's place.

use anyhow::{Context, Result, ensure};

use super::{TOOLS, stage};
use crate::Job;
use crate::expect;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::Until;

pub(super) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/members/05r1-re-add", with_superblocks),
        Job::new("live/members/05r1-re-add-nosuper/file", without_superblocks),
        Job::new("live/members/nosuper-without-bitmap", nothing_to_go_by),
    ]
}

/// Whether a sync began since the mark.
const SYNCED: &str = "
synced() { if logged ' of RAID array'; then echo yes; else echo no; fi; }
";

/// Without a write in between, with some, and with all of it overwritten.
fn with_superblocks() -> Result<()> {
    let stage = stage("1", 2)?;
    let body = format!(
        "{TOOLS}raid 1 2 --bitmap=internal --bitmap-chunk=4K --delay=1\nfill\n\
         cleared $(disk 0)\n\
         leave 1\nmark\nsectors 1 > out/from\nsays add1 0 $mdbitmap add --json /dev/md0 $(disk 1)\n\
         whole\nsync\nsectors 1 > out/to\n\
         cleared $(disk 0)\nleave 1\nput 0 0 64\nput 9 3000 64\n\
         says add2 0 $mdbitmap add --json /dev/md0 $(disk 1)\nwhole\njudge some\n\
         cleared $(disk 0)\nleave 1\n\
         dd if=/dev/zero of=/dev/md0 bs=64K oflag=direct 2>/dev/null || true\n\
         says add3 0 $mdbitmap add --json /dev/md0 $(disk 1)\nwhole\njudge all\nstop\n"
    );
    stage.boot("05r1", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        for name in ["add1", "add2", "add3"] {
            let report = stage.json(name)?;
            ensure!(report["steps"][0]["code"] == "readd", "{report}");
        }
        let written = super::written(&stage, "from", "to")?;
        ensure!(written < 500, "{written} sectors written where nothing was missed");
        for moment in ["some", "all"] {
            ensure!(expect::mismatches(&stage, moment)? == 0, "{moment}: members differ");
        }
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

/// Nothing on the device proves anything: only who vouches is let through.
fn without_superblocks() -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{TOOLS}{SYNCED}level_driver 1\n\
         mdadm --build /dev/md0 --level=1 --raid-devices=2 --bitmap=/run/fs/bitmap \
         --bitmap-chunk=64 --delay=1 $(disks 0 2)\nidle\nfill\nsync\nsleep 4\n\
         vouch() {{ $mdbitmap readd --force=unproven --json /dev/md0 $(disk 1); }}\n\
         leave 1\nsays doubted 3 $mdbitmap readd /dev/md0 $(disk 1)\nmark\nsectors 1 > out/from\n\
         says back1 0 vouch\nidle\nsync\nsectors 1 > out/to\nmember_state 1 > out/state1\n\
         sleep 3\nleave 1\nput 3 40 32\nput 9 1500 5\nsectors 1 > out/from2\n\
         says back2 0 vouch\nidle\nsync\nsectors 1 > out/to2\nmember_state 1 > out/state2\n\
         judge some\nsleep 3\nleave 1\ndd if=/dev/zero of=/dev/md0 bs=64K oflag=direct 2>/dev/null || true\n\
         mark\nsays back3 0 vouch\nidle\nsynced > out/synced3\njudge all\n\
         leave 1\nput 3 40 4\nsays add 0 $mdbitmap add --force=overwrite --json /dev/md0 $(disk 1)\nidle\n\
         member_state 1 > out/state4\njudge added\nstop\n"
    );
    stage.boot("nosuper", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let text = stage.out("doubted.err")?;
        ensure!(text.contains("--force=unproven"), "{text}");
        let few = super::written(&stage, "from", "to")?;
        let some = super::written(&stage, "from2", "to2")?;
        ensure!(few == 0, "{few} sectors written where nothing was missed");
        ensure!((256..2000).contains(&some), "{some} sectors written");
        ensure!(stage.out("synced3")? == "yes", "no recovery after all was overwritten");
        for name in ["state1", "state2", "state4"] {
            ensure!(stage.out(name)?.contains("in_sync"), "{name}: {}", stage.out(name)?);
        }
        for moment in ["some", "all", "added"] {
            ensure!(expect::mismatches(&stage, moment)? == 0, "{moment}: members differ");
        }
        Ok(())
    };
    judged().with_context(|| stage.describe())
}

/// The kernel would take such a device for current, whatever it holds: refused, by no option
/// overridden; a plain add fills it.
fn nothing_to_go_by() -> Result<()> {
    let stage = stage("1", 2)?;
    let body = format!(
        "{TOOLS}level_driver 1\n\
         mdadm --build /dev/md0 --level=1 --raid-devices=2 $(disks 0 2)\nidle\nfill\nleave 1\n\
         put 3 40 32\n\
         says refused 3 $mdbitmap readd --force=unproven /dev/md0 $(disk 1)\n\
         member_state 1 > out/still\nsectors 1 > out/from\n\
         says add 0 $mdbitmap add --json /dev/md0 $(disk 1)\nidle\nsync\nsectors 1 > out/to\n\
         member_state 1 > out/state\njudge added\nstop\n"
    );
    stage.boot("nosuper-none", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        ensure!(stage.out("still")? == "gone", "{}", stage.out("still")?);
        let text = stage.out("refused.err")?;
        ensure!(text.contains("neither superblocks nor a bitmap"), "{text}");
        let written = super::written(&stage, "from", "to")?;
        ensure!(written >= 32_768, "{written} sectors written, all are 32768");
        ensure!(stage.out("state")? == "in_sync", "{}", stage.out("state")?);
        ensure!(expect::mismatches(&stage, "added")? == 0, "members differ");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}
