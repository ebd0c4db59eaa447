//! Arrays as crashes and failures leave them.

use anyhow::Result;

use super::{Ask, Start, Want, judge, make};
use crate::Job;
use crate::fs::FsKind;
use crate::stage::Stage;

const RESYNC_DIRTY: Want = Want::Copies("resync", "dirty");
const RESYNC_ALL: Want = Want::Copies("resync", "all");
const RECOVERY_ALL: Want = Want::Copies("recovery", "all");
const RECOVERY_DIRTY: Want = Want::Copies("recovery", "dirty");

pub(super) fn jobs() -> Vec<Job> {
    let mut jobs = vec![
        Job::new("inspect/mirrors", || mirrors("1.2")),
        Job::new("inspect/striped", || striped("1.2")),
        Job::new("inspect/raid6", raid6),
        Job::new("inspect/file", files),
    ];
    if std::env::var("MDBITMAP_FULL").is_ok_and(|value| value == "1") {
        for metadata in ["0.90", "1.0", "1.1"] {
            jobs.push(Job::new(format!("inspect/mirrors/{metadata}"), move || mirrors(metadata)));
            jobs.push(Job::new(format!("inspect/striped/{metadata}"), move || striped(metadata)));
        }
    }
    jobs
}

const MIRRORS: &str = "on md0 0\nfresh 1 2\nput 3 40 16\nstop\n\
         on md2 4\nfresh 1 2\nput 3 40 16\nlose 1\nput 9 1500 5\nstop\n\
         on md4 8\nspares=1\nfresh 1 2\nstop\nspares=0\n\
         on md5 11\nfresh 1 2\nunsafe\nlose 1\nput 0 0 2000\nslow 500\n\
         mdadm /dev/md5 --re-add $(disk 12)\nuntil_true 20 syncing recover\n\
         on md6 13\nfresh 1 3\nunsafe\nlose 2\nput 9 1500 5\n\
         on md1 2\nfresh 1 2\nunsafe\nput 3 40 64\n";

const STRIPED: &str = "on md1 3\nfresh 5 3\nunsafe\nlose 2\nput 9 1500 5\n\
         on md2 6\nfresh 5 3\nlose 2\nput 9 1500 5\nstop\n\
         on md3 9\nfresh 10 4\nunsafe\nput 3 40 64\n\
         on md4 13\nbits=--bitmap=none\nfresh 5 3\nunsafe\nput 3 40 64\n\
         bits='--bitmap=internal --bitmap-chunk=64K --delay=60'\n\
         on md0 0\nfresh 5 3\nunsafe\nput 3 40 64\n";

fn mirrors(metadata: &str) -> Result<()> {
    let stage = Stage::disks(16).build()?;
    // 0.90 does not keep how far a recovery got, nor by what.
    let recovering = if metadata == "0.90" { RECOVERY_ALL } else { RECOVERY_DIRTY };
    make(&stage, &format!("metadata={metadata}\n{MIRRORS}"))?;
    judge(
        &stage,
        "1",
        &[
            Ask::new("clean", "md0", &[0, 1], Want::Nothing),
            Ask::new("crash", "md1", &[2, 3], RESYNC_DIRTY),
            Ask::new("behind", "md2", &[4, 5], Want::Nothing).then_readd(5, true),
            Ask::new("spare", "md4", &[8, 10], Want::Refused("fewer-than-before")),
            Ask::new("spare-run", "md4", &[8, 10], RECOVERY_ALL).start(Start::Run),
            Ask::new("recovering", "md5", &[11, 12], recovering),
            Ask::new("degraded-crash", "md6", &[13, 14], RESYNC_DIRTY),
        ],
    )
}

fn striped(metadata: &str) -> Result<()> {
    let stage = Stage::disks(16).build()?;
    make(&stage, &format!("metadata={metadata}\n{STRIPED}"))?;
    judge(
        &stage,
        "5 10",
        &[
            Ask::new("raid5-crash", "md0", &[0, 1, 2], RESYNC_DIRTY),
            Ask::new("raid5-short", "md1", &[3, 4], Want::Refused("dirty-degraded")),
            Ask::new("raid5-behind", "md1", &[3, 4, 5], Want::Refused("dirty-degraded")),
            Ask::new("raid5-few", "md2", &[6], Want::Refused("too-few-members")),
            Ask::new("raid5-degraded", "md2", &[6, 7, 8], Want::Nothing).then_readd(8, true),
            Ask::new("raid10-crash", "md3", &[9, 10, 11, 12], RESYNC_DIRTY),
            Ask::new("raid5-none", "md4", &[13, 14, 15], RESYNC_ALL),
        ],
    )
}

fn raid6() -> Result<()> {
    let stage = Stage::disks(12).needs_raid6().build()?;
    make(
        &stage,
        "on md1 4\nfresh 6 4\nunsafe\nlose 3\nput 9 1500 5\n\
         on md2 8\nfresh 6 4\nlose 3\nput 9 1500 5\nlose 2\nput 9 1600 5\nstop\n\
         on md0 0\nfresh 6 4\nunsafe\nput 3 40 64\n",
    )?;
    judge(
        &stage,
        "6",
        &[
            Ask::new("raid6-crash", "md0", &[0, 1, 2, 3], RESYNC_DIRTY),
            Ask::new("raid6-short", "md1", &[4, 5, 6], Want::Refused("dirty-degraded")),
            Ask::new("raid6-two", "md2", &[8, 9, 10, 11], Want::Nothing).then_readd(10, true),
        ],
    )
}

fn files() -> Result<()> {
    let stage = Stage::disks(10).fs(FsKind::Ext4).build()?;
    make(
        &stage,
        "bits=--bitmap=none\n\
         filed() {\n\
             fresh 1 2\n\
             mdadm --grow /dev/$array --bitmap=/run/fs/$array --bitmap-chunk=64 --delay=60\n\
             idle\nstop\n\
             mdadm --assemble /dev/$array --bitmap=/run/fs/$array $(disks $first 2)\n\
         }\n\
         on md1 2\nfiled\nunsafe\nput 3 40 64\n\
         on md2 4\nfiled\nstop\nmdadm --assemble /dev/md2 $(disks 4 2)\nunsafe\nput 3 40 64\n\
         on md3 6\nfiled\nunsafe\nput 3 40 64\n\
         on md4 8\nmdadm --build /dev/md4 --assume-clean --run --level=1 -n2 \
             --bitmap=/run/fs/md4 --bitmap-chunk=64 --delay=1 $(disks 8 2)\n\
         cleared() { $mdbitmap is clean -q /run/fs/md4; }\nuntil_true 30 cleared\n\
         put 3 40 64\n\
         on md0 0\nfiled\nunsafe\nput 3 40 64\nput 3 40 64\n",
    )?;
    judge(
        &stage,
        "1",
        &[
            Ask::new("given", "md0", &[0, 1], RESYNC_DIRTY).file("/run/fs/md0"),
            Ask::new("not-given", "md1", &[2, 3], RESYNC_ALL),
            Ask::new("stale", "md2", &[4, 5], RESYNC_ALL).file("/run/fs/md2"),
            Ask::new("wrong", "md3", &[6, 7], Want::Refused("bitmap-refused")).file("/run/fs/md0"),
            Ask::new("build", "md4", &[8, 9], RESYNC_DIRTY).file("/run/fs/md4").start(Start::Build),
        ],
    )
}
