//! Marking chunks of a running array's bitmap, so that the kernel makes the members agree there.
//!
//! Marking can only cost time, so it rounds outwards. The kernel takes numbers of bits and checks
//! nothing: what lies behind the end is refused here. By itself it begins no resync, and tells no
//! superblock that one is due: stopped then, or without power, it takes the array for clean and
//! drops the marks. So it is frozen while bits are set, and told where to begin, which goes to the
//! superblocks; thawed, it begins at once.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::internal::site;
use super::patience::{LONG, until};
use super::privilege;
use super::report::{Fact, Note, Report, Step};
use super::target::Target;
use crate::error::{Error, Result};
use crate::format::bitmap::{Coverage, Rounding, range};
use crate::format::md::ResyncPoint;
use crate::running::{Action, Array, BitmapKind, bitmap_source, parse};
use crate::store::BitmapAtRest;
use crate::sysfs::System;
use crate::units::{ChunkRun, Chunks, Range};

const SET_BITS: &str = "bitmap_set_bits";
const RESYNC_START: &str = "resync_start";
const ACTION: &str = "sync_action";
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
    let runs =
        range::merge(ranges, &coverage, Rounding::Outward).map_err(|error| error.at_path(path))?;
    let mut report = told(&target, &coverage, &runs, dry_run);
    report.facts.push(Fact::new("chunks_dirty_before", "Dirty before", before.get()));
    if !dry_run {
        let after = frozen(&target.array, &runs, system)?;
        report.facts.push(Fact::new("chunks_dirty_after", "Dirty after", after.get()));
        report.notes.extend(late(&target.array, system)?);
    }
    report.notes.extend(notes(&target.array));
    Ok(report)
}

/// Marks while nothing can begin, and lets it begin, also when marking failed.
fn frozen(array: &Array, runs: &[ChunkRun], system: &System) -> Result<Chunks> {
    system.md_write(&array.name, ACTION, "frozen")?;
    let marked = mark(array, runs, system);
    let thawed = system.md_write(&array.name, ACTION, "idle");
    let after = marked?;
    thawed.map(|()| after)
}

/// Waits until a start after a power cut would resync too: the superblocks say so, or it is done.
fn late(array: &Array, system: &System) -> Result<Option<Note>> {
    let version = array.metadata.as_deref().unwrap_or("none");
    if version == "none" {
        return Ok(None);
    }
    let sites = site::open(array, false, system)?;
    let told = || {
        sites.iter().filter(|site| site.in_array).all(|site| {
            let read = site::read(&site.device, version);
            read.is_ok_and(|found| found.view().resync != ResyncPoint::Clean)
        })
    };
    let done = || {
        let start = system.md_attribute(&array.name, RESYNC_START);
        start.is_ok_and(|start| start.as_deref() == Some("none"))
    };
    let message = "the superblocks do not tell of it yet; they will with their next update";
    let late = !until(LONG, || Ok(told() || done()))?;
    Ok(late.then(|| Note::new("superblocks-late", message)))
}

/// Sets the bits and has the superblocks told from where on the array is to be resynced. The kernel
/// lowers that place by itself, but only in memory; written back, it is kept.
fn mark(array: &Array, runs: &[ChunkRun], system: &System) -> Result<Chunks> {
    for text in words(runs) {
        system.md_write(&array.name, SET_BITS, &text)?;
    }
    let from = system.md_attribute(&array.name, RESYNC_START)?;
    match from.as_deref().and_then(parse::number) {
        Some(from) => system.md_write(&array.name, RESYNC_START, &from.to_string())?,
        None => {
            let why = "the kernel does not mean to resync what was marked";
            return Err(Error::damaged(why).at_path(&array.node));
        }
    }
    Ok(look(array, system)?.1)
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
    if !matches!(array.state, "clean" | "active" | "active-idle" | "write-pending") {
        let why = format!("its state is {}: nothing would be resynced", array.state);
        return Err(Error::refused(why).hint("`mdadm --readwrite` makes a read-only one writable"));
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
        Fact::new("chunk_bytes", "Bytes per chunk", coverage.chunk.bytes()),
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
    let begin = "the kernel to resync what is marked";
    report.steps.push(Step::new("resync", ("told", "tell"), begin));
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
    let what = match array.degraded.unwrap_or(0) {
        0 => "the kernel resyncs them at once; `mdbitmap wait` waits until it is done",
        _ => "the kernel resyncs the members that are there; one that comes back gets them too",
    };
    vec![Note::new("resync", what)]
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
