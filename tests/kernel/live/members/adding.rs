//! Blank devices that join, with every version of the metadata; and devices that must not.

use anyhow::{Context, Result, ensure};

use super::{TOOLS, stage, told};
use crate::Job;
use crate::expect::{self, Observed};
use crate::uml::Until;

/// Level, members, metadata, bitmap.
const SHAPES: [(&str, usize, &str, &str); 6] = [
    ("1", 2, "0.90", "internal"),
    ("1", 2, "1.0", "internal"),
    ("1", 2, "1.1", "none"),
    ("1", 2, "1.2", "internal"),
    ("5", 3, "1.2", "internal"),
    ("10", 4, "1.0", "none"),
];

pub(super) fn jobs() -> Vec<Job> {
    let mut jobs: Vec<Job> = SHAPES
        .into_iter()
        .map(|shape| {
            let (level, _, metadata, bitmap) = shape;
            let name = format!("live/members/add/raid{level}-{metadata}-{bitmap}");
            Job::new(name, move || blank(shape))
        })
        .collect();
    jobs.push(Job::new("live/members/add/refusals", refusals));
    jobs.push(Job::new("live/members/add/former-member-and-spare", former));
    jobs
}

/// A member dies, a blank disk takes its place; the array is whole, now and after assembly.
fn blank((level, members, metadata, bitmap): (&str, usize, &str, &str)) -> Result<()> {
    let stage = stage(level, members + 1)?;
    let new = members;
    let body = format!(
        "{TOOLS}metadata={metadata}\nraid {level} {members} --bitmap={bitmap}\nfill\nleave 1\n\
         put 3 40 32\nsha256sum $(disk {new}) > out/sum\n\
         says dry 0 $mdbitmap add --dry-run --json /dev/md0 $(disk {new})\n\
         sha256sum -c out/sum\nmember_state {new} > out/still\ncontent before\nmark\n\
         says add 0 $mdbitmap add --json /dev/md0 $(disk {new})\nwhole\ncapture added\n\
         judge added\nstop\nmdadm -E $(disk {new}) > out/e\nmdadm -E $(disk 0) > out/e0\n\
         mdadm --assemble /dev/md0 $(disk 0) $(disks 2 {})\nmark\nidle\ncapture again\n\
         judge again\nstop\n",
        members - 1
    );
    stage.boot("add", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        ensure!(stage.out("still")? == "gone", "a dry run added it");
        for moment in ["added", "again"] {
            let observed = Observed::load(&stage, moment)?;
            observed.complete(members).context(moment)?;
            expect::sound(&stage, moment, &stage.out("before.content")?).context(moment)?;
        }
        Observed::load(&stage, "added")?.synced("recovery")?;
        Observed::load(&stage, "again")?.nothing_synced()?;
        superblock(&stage, metadata)
    };
    judged().with_context(|| stage.describe())
}

fn superblock(stage: &crate::stage::Stage, metadata: &str) -> Result<()> {
    let (new, old) = (stage.out("e")?, stage.out("e0")?);
    let line = |text: &str, label: &str| -> Result<String> {
        let found = text.lines().find(|line| line.trim_start().starts_with(label));
        Ok(found.with_context(|| format!("{label} in {text}"))?.trim().to_owned())
    };
    let label = if metadata == "0.90" { "UUID" } else { "Array UUID" };
    ensure!(line(&new, label)? == line(&old, label)?, "UUIDs differ");
    ensure!(line(&new, "Checksum")?.contains("correct"), "{}", line(&new, "Checksum")?);
    ensure!(line(&new, "State")?.contains("clean"), "{}", line(&new, "State")?);
    ensure!(told(stage, "e", "Events")? == told(stage, "e0", "Events")?, "events differ");
    if metadata != "0.90" {
        ensure!(line(&new, "Device Role")?.contains("Active device 1"), "{new}");
        ensure!(line(&new, "Device UUID")? != line(&old, "Device UUID")?, "the same device UUID");
    }
    Ok(())
}

/// In use, too small, carrying something, named twice: refused, and every byte as it was.
fn refusals() -> Result<()> {
    let stage = stage("1", 5)?;
    let small = std::fs::OpenOptions::new().write(true).open(stage.member(4))?;
    small.set_len(4 << 20)?;
    let body = format!(
        "{TOOLS}raid 1 2 --bitmap=internal\nmke2fs -q -F $(disk 2) 8M\n\
         mke2fs -q -F $(disk 3) 8M\nmkdir /run/mnt\ndriver ext4\nmount -t ext4 $(disk 3) /run/mnt\n\
         sha256sum $(disk 2) $(disk 4) > out/sums\n\
         says member 3 $mdbitmap add /dev/md0 $(disk 1)\n\
         says signature 3 $mdbitmap add /dev/md0 $(disk 2)\n\
         says mounted 3 $mdbitmap add /dev/md0 $(disk 3)\n\
         says small 3 $mdbitmap add /dev/md0 $(disk 4)\n\
         says no-device 5 $mdbitmap add /dev/md0 /dev/none-such\n\
         says file 2 $mdbitmap add /dev/md0 /run/lab/last.bin\n\
         says both 3 $mdbitmap add --force=overwrite /dev/md0 $(disk 2) $(disk 4)\n\
         says twice 2 $mdbitmap add --force=overwrite /dev/md0 $(disk 2) $(disk 2)\n\
         sha256sum -c out/sums\numount /run/mnt\n\
         ls -d $md/dev-* | wc -l > out/listed\nmark\n\
         says forced 0 $mdbitmap add --json --force=overwrite /dev/md0 $(disk 2)\n\
         capture forced\nstop\n"
    );
    stage.boot("refusals", &body, Until::PoweredOff)?;
    let says = [
        ("member", "it is in md0 already"),
        ("signature", "it carries an ext2, ext3 or ext4 file system (--force=overwrite"),
        ("mounted", "it is mounted on /run/mnt"),
        ("small", "too small"),
        ("both", "too small"),
        ("twice", "named twice"),
    ];
    for (name, wanted) in says {
        let text = stage.out(&format!("{name}.err"))?;
        ensure!(text.contains(wanted), "{name}: {text}");
    }
    ensure!(stage.out("listed")? == "2", "{} members", stage.out("listed")?);
    let forced = Observed::load(&stage, "forced")?;
    ensure!(forced.spares() == 1, "no spare");
    forced.nothing_synced()
}

/// `add` brings back who can come back, fills anew when asked to, and makes spares.
fn former() -> Result<()> {
    let stage = stage("1", 3)?;
    let body = format!(
        "{TOOLS}raid 1 2 --bitmap=internal --bitmap-chunk=64K\necho 1 > $md/bitmap/time_base\n\
         fill\ncleared $(disk 0)\nleave 1\nput 3 40 4\nsectors 1 > out/from\n\
         says back 0 $mdbitmap add --json /dev/md0 $(disk 1)\nwhole\nsync\nsectors 1 > out/to\n\
         leave 1\nput 3 80 4\nsectors 1 > out/from2\n\
         says anew 0 $mdbitmap add --json --as-new /dev/md0 $(disk 1)\nwhole\nsync\n\
         sectors 1 > out/to2\n\
         says spare 0 $mdbitmap add --json /dev/md0 $(disk 2)\nmember_state 2 > out/spare\n\
         says remove-spare 0 $mdbitmap remove --json /dev/md0 $(disk 2)\n\
         member_state 2 > out/gone\njudge former\nstop\n"
    );
    stage.boot("former", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let (back, anew) = (stage.json("back")?, stage.json("anew")?);
        ensure!(back["steps"][0]["code"] == "readd", "{back}");
        ensure!(anew["steps"][0]["code"] == "add", "{anew}");
        let (few, all) =
            (super::written(&stage, "from", "to")?, super::written(&stage, "from2", "to2")?);
        ensure!(few < 2000 && all > 20_000, "{few} and {all} sectors written");
        ensure!(stage.out("spare")? == "spare" && stage.out("gone")? == "gone", "no spare");
        let spare = stage.json("spare")?;
        ensure!(spare["facts"]["outcome"] == "spare", "{spare}");
        ensure!(expect::mismatches(&stage, "former")? == 0, "check found differences");
        Ok(())
    };
    judged().with_context(|| stage.describe())
}
