//! What a move into a file left when it was cut short, found again by the next run.
//!
//! The file appears whole, and before anything else changes: one that is the bitmap inside, to the
//! last bit, is its work. Superblocks that tell of no bitmap any more, and a file that the array
//! believes, are its work nearly done: copies that are left inside mean nothing, and go.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::{fs, io};

use super::image::free;
use super::out::Inside;
use super::write::{no_headers, superblocks};
use super::{ConvertOptions, current, devices, told_offset, whole};
use crate::array::internal::Gap;
use crate::edit::operand::Operand;
use crate::edit::report::Report;
use crate::edit::target::{Copy, Members};
use crate::error::{Error, Kind, Result};
use crate::format::bitmap::superblock::MAGIC;
use crate::format::bitmap::{RawBitmapSuper, StateFlags};
use crate::guard::{System, shared};
use crate::io::{Access, DevId, Engine, SyncEngine, read_span};
use crate::resync::trust::{Doubt, doubt};
use crate::store::create::make_stable;
use crate::units::{Bytes, Sectors};

/// How far from its superblock the copy inside a member is looked for, in sectors.
const NEAR: i64 = 16 << 11;
/// Sectors read at a time.
const BLOCK: i64 = 1 << 8;
const SECTOR: usize = 512;

/// Whether the file is one that a run has made of this very bitmap.
///
/// # Errors
/// Interrupted.
pub(super) fn is_made_of(
    inside: &Inside,
    options: &ConvertOptions,
    stop: &AtomicBool,
) -> Result<bool> {
    let Some(file) = bitmap_in(&options.file, stop)? else { return Ok(false) };
    Ok(file.raw == inside.raw && file.bits().eq(inside.runs()))
}

/// The bitmap in a regular file that nobody else could have made or could change, if it is one.
fn bitmap_in(path: &Path, stop: &AtomicBool) -> Result<Option<Operand>> {
    let ours = |meta: &fs::Metadata| meta.is_file() && shared(meta).is_none();
    if !fs::symlink_metadata(path).is_ok_and(|meta| ours(&meta)) {
        return Ok(None);
    }
    match Operand::open(path, stop) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == Kind::Interrupted => Err(error),
        Err(_) => Ok(None),
    }
}

/// Finishes what a run had nearly done when it was cut short: no member tells of a bitmap.
///
/// # Errors
/// Refused where the file is not the bitmap of the array: then there is none to be moved.
pub(super) fn finish(
    mut engine: SyncEngine,
    members: &Members,
    options: &ConvertOptions,
    system: &System,
    stop: &AtomicBool,
) -> Result<Report> {
    let file = bitmap_in(&options.file, stop)?.filter(|file| is_believed(file, members, options));
    let file = file.ok_or_else(|| Error::refused("the array has no internal bitmap"))?;
    let found = strays(&mut engine, members)
        .map_err(|error| Error::io("look for a bitmap in", &options.members[0], error))?;
    if !options.dry_run {
        make_stable(&options.file)?;
        drop(engine);
        let mut engine = SyncEngine::new(devices(options, false, Access::Write, system)?);
        let members = whole(Members::read(&mut engine, &options.members)?)?;
        if told_offset(&members)?.is_some() {
            return Err(Error::refused("its superblocks changed since they were looked at"));
        }
        // Spares are told too, and whoever was cut short may not have come to them.
        if tells(&members) {
            superblocks(&mut engine, &members, None, options)?;
        }
        strays(&mut engine, &members)
            .and_then(|copies| no_headers(&mut engine, &copies))
            .map_err(|error| Error::io("take the bitmap away from", &options.members[0], error))?;
    }
    Ok(told(options, &file, tells(members), found.len()))
}

/// Whether any superblock, a spare's too, tells of a bitmap.
fn tells(members: &Members) -> bool {
    members.superblocks.iter().any(|one| one.view().bitmap_at.is_some())
}

/// Whether the array goes by the file, or would if that did not say itself that it is out of date.
fn is_believed(file: &Operand, members: &Members, options: &ConvertOptions) -> bool {
    let room = fs::metadata(&options.file).map_or(Bytes::ZERO, |meta| Bytes::new(meta.len()));
    let place = Copy { dev: DevId(0), at: Bytes::ZERO }.place(room, None);
    let doubt = doubt(&file.value, &place, members.freshest().view(), members.size);
    matches!(doubt, None | Some(Doubt::MarkedStale))
}

/// Bitmaps of the array in what its superblocks call free.
fn strays(engine: &mut dyn Engine, members: &Members) -> io::Result<Vec<Copy>> {
    let gaps = free(engine, members);
    let mut found = Vec::new();
    for index in current(members) {
        let view = members.superblocks[index].view();
        for (at, len) in gaps.iter().flat_map(blocks) {
            let start = view.super_offset.checked_add_signed(at).and_then(Sectors::to_bytes);
            let Some(start) = start else { continue };
            let bytes = read_span(engine, DevId(index), start, len * SECTOR)?;
            let headers = bytes.chunks(SECTOR).enumerate();
            let own = headers.filter(|(_, sector)| is_of(sector, view.uuid.bytes()));
            let at = |n: usize| start.saturating_add(Bytes::from(n * SECTOR));
            found.extend(own.map(|(n, _)| Copy { dev: DevId(index), at: at(n) }));
        }
    }
    Ok(found)
}

/// Where a bitmap may be in a gap, piece by piece: sectors from the superblock, and how many.
fn blocks(gap: &Gap) -> impl Iterator<Item = (i64, usize)> + use<> {
    let (start, end) = (gap.start.max(-NEAR), gap.end.min(NEAR));
    let len = move |at: i64| usize::try_from((end - at).min(BLOCK)).unwrap_or(0);
    let starts = std::iter::successors(Some(start), |at| at.checked_add(BLOCK));
    starts.take_while(move |at| *at < end).map(move |at| (at, len(at)))
}

/// Whether a bitmap with that UUID begins there.
fn is_of(sector: &[u8], uuid: [u8; 16]) -> bool {
    let raw = RawBitmapSuper::from_prefix(sector);
    raw.is_some_and(|raw| raw.magic() == MAGIC && raw.uuid() == uuid)
}

fn told(options: &ConvertOptions, file: &Operand, spares: bool, left: usize) -> Report {
    let mut report = Report::new("convert", &options.members, options.dry_run);
    report.fact("to", "To", "file");
    report.bits(file.value.chunk, file.value.chunks(), file.set());
    report.fact("events", "Events", file.value.events.get());
    if spares {
        report.step("superblocks", ("told", "tell"), "spares that there is no bitmap inside");
    }
    if left > 0 {
        let what = format!("what was left of the bitmap away in {left} members");
        report.step("wipe", ("took", "take"), what);
    }
    report.note("file-there", "the file is the array's already: nobody tells of a bitmap inside");
    name_it(&mut report, file.value.state.contains(StateFlags::STALE));
    report
}

/// What a person has to know of a bitmap in a file, which may say that it is out of date.
pub(super) fn name_it(report: &mut Report, stale: bool) {
    report.note(
        "name-it",
        "name the file at every assembly (mdbitmap assemble --bitmap, on kernels before 6.18), and to \
         mdbitmap resync --bitmap",
    );
    if stale {
        report.note("out-of-date", "the bitmap is out of date: everything counts as dirty");
    }
}
