//! Control trials: the same accidents with the *kernel* doing the repair.
//!
//! They hold before `mdbitmap` can do anything, and they prove the instruments: that the accidents
//! leave a difference and set bits, which member the kernel copies from, that the detector of a
//! started sync sees one, and that `check` sees a difference.

use anyhow::{Context, Result, ensure};

use crate::Job;
use crate::case::{self, Accident, Place, Setup};
use crate::expect::{self, Observed};
use crate::lab::Lab;
use crate::uml::Until;
use crate::{guest, images, inspect, matrix, mdadm};

pub(crate) fn jobs() -> Vec<Job> {
    let crash = |name: &str, setup, victim| {
        Job::new(format!("control/kernel-resyncs-what-mdbitmap-would/{name}"), move || {
            kernel_resyncs(setup, victim)
        })
    };
    let plain = Setup::new(2, "1.2", Place::Internal);
    let write_mostly = Setup { write_mostly: Some(0), ..plain };
    vec![
        crash("internal", plain, 1),
        crash("file", Setup::new(3, "0.90", Place::File), 0),
        crash("write-mostly", write_mostly, 1),
        Job::new("control/kernel-recovers-what-mdbitmap-would", kernel_recovers),
        Job::new("control/check-finds-a-lost-write", check_finds_a_lost_write),
    ]
}

/// Bits as mdadm counts them, of the first member or of the file.
fn dirty(lab: &Lab, member: usize) -> Result<u64> {
    let bitmap = lab.with_bitmap_file(|file| file.map(mdadm::examine_file).transpose())?;
    let bitmap = match bitmap {
        Some(bitmap) => bitmap,
        None => mdadm::examine_internal(&lab.member(member))?,
    };
    Ok(bitmap.chunks_dirty)
}

fn kernel_resyncs(setup: Setup, victim: usize) -> Result<()> {
    let lab = Lab::new(setup)?;
    let differing = lab.suffer(Accident::Crash { victim }, case::LATE_WRITES)?;
    let source = setup.source(None);
    let expected = images::data_sha256(&lab.member(source), lab.area()?)?;
    let bits = dirty(&lab, source)?;
    ensure!(bits >= differing.len() as u64, "{bits} bits, {} chunks differ", differing.len());
    let state = mdadm::examine(&lab.member(source))?.state;
    ensure!(state == "active", "premise: the superblock is {state} after the crash");

    inspect::resync_is_due(&matrix::foretold(&lab)?, bits)?;
    lab.judge("idle\n")?;
    let observed = Observed::load(&lab, "assembled")?;
    observed.synced("resync")?;
    ensure!(observed.nothing_synced().is_err(), "a resync went unnoticed");
    observed.health(&"U".repeat(setup.members))?;
    observed.bitmap_honoured()?;
    expect::sound(&lab, "assembled", &expected).with_context(|| lab.describe())
}

fn kernel_recovers() -> Result<()> {
    let lab = Lab::new(Setup::new(2, "1.2", Place::Internal))?;
    let differing = lab.suffer(Accident::Behind { victim: 0 }, case::LATE_WRITES)?;
    let expected = images::data_sha256(&lab.member(1), lab.area()?)?;
    let bits = dirty(&lab, 1)?;
    ensure!(bits >= differing.len() as u64, "{bits} bits, {} chunks differ", differing.len());
    let [stale, fresh] = [0, 1].map(|index| mdadm::examine(&lab.member(index)));
    ensure!(stale?.events + 1 < fresh?.events, "premise: member 0 is not behind");

    let told = matrix::foretold(&lab)?;
    ensure!(told["assembly"]["absent"][0]["readd"] == true, "re-add foretold: {told:#}");
    ensure!(told["assembly"]["copies"] == serde_json::json!([]), "{told:#}");
    let body = format!(
        "{}sleep 0.5\ncapture assembled\nmdadm /dev/md0 --re-add {}\nidle\ncapture again\n\
         judge again\nstop\n",
        lab.assemble_all_text(),
        guest::disk(0)
    );
    lab.boot("judge", &body, Until::PoweredOff)?;
    let alone = Observed::load(&lab, "assembled")?;
    alone.health("_U")?;
    ensure!(alone.complete(2).is_err(), "a degraded array passed for a complete one");
    let again = Observed::load(&lab, "again")?;
    again.synced("recovery")?;
    ensure!(again.nothing_synced().is_err(), "a recovery went unnoticed");
    again.complete(2)?;
    expect::sound(&lab, "again", &expected).with_context(|| lab.describe())
}

/// A clean array hides a lost write from assembly; only the comparison can show it.
fn check_finds_a_lost_write() -> Result<()> {
    let lab = Lab::new(Setup::new(2, "1.2", Place::Internal))?;
    lab.make_settled()?;
    let area = lab.area()?;
    let zeroes = lab.path("zeroes.img");
    images::create(&zeroes, case::IMAGE_BYTES)?;
    images::lose_writes(&lab.member(1), &zeroes, area, case::LATE_WRITES)?;
    let expected = images::data_sha256(&lab.member(0), area)?;

    lab.judge("")?;
    let observed = Observed::load(&lab, "assembled")?;
    observed.complete(2)?;
    observed.nothing_synced()?;
    let count = expect::mismatches(&lab, "assembled")?;
    ensure!(count > 0, "check found no difference");
    ensure!(expect::sound(&lab, "assembled", &expected).is_err(), "a mismatch passed for sound");
    Ok(())
}
