//! Marking chunks of a running array's bitmap, so that the kernel makes the members agree there.
//!
//! Marking can only cost time, so it rounds outwards. The kernel takes numbers of bits and checks
//! nothing: what lies behind the end is refused here. It does not begin to resync by itself, and
//! keeps in memory where to begin; so the report tells how to make it.

mod range;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::privilege;
use super::report::{Fact, Note, Report, Step};
use super::target::Target;
use crate::error::{Error, Result};
use crate::format::bitmap::Coverage;
use crate::running::{Action, Array, BitmapKind, bitmap_source};
use crate::store::BitmapAtRest;
use crate::sysfs::System;
use crate::units::{ChunkRun, Chunks};
pub use range::{Range, RangeError};

const SET_BITS: &str = "bitmap_set_bits";
/// The kernel takes a page at most.
const MOST_BYTES: usize = 4000;

/// Marks the chunks that `ranges` touch.
///
/// # Errors
/// Usage where no array is there or a range lies beyond its end, refused where it has no such
/// bitmap, something runs, or marking would keep it from starting again; I/O where the kernel fails.
pub fn dirty(path: &Path, ranges: &[Range], dry_run: bool, system: &System) -> Result<Report> {
    privilege::needed(system)?;
    let target = Target::find(path, system)?;
    possible(&target.array).map_err(|error| error.at_path(path))?;
    let (coverage, before) = look(&target.array, system)?;
    let runs = range::merge(ranges, &coverage).map_err(|error| error.at_path(path))?;
    let mut report = told(&target, &coverage, &runs, dry_run);
    report.facts.push(Fact::new("chunks_dirty_before", "Dirty before", before.get()));
    if !dry_run {
        for text in words(&runs) {
            system.md_write(&target.array.name, SET_BITS, &text)?;
        }
        let (_, after) = look(&target.array, system)?;
        report.facts.push(Fact::new("chunks_dirty_after", "Dirty after", after.get()));
    }
    report.notes.extend(notes(&target.array));
    Ok(report)
}

/// Refuses arrays whose bits the kernel would not set or that would suffer from it. Pure.
fn possible(array: &Array) -> Result<()> {
    match array.bitmap.kind {
        BitmapKind::Internal | BitmapKind::File => {}
        BitmapKind::None => return Err(Error::refused("it has no bitmap, so nothing to mark in")),
        kind => {
            let why = format!("its bitmap is {}: the kernel marks no chunks there", kind.as_str());
            return Err(Error::refused(why));
        }
    }
    if array.sync.action != Action::Idle {
        let why = format!("{}: what is marked meanwhile may be passed over", doing(array));
        return Err(Error::refused(why).hint("`mdbitmap wait` waits until it is done"));
    }
    let parity = matches!(array.level.as_deref(), Some("raid4" | "raid5" | "raid6"));
    match array.degraded.unwrap_or(0) > 0 && parity {
        true => Err(Error::refused(
            "it is degraded: marked, it would count as dirty and degraded, and not start again",
        )
        .hint("complete it first, `mdbitmap add` or `readd`")),
        false => Ok(()),
    }
}

fn doing(array: &Array) -> String {
    match array.sync.action {
        Action::Frozen => "it is frozen".into(),
        action => format!("{} runs on it", action.as_str()),
    }
}

/// What the bits cover, and how many are set on disk.
fn look(array: &Array, system: &System) -> Result<(Coverage, Chunks)> {
    let unknown = |why: String| Error::refused(why).at_path(&array.node);
    let path = bitmap_source(array, system).map_err(unknown)?;
    let opened = BitmapAtRest::open(&path, &AtomicBool::new(false))?;
    let report = opened.report();
    let known = report.coverage.zip(report.survey.as_ref());
    let (coverage, survey) = known.ok_or_else(|| {
        Error::damaged("its bitmap cannot be read")
            .at_path(&path)
            .hint("`mdbitmap examine` says why")
    })?;
    let other = array.bitmap.chunk.is_some_and(|chunk| chunk.get() != coverage.chunk.bytes());
    match other {
        true => {
            Err(Error::refused("the kernel uses another bitmap than the one there").at_path(&path))
        }
        false => Ok((coverage, survey.dirty)),
    }
}

fn told(target: &Target, coverage: &Coverage, runs: &[ChunkRun], dry_run: bool) -> Report {
    let mut report = Report::new("dirty", target, dry_run);
    let chunks: u64 = runs.iter().map(|run| run.count.get()).sum();
    let sectors = |run: &ChunkRun| run.sectors(coverage.chunk, coverage.size).len;
    let bytes: u64 = runs.iter().filter_map(|run| Some(sectors(run).to_bytes()?.get())).sum();
    let total = coverage.chunks().get();
    report.facts = vec![
        Fact::new("address_space", "Addresses", space(&target.array)),
        Fact::new("chunk_bytes", "Chunk", coverage.chunk.bytes()),
        Fact::new("chunks_total", "Chunks", total),
        Fact::new("chunks_marked", "Marked", chunks),
        Fact::new("bytes_marked", "Bytes marked", bytes),
    ];
    for run in runs {
        let last = run.end().get().saturating_sub(1);
        let what = match run.count.get() {
            1 => format!("chunk {last}"),
            count => format!("chunks {} to {last}, {count} of them", run.first.get()),
        };
        report.steps.push(Step::new("mark", ("marked", "mark"), what));
    }
    report
}

/// What an address of a range means. The member's data area begins at its data offset.
fn space(array: &Array) -> &'static str {
    match array.level.as_deref() {
        Some("raid4" | "raid5" | "raid6") => "the data area of each member, not the array",
        _ => "the array",
    }
}

fn notes(array: &Array) -> Vec<Note> {
    let name = &array.name;
    let mut notes = vec![Note::new(
        "not-yet",
        format!(
            "marked chunks are made to agree by `echo resync > /sys/block/{name}/md/sync_action`, \
             or at the next start after a stop; a power cut before either may forget the marks"
        ),
    )];
    if array.degraded.unwrap_or(0) > 0 {
        notes.push(Note::new(
            "degraded",
            "it is degraded: marked chunks are copied to a member that comes back",
        ));
    }
    notes
}

/// The texts for the kernel, none longer than it takes.
fn words(runs: &[ChunkRun]) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for run in runs {
        let word = format!("{}-{} ", run.first.get(), run.end().get().saturating_sub(1));
        match texts.last_mut() {
            Some(text) if text.len() + word.len() <= MOST_BYTES => text.push_str(&word),
            _ => texts.push(word),
        }
    }
    texts
}

#[cfg(test)]
mod tests;
