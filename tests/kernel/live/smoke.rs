//! The ground itself: every level can be made, written, looked at and compared, and every file
//! system that a kernel has can be mounted.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::expect::{self, Observed};
use crate::fs::FsKind;
use crate::stage::{self, Stage};
use crate::uml::Until;

/// Level and members.
const LEVELS: [(&str, usize); 4] = [("1", 2), ("10", 4), ("5", 3), ("6", 4)];

pub(crate) fn jobs() -> Vec<Job> {
    let mut jobs: Vec<Job> = LEVELS
        .into_iter()
        .map(|(level, members)| {
            Job::new(format!("live/smoke/raid{level}"), move || works(level, members))
        })
        .collect();
    jobs.push(Job::new("live/smoke/file-systems", file_systems));
    jobs.push(Job::new("live/smoke/other-releases-of-mdadm", peers));
    jobs.push(Job::new("live/smoke/functions-of-scripts", functions));
    jobs.push(Job::new("live/smoke/a-failing-command-fails-the-trial", failures_are_seen));
    jobs
}

fn works(level: &str, members: usize) -> Result<()> {
    let plan = Stage::disks(members).size(12 << 20);
    let plan = if level == "6" { plan.needs_raid6() } else { plan };
    let stage = plan.build()?;
    let body = format!(
        "raid {level} {members}\nmark\nfill\nput 3 40 32\ncapture bare\nstop\n\
         mdadm --assemble /dev/md0 $(disks 0 {members})\nmdadm --grow /dev/md0 --bitmap=internal\n\
         put 9 7 5\nidle\ncapture made\nsays status 0 $mdbitmap status --json /dev/md0\n\
         judge made\nstop\n"
    );
    stage.boot("smoke", &body, Until::PoweredOff)?;
    seen(&stage, level, members).with_context(|| stage.describe())
}

fn seen(stage: &Stage, level: &str, members: usize) -> Result<()> {
    ensure!(stage.out("bare/location")? == "none", "a bitmap nobody asked for");
    let made = Observed::load(stage, "made")?;
    made.health(&"U".repeat(members))?;
    made.nothing_synced()?;
    ensure!(stage.out("made/location")?.starts_with(['+', '-']), "no bitmap inside the members");
    ensure!(stage.out("made/level")? == format!("raid{level}"), "level");
    ensure!(expect::mismatches(stage, "made")? == 0, "check found differences");
    let array = &stage.json("status")?["arrays"][0];
    ensure!(array["raid_disks"] == members && array["bitmap"]["kind"] == "internal", "{array}");
    Ok(())
}

fn file_systems() -> Result<()> {
    let mut plan = Stage::disks(2);
    for kind in [FsKind::Ext4, FsKind::Xfs, FsKind::Btrfs, FsKind::Overlay] {
        match kind.lacking()? {
            None => plan = plan.fs(kind),
            Some(why) => stage::skipped(kind.name(), &why)?,
        }
    }
    let stage = plan.build()?;
    let body = "for at in /run/fs*; do [ -d $at ] || continue; head -c 8192 last.bin > $at/probe\n\
                sync\ncmp -n 8192 last.bin $at/probe\nmountpoint $at\ndone > out/mounted\n";
    stage.boot("mount", body, Until::PoweredOff)?;
    let mounted = stage.out("mounted")?.lines().filter(|line| line.contains(" is a ")).count();
    ensure!(mounted > 0, "nothing was mounted: {}", stage.out("mounted")?);
    Ok(())
}

fn peers() -> Result<()> {
    for (name, key) in stage::PEERS {
        if std::env::var_os(key).is_none() {
            stage::skipped(name, &format!("{key} is not set"))?;
            continue;
        }
        let stage = Stage::disks(2).build()?;
        let body = format!(
            "${name} --create /dev/md0 --run --level=1 -n2 --assume-clean --bitmap=internal \
             $(disks 0 2)\nidle\nsays status 0 $mdbitmap status --json /dev/md0\n\
             ${name} --stop /dev/md0\n"
        );
        stage.boot("peer", &body, Until::PoweredOff)?;
        let array = &stage.json("status")?["arrays"][0];
        ensure!(array["bitmap"]["kind"] == "internal", "{name}: {array}");
    }
    Ok(())
}

/// What no other trial here uses: a second array, spares, other metadata, the log, slow syncs.
fn functions() -> Result<()> {
    let stage = Stage::disks(5).fs(FsKind::Ext4).build()?;
    let body = "spares=1\nraid 1 2 --assume-clean --bitmap=internal\ncapture spare\nspares=0\n\
                metadata=0.90\non md1 3\nraid 1 2\nmark\nput 0 7 4\n\
                says seen 0 $mdbitmap status --json md1\n\
                until_true 9 grep -q clean $md/array_state\ncapture end\njudge end\nslow 500\n\
                echo repair > $md/sync_action\nuntil_true 20 logged 'of RAID array md1'\n\
                not is_idle\nfast\nidle\nmark\nnot logged 'RAID array'\nstop\non md0 0\nslow\n\
                mdadm /dev/md0 --fail $(disk 1)\nuntil_true 20 logged md0\nfast\n\
                until_true 30 is_settled\ncapture recovered\nstop\ndriver dm-mod\n\
                grep device-mapper /proc/devices\ndriver dm-mod\n";
    stage.boot("functions", body, Until::PoweredOff)?;
    ensure!(Observed::load(&stage, "spare")?.spares() == 1, "no spare");
    let array = &stage.json("seen")?["arrays"][0];
    ensure!(array["name"] == "md1" && array["metadata"] == "0.90", "{array}");
    let end = Observed::load(&stage, "end")?;
    end.nothing_synced()?;
    end.complete(2).with_context(|| stage.describe())?;
    Observed::load(&stage, "recovered")?.synced("recovery")
}

fn failures_are_seen() -> Result<()> {
    for body in [
        "says no 0 $mdbitmap examine /none",
        "until_true 1 logged nonsense",
        "driver md-mod; false",
    ] {
        let stage = Stage::disks(1).build()?;
        let result = stage.boot("fail", body, Until::PoweredOff);
        ensure!(result.is_err(), "passed in spite of: {body}");
    }
    Ok(())
}
