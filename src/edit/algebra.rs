//! `merge`, `xor`, `invert`, `diff` and `rechunk`: a new bitmap from others, or how two differ.
//!
//! What is read is never changed. Headers come from the first bitmap; event counts are chosen so that
//! the result promises no more than the least of its sources.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::operand::Operand;
use super::report::{MOST_RANGES, Report};
use super::sweep::{Ranges, chunks, combine, whole};
use crate::error::{Error, Result};
use crate::format::bitmap::{RawBitmapSuper, StateFlags};
use crate::guard::System;
use crate::store::create::{NewFile, from_runs};
use crate::units::{ChunkSize, Chunks, SectorRange, Sectors};

/// What to make of bitmaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Dirty where any is.
    Merge,
    /// Dirty where one is and the other is not.
    Xor,
    /// Dirty where it is not.
    Invert,
    /// The same dirt in other chunks, or over another size.
    Rechunk {
        /// What a bit stands for; none for what it stands for now.
        chunk: Option<ChunkSize>,
        /// What the bits cover; none for what they cover now. What is new is dirty.
        size: Option<Sectors>,
    },
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Xor => "xor",
            Self::Invert => "invert",
            Self::Rechunk { .. } => "rechunk",
        }
    }
}

/// Which differences of headers do not matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// Bitmaps of several arrays.
    pub uuid: bool,
    /// Bitmaps that cover several sizes.
    pub size: bool,
}

/// Makes the file `new` from `sources` by `operation`.
///
/// # Errors
/// A source cannot be used, they do not go together, or the file cannot be made.
pub fn make(
    operation: Operation,
    sources: &[PathBuf],
    new: &NewFile,
    allow: Allow,
    system: &System,
    stop: &AtomicBool,
) -> Result<Report> {
    let operands = open(sources, allow, stop)?;
    let header = header(operation, &operands)?;
    let (chunk, size) = terms(&header)?;
    let ranges = || result(operation, &operands, size);
    // Counted first, which costs a walk and tells a dry run what would come out.
    let dirty = chunks(ranges(), chunk).try_fold((0, 0), |(sum, behind), run| {
        let run = run?;
        let fresh = run.end().get().saturating_sub(run.first.get().max(behind));
        Ok::<_, Error>((sum + fresh, run.end().get()))
    })?;
    let mut report = Report::new(operation.name(), sources, new.dry_run);
    report.bits(chunk, chunk.chunks_for(size), Chunks::new(dirty.0));
    report.made(&new.path);
    notes(operation, &operands, &mut report);
    from_runs(new, &header, &mut chunks(ranges(), chunk), system, stop)?;
    Ok(report)
}

fn open(sources: &[PathBuf], allow: Allow, stop: &AtomicBool) -> Result<Vec<Operand>> {
    let operands: Vec<_> =
        sources.iter().map(|path| Operand::open(path, stop)).collect::<Result<_>>()?;
    let Some((first, others)) = operands.split_first() else {
        return Err(Error::usage("no bitmap is named"));
    };
    others.iter().try_for_each(|other| go_together(first, other, allow))?;
    Ok(operands)
}

fn go_together(first: &Operand, other: &Operand, allow: Allow) -> Result<()> {
    let named = first.path.display();
    if first.value.uuid != other.value.uuid && !allow.uuid {
        let why = format!("it is another array's than {named}: UUIDs differ");
        return Err(Error::refused(why).at_path(&other.path).unless_forced("uuid"));
    }
    if first.value.sync_size != other.value.sync_size && !allow.size {
        let why = format!(
            "it covers {}, and {named} covers {}",
            other.value.sync_size, first.value.sync_size
        );
        return Err(Error::refused(why).at_path(&other.path).unless_forced("size"));
    }
    Ok(())
}

/// The header of the result: a count of events that no source lacks, and the later one of cleared
/// bits, so that it vouches for no more than each of them does.
fn header(operation: Operation, operands: &[Operand]) -> Result<RawBitmapSuper> {
    let first = operands.first().ok_or_else(|| Error::usage("no bitmap is named"))?;
    let mut raw = first.raw.clone();
    let all = || operands.iter().map(|operand| &operand.value);
    raw.set_events(all().map(|value| value.events).min().unwrap_or_default());
    raw.set_events_cleared(all().map(|value| value.events_cleared).max().unwrap_or_default());
    raw.set_sync_size(all().map(|value| value.sync_size).max().unwrap_or_default());
    let coarsest = all().map(|value| value.chunk).max().unwrap_or(first.value.chunk);
    let finest = all().map(|value| value.chunk).min().unwrap_or(first.value.chunk);
    let chunk = match operation {
        Operation::Rechunk { chunk, .. } => chunk.unwrap_or(first.value.chunk),
        Operation::Xor => finest,
        _ => coarsest,
    };
    raw.set_chunksize(u32::try_from(chunk.bytes()).unwrap_or(u32::MAX));
    if let Operation::Rechunk { size: Some(size), .. } = operation {
        raw.set_sync_size(size);
    }
    // Its bits are all set now, which says the same.
    raw.set_state(raw.state().without(StateFlags::STALE));
    // What a member sets aside means nothing in a file.
    raw.set_sectors_reserved(0);
    Ok(raw)
}

fn terms(header: &RawBitmapSuper) -> Result<(ChunkSize, Sectors)> {
    let chunk = ChunkSize::from_bytes(u64::from(header.chunksize()));
    let chunk = chunk.ok_or_else(|| Error::damaged("the chunk size makes no sense"))?;
    Ok((chunk, header.sync_size()))
}

fn result(operation: Operation, operands: &[Operand], size: Sectors) -> Ranges<'_> {
    let nothing = || whole(Sectors::ZERO, Sectors::ZERO);
    let mut all = operands.iter();
    let first = all.next().map_or_else(nothing, Operand::ranges);
    let or: fn(bool, bool) -> bool = |one, other| one | other;
    match operation {
        Operation::Merge => all.fold(first, |sum, next| combine(sum, next.ranges(), size, or)),
        Operation::Xor => {
            all.fold(first, |sum, next| combine(sum, next.ranges(), size, |a, b| a ^ b))
        }
        Operation::Invert => combine(first, nothing(), size, |dirty, _| !dirty),
        Operation::Rechunk { .. } => {
            let beyond = operands.first().map_or_else(nothing, |operand| operand.beyond(size));
            combine(first, beyond, size, or)
        }
    }
}

fn notes(operation: Operation, operands: &[Operand], report: &mut Report) {
    if matches!(operation, Operation::Xor | Operation::Invert) {
        report.note(
            "not-for-an-array",
            "what is clear here may differ on the members: this is for looking and reckoning, not \
             for an array",
        );
    }
    let first = operands.first().map(|operand| operand.value.sync_size);
    if let (Operation::Rechunk { size: Some(size), .. }, Some(first)) = (operation, first)
        && size > first
    {
        report.note("new-part-dirty", "what was not covered before is dirty: nobody knows it");
    }
}

/// How two bitmaps differ. The report says so with `found`, and lists where.
///
/// # Errors
/// One cannot be used, or they do not go together.
pub fn diff(one: PathBuf, other: PathBuf, allow: Allow, stop: &AtomicBool) -> Result<Report> {
    let paths = [one, other];
    let operands = open(&paths, allow, stop)?;
    let size = operands.iter().map(|operand| operand.value.sync_size).max().unwrap_or_default();
    let mut report = Report::new("diff", &paths, true).only_looks();
    let only = |keep: fn(bool, bool) -> bool| -> Result<Sectors> {
        let mut ranges = combine(operands[0].ranges(), operands[1].ranges(), size, keep);
        ranges.try_fold(Sectors::ZERO, |sum, range| Ok(sum.saturating_add(range?.len)))
    };
    let (first, second) = (only(|a, b| a & !b)?, only(|a, b| !a & b)?);
    let bytes = |sectors: Sectors| sectors.to_bytes().unwrap_or_default().get();
    report.fact("only_first_bytes", "Bytes dirty in the first only", bytes(first));
    report.fact("only_second_bytes", "Bytes dirty in the second only", bytes(second));
    let differing = combine(operands[0].ranges(), operands[1].ranges(), size, |a, b| a ^ b);
    let mut count = 0u64;
    for range in differing {
        let range: SectorRange = range?;
        count += 1;
        if report.ranges.len() < MOST_RANGES {
            report.ranges.push(range);
        }
    }
    report.fact("ranges", "Ranges that differ", count);
    if count > MOST_RANGES as u64 {
        report.note("not-all-listed", format!("only the first {MOST_RANGES} ranges are listed"));
    }
    headers(&operands, &mut report);
    report.found = count > 0;
    Ok(report)
}

/// Headers may differ while the dirt does not; that is told, and is no difference.
fn headers(operands: &[Operand], report: &mut Report) {
    let [one, other] = operands else { return };
    let differ = [
        ("events", one.value.events.get(), other.value.events.get()),
        ("events_cleared", one.value.events_cleared.get(), other.value.events_cleared.get()),
        ("chunksize", one.value.chunk.bytes(), other.value.chunk.bytes()),
        ("daemon_sleep", one.value.delay.into(), other.value.delay.into()),
        ("write_behind", one.value.write_behind.into(), other.value.write_behind.into()),
        ("state", one.value.state.bits().into(), other.value.state.bits().into()),
    ];
    let differ = differ.into_iter().filter(|(_, a, b)| a != b);
    let told: Vec<String> = differ.map(|(name, a, b)| format!("{name} {a} / {b}")).collect();
    if !told.is_empty() {
        report.note("headers-differ", format!("headers differ: {}", told.join(", ")));
    }
}
