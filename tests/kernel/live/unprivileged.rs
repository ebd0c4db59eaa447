//! An ordinary user: every command says in a sentence that it needs root, or shows what it may;
//! none panics, and nothing is changed.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::fs::FsKind;
use crate::stage::Stage;
use crate::uml::Until;

pub(crate) fn jobs() -> Vec<Job> {
    vec![
        Job::new("live/unprivileged/changes-nothing", changes_nothing),
        Job::new("live/unprivileged/sees-what-it-may", sees),
        Job::new("live/unprivileged/stopped-members", stopped),
    ]
}

/// `as_nobody COMMAND...`: without any capability.
const NOBODY: &str = "as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"; }\n";

/// Commands that change arrays, with their arguments; [`DISKS`] stand for themselves.
const CHANGES: [(&str, &str); 19] = [
    ("attach", "attach md0 /run/fs/bitmap"),
    ("attach-dry", "attach -n md0 /run/fs/bitmap"),
    ("attach-default", "attach md0"),
    ("attach-internal", "attach --internal md0"),
    ("detach", "detach md0"),
    ("detach-save", "detach --save /run/fs/saved md0"),
    ("assemble", "assemble /dev/md1 $(disk 2)"),
    ("assemble-dry", "assemble -n --bitmap /run/fs/bitmap /dev/md1 $(disk 2)"),
    ("stop", "stop md0"),
    ("stop-dry", "stop -n md0"),
    ("add", "add md0 $(disk 2)"),
    ("remove", "remove md0 $(disk 1)"),
    ("remove-failed", "remove md0 failed"),
    ("fail", "fail md0 $(disk 1)"),
    ("readd", "readd md0 $(disk 2)"),
    ("readd-explain", "readd --explain md0 $(disk 2)"),
    ("tune", "tune --delay 9 md0"),
    ("dirty", "dirty md0 0-64K"),
    ("dirty-all", "dirty --json md0 all"),
];

/// A running array before and after: what the kernel says, and every byte of the disks.
const STATE: &str = "
state() {
    { cat /proc/mdstat; texts $md; ls -A /run/fs /var/lib; sha256sum $(disks 0 3); } > /run/$1
}
";

fn changes_nothing() -> Result<()> {
    let stage = Stage::disks(3).fs(FsKind::Ext4).build()?;
    let mut body = format!(
        "{NOBODY}{STATE}raid 1 2 --bitmap=internal\nuntil_true 20 grep -qx clean $md/array_state\n\
         sleep 1\nchmod 777 /run/fs out\nmount -t tmpfs tmpfs /var/lib\nchmod 777 /var/lib\n\
         state before\n"
    );
    for (name, arguments) in CHANGES {
        body += &format!("says {name} 3 as_nobody $mdbitmap {arguments}\n");
    }
    body += "state after\ncmp /run/before /run/after\nstop\n";
    stage.boot("nobody", &body, Until::PoweredOff)?;
    let judge = || CHANGES.iter().try_for_each(|(name, _)| told(&stage, name, "only root"));
    judge().with_context(|| stage.describe())
}

/// What was said holds `words`, and is no panic.
fn told(stage: &Stage, name: &str, words: &str) -> Result<()> {
    let text = stage.out(&format!("{name}.err"))?;
    ensure!(!text.contains("panicked"), "{name}: {text}");
    ensure!(text.contains(words), "{name}: {words:?} is not in: {text}");
    ensure!(stage.out(&format!("{name}.out"))?.is_empty(), "{name} printed a report");
    Ok(())
}

/// Looking needs no root; only the dirty bits are on disks that nobody else may read.
fn sees() -> Result<()> {
    let stage = Stage::disks(2).fs(FsKind::Ext4).build()?;
    let body = format!(
        "{NOBODY}raid 1 2 --bitmap=internal\nchmod 777 out\n\
         says status 0 as_nobody $mdbitmap status --json\n\
         says wait 0 as_nobody $mdbitmap wait md0\n\
         says tune 0 as_nobody $mdbitmap tune --json md0\n\
         says nothing 2 as_nobody $mdbitmap status md9\n\
         mkdir -m 700 /run/fs/own\n$mdbitmap create --size 8M /run/fs/bitmap\n\
         $mdbitmap create --size 8M /run/fs/own/bitmap\nls -lAR /run/fs > /run/before\n\
         says examine 5 as_nobody $mdbitmap examine /run/fs/bitmap\n\
         says hidden 5 as_nobody $mdbitmap examine /run/fs/own/bitmap\n\
         says member 5 as_nobody $mdbitmap examine $(disk 0)\n\
         says create 5 as_nobody $mdbitmap create --size 8M /run/fs/own/new\n\
         says create-array 5 as_nobody $mdbitmap create --array /dev/md0 out/none\n\
         ls -lAR /run/fs > /run/after\ncmp /run/before /run/after\nstop\n"
    );
    stage.boot("nobody", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        let array = &stage.json("status")?["arrays"][0];
        ensure!(array["name"] == "md0" && array["bitmap"]["kind"] == "internal", "{array}");
        ensure!(array["bitmap"]["chunks_dirty"].is_null(), "counted without root: {array}");
        let tune = stage.json("tune")?;
        ensure!(tune["facts"]["delay_seconds"] == 5, "{tune}");
        for name in ["examine", "hidden", "member", "create", "create-array"] {
            told(&stage, name, "Permission denied")?;
        }
        told(&stage, "nothing", "md9")
    };
    judge().with_context(|| stage.describe())
}

/// Members that only root may open.
fn stopped() -> Result<()> {
    let stage = Stage::disks(2).build()?;
    let body = format!(
        "{NOBODY}raid 1 2 --bitmap=internal\nstop\nchmod 600 /dev/ubd?\nchmod 777 out\n\
         sha256sum $(disks 0 2) > /run/before\n\
         says resync 5 as_nobody $mdbitmap resync $(disks 0 2)\n\
         says resync-dry 5 as_nobody $mdbitmap resync -n $(disks 0 2)\n\
         says resync-full 5 as_nobody $mdbitmap resync --full $(disks 0 2)\n\
         says assemble 3 as_nobody $mdbitmap assemble /dev/md0 $(disks 0 2)\n\
         sha256sum $(disks 0 2) > /run/after\ncmp /run/before /run/after\n\
         not grep -q md0 /proc/mdstat\n"
    );
    stage.boot("nobody", &body, Until::PoweredOff)?;
    let judge = || -> Result<()> {
        for name in ["resync", "resync-dry", "resync-full"] {
            told(&stage, name, "Permission denied")?;
        }
        told(&stage, "assemble", "only root")
    };
    judge().with_context(|| stage.describe())
}
