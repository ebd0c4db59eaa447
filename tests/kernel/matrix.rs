//! The matrix trials: every metadata version and bitmap place through both accidents, repaired by
//! `mdbitmap` on the host, judged by mdadm and by a fresh kernel.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::Job;
use crate::case::{self, Accident, Place, Setup};
use crate::expect::{self, Observed};
use crate::images;
use crate::inspect;
use crate::lab::Lab;
use crate::mdadm::{self, Bitmap};
use crate::mdbitmap;

pub(crate) fn jobs() -> Vec<Job> {
    let cases = case::matrix().into_iter();
    cases
        .map(|(setup, accident)| {
            Job::new(format!("raid1/{setup}/{accident}"), move || trial(setup, accident))
        })
        .collect()
}

fn trial(setup: Setup, accident: Accident) -> Result<()> {
    let lab = Lab::new(setup)?;
    let differing = lab.suffer(accident, case::LATE_WRITES)?;
    let source = setup.source(accident.absent_from_writes());
    repaired(&lab, source, &differing).with_context(|| lab.describe())
}

/// Everything that must hold for images `mdbitmap` is to repair completely.
pub(crate) fn repaired(lab: &Lab, source: usize, differing: &[u64]) -> Result<()> {
    let expected = images::data_sha256(&lab.member(source), lab.area()?)?;
    let before = bitmaps_agree(lab).context("before the resync")?;
    dry_run_changes_nothing(lab).context("dry run")?;
    let foretold = foretold(lab)?;
    let said = lab.with_bitmap_file(|file| {
        mdbitmap::resync(file, &[], &lab.members())?.expect(mdbitmap::DONE)?.json()
    })?;
    report_is_true(lab, &said, &before, differing).with_context(|| format!("report {said}"))?;
    inspect::volume_was_right(&foretold, &said).context("as foretold")?;
    stopped_clean(lab, &expected).context("after the resync")?;
    inspect::nothing_is_due(&self::foretold(lab)?).context("foretold after the resync")?;
    kernel_agrees(lab, &expected)
}

/// What `inspect` tells of all images.
pub(crate) fn foretold(lab: &Lab) -> Result<Value> {
    lab.with_bitmap_file(|file| mdbitmap::inspect(file, &lab.members()))
}

/// The bitmaps mdadm sees: the file's, or one per member that has a role.
fn witness(lab: &Lab) -> Result<Vec<(Value, Bitmap)>> {
    match lab.setup.place {
        Place::Internal => (0..lab.setup.members)
            .map(|index| lab.member(index))
            .map(|member| Ok((mdbitmap::examine(&member)?, mdadm::examine_internal(&member)?)))
            .collect(),
        Place::File => lab.with_bitmap_file(|file| {
            let file = file.context("no bitmap file")?;
            Ok(vec![(mdbitmap::examine(file)?, mdadm::examine_file(file)?)])
        }),
    }
}

/// `mdbitmap examine` and `mdadm -X` tell the same of every bitmap.
fn bitmaps_agree(lab: &Lab) -> Result<Vec<Bitmap>> {
    let pairs = witness(lab)?;
    for (ours, theirs) in &pairs {
        agrees(lab.setup, ours, theirs).with_context(|| format!("{ours}\nmdadm: {theirs:?}"))?;
    }
    Ok(pairs.into_iter().map(|(_, theirs)| theirs).collect())
}

fn agrees(setup: Setup, ours: &Value, theirs: &Bitmap) -> Result<()> {
    let numbers = [
        ("version", theirs.version),
        ("events", theirs.events),
        ("events_cleared", theirs.events_cleared),
        ("chunk_bytes", theirs.chunk_bytes),
        ("delay_seconds", theirs.delay_seconds),
        ("sync_size_sectors", theirs.sync_size_sectors),
        ("chunks_total", theirs.chunks_total),
        ("chunks_dirty", theirs.chunks_dirty),
    ];
    for (key, value) in numbers {
        ensure!(ours[key] == value, "{key}: {} instead of {value}", ours[key]);
    }
    let uuid = ours["uuid"].as_str().context("uuid")?;
    ensure!(same_uuid(setup, uuid, &theirs.uuid), "uuid: {uuid} instead of {}", theirs.uuid);
    let state = ours["state"].as_array().context("state")?;
    ensure!(state.is_empty() == (theirs.state == "OK"), "state: {state:?}");
    let (location, metadata) = match setup.place {
        Place::Internal => ("internal", Value::from(setup.metadata)),
        Place::File => ("file", Value::Null),
    };
    ensure!(ours["location"] == location, "location: {}", ours["location"]);
    ensure!(ours["member_metadata"] == metadata, "member_metadata: {}", ours["member_metadata"]);
    Ok(())
}

/// Nothing in a bare file tells that its array has 0.90 metadata, whose UUIDs are printed with the
/// bytes of each word the other way round; mdadm itself guesses there.
fn same_uuid(setup: Setup, ours: &str, theirs: &str) -> bool {
    let swapped = || ours.split(':').map(swap_bytes).collect::<Vec<_>>().join(":");
    ours == theirs
        || (setup.place == Place::File && setup.metadata == "0.90" && swapped() == theirs)
}

fn swap_bytes(word: &str) -> String {
    u32::from_str_radix(word, 16)
        .map_or_else(|_| word.into(), |n| format!("{:08x}", n.swap_bytes()))
}

/// Hashes of everything `mdbitmap` could write to: whole members, and the bitmap file.
pub(crate) fn hashes(lab: &Lab, file: Option<&Path>) -> Result<Vec<String>> {
    lab.members().iter().map(AsRef::as_ref).chain(file).map(images::file_sha256).collect()
}

fn dry_run_changes_nothing(lab: &Lab) -> Result<()> {
    lab.with_bitmap_file(|file| {
        let before = hashes(lab, file)?;
        mdbitmap::resync(file, &["--dry-run"], &lab.members())?.expect(mdbitmap::DONE)?.json()?;
        ensure!(hashes(lab, file)? == before, "an image changed");
        Ok(())
    })
}

fn report_is_true(lab: &Lab, said: &Value, before: &[Bitmap], differing: &[u64]) -> Result<()> {
    let number = |key: &str| said[key].as_u64().with_context(|| format!("{key}: {}", said[key]));
    let total = before[0].chunks_total;
    let dirty = before.iter().map(|bitmap| bitmap.chunks_dirty).max().unwrap_or(0);
    let lost = differing.len() as u64;
    ensure!(lost <= dirty && dirty < total / 2, "premise: {lost} lost, {dirty} dirty of {total}");
    ensure!(said["decision"] == "partial", "decision: {}", said["decision"]);
    ensure!(number("chunks_total")? == total, "chunks_total is not {total}");
    ensure!(number("chunks_dirty_before")? == dirty, "chunks_dirty_before is not {dirty}");
    ensure!(number("chunks_synced")? == dirty, "chunks_synced is not {dirty}");
    ensure!(number("chunks_dirty_after")? == 0, "chunks_dirty_after is not 0");
    ensure!(number("bytes_written")? > 0, "bytes_written is 0");
    let uuid = mdadm::examine(&lab.member(0))?.uuid;
    ensure!(said["array"]["uuid"] == uuid.as_str(), "array uuid is not {uuid}");
    let members = said["array"]["members"].as_array().context("members")?;
    ensure!(members.len() == lab.members().len(), "{} members", members.len());
    Ok(())
}

/// Members alike, superblocks clean and of one age, no bit left: as mdadm sees it.
fn stopped_clean(lab: &Lab, expected: &str) -> Result<()> {
    let first = mdadm::examine(&lab.member(0))?;
    for index in 0..lab.setup.members {
        let member = lab.member(index);
        let found = mdadm::examine(&member)?;
        ensure!(found.state == "clean", "member {index}: state {}", found.state);
        ensure!(found.uuid == first.uuid, "member {index}: uuid {}", found.uuid);
        ensure!(found.events == first.events, "member {index}: events {}", found.events);
        let data = images::data_sha256(&member, found.area)?;
        ensure!(data == expected, "member {index} does not hold the source's data");
    }
    for bitmap in bitmaps_agree(lab)? {
        ensure!(bitmap.chunks_dirty == 0, "{} bits left", bitmap.chunks_dirty);
        ensure!(bitmap.state == "OK", "bitmap state {}", bitmap.state);
        ensure!(bitmap.events >= first.events, "bitmap older than the array: {bitmap:?}");
    }
    Ok(())
}

/// A fresh kernel finds a complete, clean array, has nothing to do, and finds no difference.
pub(crate) fn kernel_agrees(lab: &Lab, expected: &str) -> Result<()> {
    lab.judge("")?;
    let observed = Observed::load(lab, "assembled")?;
    observed.complete(lab.setup.members)?;
    observed.nothing_synced()?;
    observed.bitmap_honoured()?;
    ensure!(observed.spares() == lab.setup.spares, "spares: {observed:?}");
    expect::sound(lab, "assembled", expected)
}
