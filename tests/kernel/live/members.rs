//! Members that fail, leave, come back and are added: what the kernel makes of what we tell it.
//!
//! What is copied is read from the disks' own counters, who holds what from sysfs, and whether the
//! data is right from a full comparison. Our reports are held against mdadm's of the same moment.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::Job;
use crate::stage::Stage;

mod adding;
mod back;
mod kept_out;
mod leaving;
mod nosuper;

/// Functions of these trials.
///
/// `cleared MEMBER`: until no bit is set on disk. `sectors INDEX`: written to the disk so far.
/// `whole`: until the array is complete; `is_clean`: nothing is pending; `content NAME`: what it holds now.
const TOOLS: &str = "
no_bits() { $mdbitmap examine --test $1 >/dev/null; }
cleared() { sync; until_true 30 no_bits $1; }
sectors() { awk '{ print $7 }' /sys/block/$(basename $(disk $1))/stat; }
whole() { until_true 60 is_settled; }
is_clean() { [ \"$(attribute array_state)\" = clean ]; }
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
    let mut jobs = back::jobs();
    jobs.extend(kept_out::jobs());
    jobs.extend(adding::jobs());
    jobs.extend(leaving::jobs());
    jobs.extend(nosuper::jobs());
    jobs
}

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
