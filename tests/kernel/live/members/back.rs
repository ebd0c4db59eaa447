//! Members that come back with what they have: only what they missed is copied.

use anyhow::{Context, Result, ensure};

use super::{TOOLS, fact, number, stage, told, written};
use crate::Job;
use crate::expect::{self, Observed};
use crate::stage::Stage;
use crate::uml::Until;

pub(super) fn jobs() -> Vec<Job> {
    let mut jobs: Vec<Job> = SHAPES
        .iter()
        .map(|shape| Job::new(format!("live/members/readd/{}", shape.name), || back(shape)))
        .collect();
    jobs.push(Job::new("live/members/readd/write-mostly-survives", write_mostly));
    jobs
}

struct Shape {
    name: &'static str,
    level: &'static str,
    members: usize,
    metadata: &'static str,
}

const SHAPES: &[Shape] = &[
    Shape { name: "raid1-1.2", level: "1", members: 2, metadata: "1.2" },
    Shape { name: "raid1-0.90", level: "1", members: 2, metadata: "0.90" },
    Shape { name: "raid10-1.1", level: "10", members: 4, metadata: "1.1" },
    Shape { name: "raid5-1.0", level: "5", members: 3, metadata: "1.0" },
    Shape { name: "raid5-0.90", level: "5", members: 3, metadata: "0.90" },
    Shape { name: "raid6-1.2", level: "6", members: 4, metadata: "1.2" },
];

/// Ours and mdadm's numbers with no update of the superblocks between them.
const ONE_MOMENT: &str = "
one_moment() {
    mdadm -X $(disk 0) > out/x && mdadm -E $(disk 1) > out/e1 && mdadm -E $(disk 0) > out/e0 &&
        says explain 0 $mdbitmap readd --explain --json /dev/md0 $(disk 1) &&
        mdadm -E $(disk 0) | cmp - out/e0 && mdadm -X $(disk 0) | cmp - out/x
}
";

/// Fails, leaves, misses writes and comes back: only what it missed is written to it.
fn back(shape: &Shape) -> Result<()> {
    let Shape { level, members, metadata, .. } = shape;
    let stage = stage(level, *members)?;
    let body = format!(
        "{TOOLS}{ONE_MOMENT}metadata={metadata}\n\
         raid {level} {members} --bitmap=internal --bitmap-chunk=64K\n\
         echo 1 > $md/bitmap/time_base\nfill\ncleared $(disk 0)\nleave 1\n\
         put 3 40 32\nput 9 1500 5\nput 7 2000 1\nuntil_true 20 is_clean\nsleep 0.5\n\
         mark\nuntil_true 20 one_moment\n\
         says dry 0 $mdbitmap readd --dry-run --json md0 $(disk 1)\n\
         member_state 1 > out/still\n\
         content before\nsectors 1 > out/from\n\
         says readd 0 $mdbitmap readd --json /dev/md0 $(disk 1)\nwhole\nsync\nsectors 1 > out/to\n\
         capture back\nmdadm -E $(disk 1) > out/e1-after\njudge back\nstop\n\
         mdadm --assemble /dev/md0 $(disks 0 {members})\nmark\nidle\ncapture again\nstop\n"
    );
    stage.boot("readd", &body, Until::PoweredOff)?;
    came_back(&stage, *members).with_context(|| stage.describe())
}

fn came_back(stage: &Stage, members: usize) -> Result<()> {
    ensure!(stage.out("failed1")?.contains("faulty"), "{}", stage.out("failed1")?);
    ensure!(stage.out("removed1")? == "gone", "{}", stage.out("removed1")?);
    ensure!(stage.out("still")? == "gone", "explaining or a dry run changed something");
    explained(stage)?;
    let (cost, whole) = {
        let report = stage.json("explain")?;
        (number(&report, "cost_bytes")? / 512, number(&report, "add_cost_bytes")? / 512)
    };
    let written = written(stage, "from", "to")?;
    // Beside the data: superblocks, and the bitmap once.
    ensure!(written > 0 && written < cost + 1000, "{written} sectors written, {cost} expected");
    ensure!(written < whole / 8, "{written} of {whole} sectors is no part of it");
    let observed = Observed::load(stage, "back")?;
    observed.complete(members)?;
    observed.synced("recovery")?;
    let outcome = stage.json("readd")?;
    let outcome = fact(&outcome, "outcome").as_str().unwrap_or_default().to_owned();
    ensure!(["recovering", "in sync"].contains(&outcome.as_str()), "{outcome}");
    expect::sound(stage, "back", &stage.out("before.content")?)?;
    let again = Observed::load(stage, "again")?;
    again.complete(members)?;
    again.nothing_synced()
}

/// Our numbers are mdadm's of the same moment.
fn explained(stage: &Stage) -> Result<()> {
    let report = stage.json("explain")?;
    ensure!(report["dry_run"] == true && fact(&report, "possible") == true, "{report}");
    let same = [
        ("member_events", "e1", "Events"),
        ("array_events", "e0", "Events"),
        ("bitmap_events", "x", "Events"),
        ("bitmap_events_cleared", "x", "Events Cleared"),
    ];
    for (key, file, label) in same {
        let (ours, theirs) = (number(&report, key)?, told(stage, file, label)?);
        ensure!(ours == theirs, "{key}: {ours}, mdadm says {theirs}");
    }
    let dirty = format!("{} dirty", number(&report, "cost_chunks")?);
    ensure!(stage.out("x")?.contains(&dirty), "{dirty}, mdadm says {}", stage.out("x")?);
    Ok(())
}

/// The flag is on the member alone, and the kernel takes what the caller says.
fn write_mostly() -> Result<()> {
    let stage = stage("1", 2)?;
    let body = format!(
        "{TOOLS}level_driver 1\nmdadm --create /dev/md0 --run --metadata=1.2 --level=1 \
         --raid-devices=2 --bitmap=internal $(disk 0) --write-mostly $(disk 1)\nwhole\n\
         member_state 1 > out/was\nleave 1\nput 3 40 4\n\
         says readd 0 $mdbitmap readd --json /dev/md0 $(disk 1)\nwhole\nmember_state 1 > out/is\n\
         leave 1\nsays add 0 $mdbitmap add --json --write-mostly /dev/md0 $(disk 1)\nwhole\n\
         member_state 1 > out/added\nstop\n"
    );
    stage.boot("write-mostly", &body, Until::PoweredOff)?;
    for name in ["was", "is", "added"] {
        let state = stage.out(name)?;
        ensure!(state.contains("write_mostly") && state.contains("in_sync"), "{name}: {state}");
    }
    Ok(())
}
