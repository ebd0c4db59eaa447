//! Which parts of the array are asked about: dirty chunks, ranges that were typed, or what a
//! comparison found.

use std::io::Read as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::Deserialize;

use super::array::Subject;
use crate::array::locate::array_ranges;
use crate::error::{Error, Result};
use crate::guard::System;
use crate::io::{Stream, Waits};
use crate::units::{Bytes, ChunkRun, Chunks, Range, SECTOR_BYTES, SectorRange, Sectors};

/// The most ranges that are asked about.
const MOST: usize = 100_000;
/// The longest report that is read.
const MOST_BYTES: u64 = 256 << 20;

/// In sectors of the array, in order, what touches made one.
pub(super) fn typed(
    subject: &Subject,
    ranges: &[Range],
    system: &System,
) -> Result<Vec<SectorRange>> {
    let covered = subject.geometry.covered();
    let mut all = Vec::new();
    for range in ranges {
        let range = match range {
            Range::All => SectorRange { start: Sectors::ZERO, len: covered },
            Range::Bytes(start, end) => between(*start, *end),
            Range::Chunks(first, last) => {
                let none = || Error::usage("chunk: there is no bitmap whose chunks could be meant");
                let chunk = subject.chunk(system)?.ok_or_else(none)?;
                let end = last.saturating_add(Chunks::new(1));
                ChunkRun::between(*first, end).sectors(chunk, covered)
            }
        };
        if range.end() > covered || range.len.is_zero() {
            let bytes = covered.to_bytes().unwrap_or_default().get();
            let what = "a range is beyond the end";
            return Err(Error::usage(what).hint(format!("there are {bytes} bytes")));
        }
        all.extend(array_ranges(&subject.geometry, range));
    }
    few(all)
}

/// What the bits say is dirty.
pub(super) fn dirty(subject: &Subject, system: &System) -> Result<Vec<SectorRange>> {
    let (chunk, runs) = subject.dirty(system, MOST)?;
    let covered = subject.geometry.covered();
    let of = |run: &ChunkRun| array_ranges(&subject.geometry, run.sectors(chunk, covered));
    few(runs.iter().flat_map(of).collect())
}

#[derive(Deserialize)]
struct Report {
    schema: u32,
    array: ReportArray,
    ranges: Vec<ReportRange>,
}

#[derive(Deserialize)]
struct ReportArray {
    uuid: String,
}

#[derive(Deserialize)]
struct ReportRange {
    array: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    start_bytes: u64,
    length_bytes: u64,
}

/// What `mdbitmap check --json` found on this array.
pub(super) fn reported(
    subject: &Subject,
    path: &Path,
    stop: &AtomicBool,
    waits: Waits<'_>,
) -> Result<Vec<SectorRange>> {
    let mut stream = Stream::open(path, stop, waits)?;
    let mut text = String::new();
    let read = stream.by_ref().take(MOST_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| stream.failed(error))?;
    let wrong = |why: String| {
        Error::usage(why).at_path(path).hint("give what `mdbitmap check --json` printed")
    };
    if text.len() as u64 > MOST_BYTES {
        return Err(wrong("the report is too long".into()));
    }
    let report: Report = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("no report of a comparison: {error}")))?;
    let view = subject.view();
    match () {
        () if report.schema != 1 => return Err(wrong(format!("schema {}", report.schema))),
        () if report.array.uuid != view.uuid.display_for(view.version) => {
            return Err(wrong("it is about another array".into()));
        }
        () => {}
    }
    let end = subject.geometry.array_len();
    let mut all = Vec::new();
    for part in report.ranges.iter().flat_map(|range| &range.array) {
        let bytes = Bytes::new(part.start_bytes).checked_add(Bytes::new(part.length_bytes));
        let range = bytes.map(|to| between(Bytes::new(part.start_bytes), to));
        match range.filter(|range| range.end() <= end) {
            Some(range) => all.push(range),
            None => return Err(wrong("a range is beyond the end of the array".into())),
        }
    }
    few(all)
}

fn between(start: Bytes, end: Bytes) -> SectorRange {
    let first = start.to_sectors_floor();
    let last = Sectors::new(end.get().div_ceil(SECTOR_BYTES));
    SectorRange { start: first, len: last.saturating_sub(first) }
}

fn few(mut ranges: Vec<SectorRange>) -> Result<Vec<SectorRange>> {
    ranges.retain(|range| !range.len.is_zero());
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<SectorRange> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end() => {
                last.len = last.end().max(range.end()).saturating_sub(last.start);
            }
            _ => joined.push(range),
        }
    }
    match joined.len() > MOST {
        true => Err(Error::refused(format!("{} ranges are too many to ask for", joined.len()))
            .hint("ask for a part with --range")),
        false => Ok(joined),
    }
}
