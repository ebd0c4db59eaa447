//! Members that fail, leave, come back and are added: what the kernel makes of what we tell it.
//!
//! What is copied is read from the disks' own counters, who holds what from sysfs, and whether the
//! data is right from a full comparison. Our reports are held against mdadm's of the same moment.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Job;
use crate::expect::{self, Observed};
use crate::stage::Stage;
use crate::uml::Until;

mod adding;
mod leaving;
mod nosuper;

/// Functions of these trials.
///
/// `cleared MEMBER`: until no bit is set on disk. `sectors INDEX`: written to the disk so far.
/// `whole`: until the array is complete; `content NAME`: what it holds now.
const TOOLS: &str = "
no_bits() { $mdbitmap examine --test $1 >/dev/null; }
cleared() { sync; until_true 30 no_bits $1; }
sectors() { awk '{ print $7 }' /sys/block/$(basename $(disk $1))/stat; }
whole() { until_true 60 is_settled; }
content() { sha256sum /dev/$array | cut -d' ' -f1 > out/$1.content; }
member_state() { cat $md/dev-$(basename $(disk $1))/state 2>/dev/null || echo gone; }
leave() {
    says fail$1 0 $mdbitmap fail --json /dev/$array $(disk $1)
    member_state $1 > out/failed$1
    says remove$1 0 $mdbitmap remove --json /dev/$array $(disk $1)
    member_state $1 > out/removed$1
}
";

pub(crate) fn jobs() -> Vec<Job> {
    let mut jobs: Vec<Job> = SHAPES
        .iter()
        .map(|shape| Job::new(format!("live/members/readd/{}", shape.name), || back(shape)))
        .collect();
    jobs.extend([
        Job::new("live/members/readd/too-old/another-took-over", another_took_over),
        Job::new("live/members/readd/too-old/another-bitmap", another_bitmap),
        Job::new("live/members/readd/used-apart", used_apart),
        Job::new("live/members/readd/write-mostly-survives", write_mostly),
        Job::new("live/members/readd/without-a-bitmap", without_a_bitmap),
    ]);
    jobs.extend(adding::jobs());
    jobs.extend(leaving::jobs());
    jobs.extend(nosuper::jobs());
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

/// A stage for an array of `members` and so many disks beside it.
fn stage(level: &str, disks: usize) -> Result<Stage> {
    let plan = Stage::disks(disks);
    if level == "6" { plan.needs_raid6().build() } else { plan.build() }
}

/// Sectors written to `disk` between two moments.
fn written(stage: &Stage, from: &str, to: &str) -> Result<u64> {
    let at = |name: &str| -> Result<u64> { Ok(stage.out(name)?.parse()?) };
    Ok(at(to)? - at(from)?)
}

fn fact<'a>(report: &'a Value, key: &str) -> &'a Value {
    &report["facts"][key]
}

fn number(report: &Value, key: &str) -> Result<u64> {
    fact(report, key).as_u64().with_context(|| format!("{key} in {report}"))
}

/// The number behind `label` in what mdadm printed.
fn told(stage: &Stage, name: &str, label: &str) -> Result<u64> {
    let text = stage.out(name)?;
    let line = text.lines().find_map(|line| {
        let (key, value) = line.split_once(" : ")?;
        (key.trim() == label).then(|| value.trim().to_owned())
    });
    // mdadm writes the event count of 0.90 as high.low.
    let line = line.with_context(|| format!("{label} in {text}"))?;
    let number = line.rsplit('.').next().unwrap_or(&line);
    number.parse().with_context(|| format!("{label}: {line}"))
}

/// Fails, leaves, misses writes and comes back: only what it missed is written to it.
fn back(shape: &Shape) -> Result<()> {
    let Shape { level, members, metadata, .. } = shape;
    let stage = stage(level, *members)?;
    let body = format!(
        "{TOOLS}metadata={metadata}\n\
         raid {level} {members} --bitmap=internal --bitmap-chunk=64K\n\
         echo 1 > $md/bitmap/time_base\nfill\ncleared $(disk 0)\nleave 1\n\
         put 3 40 32\nput 9 1500 5\nput 7 2000 1\nsleep 0.2\n\
         mark\nmdadm -X $(disk 0) > out/x\nmdadm -E $(disk 1) > out/e1\nmdadm -E $(disk 0) > out/e0\n\
         says explain 0 $mdbitmap readd --explain --json /dev/md0 $(disk 1)\n\
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

/// Refused with this reason and exit status 3, by `--explain` with 1, and the kernel saw nothing.
const REFUSED: &str = "
refused() {
    texts $md > out/before-refusal
    says explain 1 $mdbitmap readd --explain --json /dev/md0 $(disk 1)
    says refused 3 $mdbitmap readd /dev/md0 $(disk 1)
    texts $md > out/after-refusal
    grep -v '^\\(sync_\\|array_state\\|bitmap/\\)' out/before-refusal > out/before-facts
    grep -v '^\\(sync_\\|array_state\\|bitmap/\\)' out/after-refusal > out/after-facts
    cmp out/before-facts out/after-facts
    member_state 1 > out/still
}
";

fn was_refused(stage: &Stage, code: &str) -> Result<()> {
    let report = stage.json("explain")?;
    ensure!(fact(&report, "possible") == false, "{report}");
    ensure!(fact(&report, "reason_code") == code, "{report}");
    ensure!(report["steps"] == serde_json::json!([]), "{report}");
    let text = stage.out("refused.err")?;
    let reason = fact(&report, "reason").as_str().unwrap_or("no reason");
    ensure!(text.contains(reason) && text.contains("mdbitmap add"), "{text}");
    ensure!(text.contains("Member's events : "), "no explanation: {text}");
    ensure!(stage.out("still")? == "gone", "{}", stage.out("still")?);
    Ok(())
}

/// After it, `add` fills all of the member and says why.
const ADDED: &str = "
mark
content before
sectors 1 > out/from
says add 0 $mdbitmap add --json /dev/md0 $(disk 1)
whole
sync
sectors 1 > out/to
capture back
judge back
stop
";

fn was_filled(stage: &Stage, members: usize) -> Result<()> {
    let report = stage.json("add")?;
    ensure!(report["notes"][0]["code"] == "filled-anew", "{report}");
    let (written, whole) =
        (written(stage, "from", "to")?, number(&report, "add_cost_bytes")? / 512);
    ensure!(written >= whole, "{written} sectors written, all are {whole}");
    let observed = Observed::load(stage, "back")?;
    observed.complete(members)?;
    observed.synced("recovery")?;
    expect::sound(stage, "back", &stage.out("before.content")?)
}

/// A third device was filled in its place, and bits were cleared: what the first one missed is
/// forgotten.
fn another_took_over() -> Result<()> {
    let stage = stage("1", 3)?;
    let body = format!(
        "{TOOLS}{REFUSED}raid 1 2 --bitmap=internal --bitmap-chunk=64K\n\
         echo 1 > $md/bitmap/time_base\nfill\ncleared $(disk 0)\nleave 1\n\
         put 3 40 32\nsays add2 0 $mdbitmap add --json /dev/md0 $(disk 2)\nwhole\n\
         put 5 300 8\ncleared $(disk 0)\nleave 2\nput 1 600 1\n\
         refused\n\
         mdadm /dev/md0 --re-add $(disk 1) > out/mdadm 2>&1 && exit 9\n{ADDED}"
    );
    stage.boot("too-old", &body, Until::PoweredOff)?;
    was_refused(&stage, "bits-cleared")
        .and_then(|()| was_filled(&stage, 2))
        .with_context(|| stage.describe())
}

/// The bitmap was taken away and made anew while the member was away.
fn another_bitmap() -> Result<()> {
    let stage = stage("5", 3)?;
    let body = format!(
        "{TOOLS}{REFUSED}raid 5 3 --bitmap=internal --bitmap-chunk=64K\n\
         echo 1 > $md/bitmap/time_base\nfill\ncleared $(disk 0)\nleave 1\nput 3 40 32\n\
         mdadm --grow /dev/md0 --bitmap=none\nput 4 900 4\n\
         mdadm --grow /dev/md0 --bitmap=internal --bitmap-chunk=64K\nput 1 600 1\nrefused\n{ADDED}"
    );
    stage.boot("other-bitmap", &body, Until::PoweredOff)?;
    was_refused(&stage, "bits-cleared")
        .and_then(|()| was_filled(&stage, 3))
        .with_context(|| stage.describe())
}

/// Two halves, each started without the other: the kernel would believe the bitmap of one, which
/// knows nothing of what the other wrote.
fn used_apart() -> Result<()> {
    let stage = stage("1", 2)?;
    let body = format!(
        "{TOOLS}{REFUSED}raid 1 2 --bitmap=internal --bitmap-chunk=64K\n\
         echo 1 > $md/bitmap/time_base\nfill\ncleared $(disk 0)\nstop\n\
         mdadm --assemble --run /dev/md0 $(disk 1)\nput 3 40 32\nstop\n\
         mdadm --assemble --run /dev/md0 $(disk 0)\nfor i in 1 2 3 4 5 6; do put 4 900 4\n\
         sleep 0.4; done\nrefused\nsha256sum $(disk 1) > out/sum\n\
         says add-refused 3 $mdbitmap add /dev/md0 $(disk 1)\nsha256sum -c out/sum\n\
         mark\ncontent before\nsectors 1 > out/from\n\
         says add 0 $mdbitmap add --json --force=overwrite /dev/md0 $(disk 1)\nwhole\nsync\n\
         sectors 1 > out/to\ncapture back\njudge back\nstop\n"
    );
    stage.boot("apart", &body, Until::PoweredOff)?;
    let judged = || -> Result<()> {
        let code = stage.json("explain")?["facts"]["reason_code"].clone();
        ensure!(code == "used-apart" || code == "ahead", "{code}");
        let text = stage.out("add-refused.err")?;
        ensure!(text.contains("--force=overwrite"), "{text}");
        was_filled(&stage, 2)
    };
    judged().with_context(|| stage.describe())
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

fn without_a_bitmap() -> Result<()> {
    let stage = stage("10", 4)?;
    let body = format!("{TOOLS}{REFUSED}raid 10 4\nfill\nleave 1\nput 3 40 32\nrefused\n{ADDED}");
    stage.boot("no-bitmap", &body, Until::PoweredOff)?;
    was_refused(&stage, "no-bitmap")
        .and_then(|()| was_filled(&stage, 4))
        .with_context(|| stage.describe())
}
