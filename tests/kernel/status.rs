//! `status` and `wait` in a guest, against what its sysfs says at the same moment.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Job;
use crate::case::{Accident, LATE_WRITES, Place, Setup};
use crate::lab::Lab;
use crate::uml::Until;
use crate::{guest, mdadm, mdbitmap};

pub(crate) fn jobs() -> Vec<Job> {
    vec![Job::new("status/resync-is-shown-and-waited-for/internal", shown_and_waited_for)]
}

/// Bits that stay while a member is away are counted; then a full comparison is slowed down, looked at while it runs, then waited for.
fn shown_and_waited_for() -> Result<()> {
    let lab = Lab::new(Setup::new(2, "1.2", Place::Internal))?;
    lab.suffer(Accident::Behind { victim: 1 }, LATE_WRITES)?;
    let bits = mdadm::examine_internal(&lab.member(0))?.chunks_dirty;
    let program = mdbitmap::PROGRAM;
    let body = format!(
        "{}sleep 0.5\ncat $md/degraded > out/degraded\ncat $md/bitmap/location > out/location\n\
         {program} status --json > out/degraded.json\n\
         {program} wait --json /dev/md0 > out/idle.json\n\
         mdadm /dev/md0 --re-add {}\nidle\n\
         echo 1000 > $md/sync_speed_min\necho 4000 > $md/sync_speed_max\n\
         echo check > $md/sync_action\nsleep 0.3\n\
         {program} status --json /dev/md0 > out/running.json\ncat $md/sync_action > out/action\n\
         {program} wait --json --progress json md0 > out/waited.json 2> out/progress\n\
         cat $md/sync_action > out/after\nstop\n{program} status > out/stopped\n",
        lab.assemble_text([0]),
        guest::disk(1)
    );
    lab.boot("status", &body, Until::PoweredOff)?;
    judge(&lab, bits).with_context(|| lab.describe())
}

fn judge(lab: &Lab, bits: u64) -> Result<()> {
    let read = |name: &str| -> Result<Value> { Ok(serde_json::from_str(&lab.out(name)?)?) };
    let array = &read("degraded.json")?["arrays"][0];
    ensure!(array["bitmap"]["kind"] == "internal", "{array}");
    ensure!(format!("+{}", array["bitmap"]["offset_sectors"]) == lab.out("location")?, "{array}");
    ensure!(array["degraded"].as_u64() == lab.out("degraded")?.parse().ok(), "{array}");
    ensure!(bits > 0 && array["bitmap"]["chunks_dirty"] == bits, "{bits} bits, said: {array}");
    let idle = &read("idle.json")?["arrays"][0];
    ensure!(idle["ended"] == "idle" && idle["waited_for"] == serde_json::json!([]), "{idle}");
    let running = &read("running.json")?["arrays"][0]["sync"];
    ensure!(running["action"].as_str() == Some(&lab.out("action")?), "{running}");
    ensure!(running["action"] == "check" && running["bytes_total"].is_u64(), "{running}");
    let waited = &read("waited.json")?["arrays"][0];
    ensure!(waited["waited_for"] == serde_json::json!(["check"]), "{waited}");
    ensure!(waited["ended"] == "idle" && lab.out("after")? == "idle", "{waited}");
    ensure!(lab.out("stopped")? == "No array is assembled.", "{}", lab.out("stopped")?);
    Ok(())
}
