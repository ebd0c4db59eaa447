//! From the members into a file.
//!
//! The file is there whole before the first superblock changes. A run that was cut short is finished
//! by another: what it left is looked for first (`left`).

use std::sync::atomic::AtomicBool;

use super::left;
use super::write::{copies, no_headers, superblocks};
use super::{ConvertOptions, devices, told_offset, whole};
use crate::edit::report::Report;
use crate::edit::target::{Copy, Members, header, not_running, raw_header};
use crate::error::{Error, Result};
use crate::format::bitmap::BitScanner;
use crate::format::bitmap::superblock::SUPER_BYTES;
use crate::format::bitmap::{BitmapSuper, RawBitmapSuper, StateFlags, bits};
use crate::guard::System;
use crate::io::{Access, DevId, Engine, SyncEngine, read_span};
use crate::resync::trust::doubt;
use crate::store::create::{NewFile, from_runs, make_stable};
use crate::units::{Bytes, ChunkRun};

/// Moves the bitmap inside the members into a new file.
///
/// # Errors
/// Refused where the array is in use, not complete, or has no bitmap inside, or the file exists and is
/// not what an earlier run left; damaged metadata, I/O errors.
pub fn to_file(options: &ConvertOptions, system: &System, stop: &AtomicBool) -> Result<Report> {
    if options.chunk.is_some() {
        let why = "a bitmap keeps its chunks on the way out";
        return Err(Error::usage(why).hint("mdbitmap rechunk changes those of a file"));
    }
    let open = |access| devices(options, false, access, system).map(SyncEngine::new);
    let mut engine = open(Access::Read)?;
    let members = whole(Members::read(&mut engine, &options.members)?)?;
    not_running(members.freshest().view().uuid.bytes(), system)?;
    if told_offset(&members)?.is_none() {
        return left::finish(engine, &members, options, system, stop);
    }
    Inside::read(&mut engine, &members, options)?;
    drop(engine);
    // Claimed for writing before the file is made: what cannot be finished is not begun.
    let access = if options.dry_run { Access::Read } else { Access::Write };
    let mut engine = open(access)?;
    let again = whole(Members::read(&mut engine, &options.members)?)?;
    let inside = Inside::read(&mut engine, &again, options)?;
    let there = left::is_made_of(&inside, options, stop)?;
    if !there {
        make(options, &inside, system, stop)?;
    }
    if !options.dry_run {
        // One that was there may have lost its maker before that flushed it.
        make_stable(&options.file)?;
        superblocks(&mut engine, &again, None, options)?;
        no_headers(&mut engine, &inside.copies)
            .map_err(|error| Error::io("take the bitmap away from", &options.members[0], error))?;
    }
    Ok(told(options, &inside, there))
}

fn make(
    options: &ConvertOptions,
    inside: &Inside,
    system: &System,
    stop: &AtomicBool,
) -> Result<()> {
    let new = NewFile {
        path: options.file.clone(),
        overwrite: options.overwrite,
        dry_run: options.dry_run,
    };
    let mut runs = inside.runs().into_iter().map(Ok);
    from_runs(&new, &inside.raw, &mut runs, system, stop)
}

/// The bitmap in the members.
pub(super) struct Inside {
    pub(super) raw: RawBitmapSuper,
    value: BitmapSuper,
    copies: Vec<Copy>,
    bits: Vec<u8>,
}

impl Inside {
    /// Reads the union of the copies that are believed; where none is, the file will say that it is
    /// out of date, as the kernel would say of them.
    fn read(engine: &mut dyn Engine, members: &Members, options: &ConvertOptions) -> Result<Self> {
        let offset = told_offset(members)?;
        let offset = offset.ok_or_else(|| Error::refused("the array has no internal bitmap"))?;
        let copies = copies(members, offset)?;
        let (mut inside, mut believed): (Option<Self>, bool) = (None, false);
        for copy in &copies {
            let path = &options.members[copy.dev.0];
            let value = header(engine, *copy, path)?;
            let room = members.superblocks[copy.dev.0].view().bitmap_room.to_bytes();
            let room = room.filter(|room| !room.is_zero()).unwrap_or_else(|| value.bytes_needed());
            let place = copy.place(room, Some(copy.dev.0));
            let sound = doubt(&value, &place, members.freshest().view(), members.size).is_none();
            let bits = read_bits(engine, *copy, &value)
                .map_err(|error| Error::io("read the bitmap", path, error))?;
            let raw = RawBitmapSuper::from_prefix(&raw_header(engine, *copy, path)?)
                .ok_or_else(|| Error::damaged("no bitmap").at_path(path))?;
            match &mut inside {
                None => inside = Some(Self { raw, value, copies: Vec::new(), bits }),
                Some(all)
                    if (all.value.chunk, all.value.sync_size) == (value.chunk, value.sync_size) =>
                {
                    all.bits.iter_mut().zip(bits).for_each(|(one, other)| *one |= other);
                    all.raw.set_events(all.raw.events().max(raw.events()));
                    all.raw.set_events_cleared(all.raw.events_cleared().max(raw.events_cleared()));
                }
                Some(_) => {
                    let why = "its copy of the bitmap has another size or chunk than the others";
                    return Err(Error::refused(why).at_path(path));
                }
            }
            believed |= sound;
        }
        let mut inside = inside.ok_or_else(|| Error::refused("no member is current"))?;
        inside.copies = copies;
        inside.raw.set_sectors_reserved(0);
        if !believed {
            inside.raw.set_state(inside.raw.state().with(StateFlags::STALE));
        }
        Ok(inside)
    }

    pub(super) fn runs(&self) -> Vec<ChunkRun> {
        let mut scanner = BitScanner::new(self.value.chunks());
        let mut runs = Vec::new();
        scanner.feed(&self.bits, |run| runs.push(run));
        runs.extend(scanner.finish());
        runs
    }
}

fn read_bits(engine: &mut dyn Engine, copy: Copy, value: &BitmapSuper) -> std::io::Result<Vec<u8>> {
    let len = usize::try_from(value.chunks().get().div_ceil(8)).unwrap_or(usize::MAX);
    // Never more than the device holds, whatever the header says.
    let from = copy.at.saturating_add(Bytes::new(SUPER_BYTES));
    let rest = engine.size(copy.dev).saturating_sub(from).to_usize().unwrap_or(0);
    if len > rest {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    read_span(engine, DevId(copy.dev.0), from, len)
}

fn told(options: &ConvertOptions, inside: &Inside, there: bool) -> Report {
    let mut report = Report::new("convert", &options.members, options.dry_run);
    report.fact("to", "To", "file");
    let chunks = inside.value.chunks();
    let dirty = bits::count_set(&inside.bits, chunks.get());
    report.bits(inside.value.chunk, chunks, crate::units::Chunks::new(dirty));
    report.fact("events", "Events", inside.raw.events().get());
    match there {
        false => report.made(&options.file),
        true => report.note(
            "file-there",
            "the file is there already, from a run that did not end: superblock and bits are those inside",
        ),
    }
    report.step("superblocks", ("told", "tell"), "the superblocks that there is no bitmap inside");
    report.step("wipe", ("took", "take"), format!("it away in {} members", inside.copies.len()));
    left::name_it(&mut report, inside.raw.state().contains(StateFlags::STALE));
    report
}
