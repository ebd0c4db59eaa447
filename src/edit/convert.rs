//! `convert`: the bitmap of a stopped array moved from a file into its members, or back.
//!
//! Kernels from 6.18 on take no bitmap files. An array whose bitmap lies in one keeps its bits this
//! way. What rules is what the superblocks tell of; they change last, one after the other, each in
//! place and without a new event count. Until then the old bitmap rules, from then on the new one,
//! and in between both say the same: whichever superblock a kernel goes by, the bits are right.

mod image;
mod left;
mod out;
mod write;

use std::path::PathBuf;

use super::report::Report;
use super::target::{Members, complete, not_running};
use crate::array::Standing;
use crate::error::{Error, Result};
use crate::guard::System;
use crate::io::{Access, Device, SyncEngine};
use crate::resync::open::{all_different, open, open_bitmap};
use crate::units::{ChunkSize, Sectors};
use image::Image;

pub use out::to_file;

/// What to move where.
#[derive(Clone, Debug)]
pub struct ConvertOptions {
    /// All members of the stopped array.
    pub members: Vec<PathBuf>,
    /// The bitmap file: what is moved in, or what is made.
    pub file: PathBuf,
    /// What one bit stands for inside; none for what it stands for in the file, or as fine as fits.
    pub chunk: Option<ChunkSize>,
    /// Whether a file that exists may be replaced.
    pub overwrite: bool,
    /// Whether to do everything but write.
    pub dry_run: bool,
}

/// Moves the bitmap in the file into the members.
///
/// # Errors
/// Refused where the array is in use, not complete, or has a bitmap inside; where the file is not its
/// own; or where there is no room. Damaged metadata, I/O errors.
pub fn to_internal(options: &ConvertOptions, system: &System) -> Result<Report> {
    let open = |access| devices(options, true, access, system).map(SyncEngine::new);
    let mut engine = open(Access::Read)?;
    let members = whole(Members::read(&mut engine, &options.members)?)?;
    not_running(members.freshest().view().uuid.bytes(), system)?;
    let image = Image::plan(&mut engine, &members, options)?;
    let mut report = told(options, &members, &image);
    if options.dry_run {
        return Ok(report);
    }
    drop(engine);
    let mut engine = open(Access::Write)?;
    let members = whole(Members::read(&mut engine, &options.members)?)?;
    let image = Image::plan(&mut engine, &members, options)?;
    write::take_in(&mut engine, &members, &image, options)?;
    report
        .note("file-stale", "the file is marked as out of date: the array goes by its members now");
    Ok(report)
}

/// Opens members, and behind them the file.
fn devices(
    options: &ConvertOptions,
    file: bool,
    access: Access,
    system: &System,
) -> Result<Vec<Device>> {
    let members = options.members.iter().map(|path| open(path, access, system));
    let bitmap = file.then(|| open_bitmap(&options.file, access, system));
    let opened = members.chain(bitmap).collect::<Result<Vec<_>>>()?;
    all_different(&opened)?;
    Ok(opened)
}

/// Refuses an array of which something is missing, behind, or of another age: a bitmap is moved on
/// all members at once.
fn whole(members: Members) -> Result<Members> {
    complete(&members)?;
    let hint = "mdbitmap resync brings an array in order; then convert";
    if members.is_degraded() {
        return Err(Error::refused("a member is missing or behind").hint(hint));
    }
    let events = members.assembly.events;
    for member in &members.assembly.members {
        let view = members.superblocks[member.index].view();
        match member.standing {
            Standing::Current if view.events != events => {
                let why = format!("its event count is {}, that of others {events}", view.events);
                return Err(Error::refused(why).hint(hint));
            }
            Standing::Outside(ref why) => {
                return Err(Error::refused(why.as_str()).hint("leave it out"));
            }
            _ => {}
        }
    }
    Ok(members)
}

/// Members with a slot.
fn current(members: &Members) -> impl Iterator<Item = usize> + '_ {
    let current = |member: &&crate::array::Member| member.standing == Standing::Current;
    members.assembly.members.iter().filter(current).map(|member| member.index)
}

/// Sectors from the superblock to the bitmap, as those members have it that tell of one.
///
/// # Errors
/// Refused where they contradict each other.
fn told_offset(members: &Members) -> Result<Option<i32>> {
    let mut found = None;
    for index in current(members) {
        let view = members.superblocks[index].view();
        let Some(at) = view.bitmap_at else { continue };
        let number = |at: Sectors| i64::try_from(at.get()).unwrap_or(i64::MAX);
        let offset = i32::try_from(number(at) - number(view.super_offset)).ok();
        match (found, offset) {
            (None, Some(_)) => found = offset,
            (known, offset) if known == offset => {}
            _ => return Err(Error::refused("members have the bitmap in different places")),
        }
    }
    Ok(found)
}

fn told(options: &ConvertOptions, members: &Members, image: &Image) -> Report {
    let mut targets = options.members.clone();
    targets.push(options.file.clone());
    let mut report = Report::new("convert", &targets, options.dry_run);
    report.fact("to", "To", "internal");
    report.fact(
        "place",
        "Place",
        format!("{:+} sectors from each superblock", image.layout.offset),
    );
    report.bits(image.layout.chunk, image.chunks(), image.dirty());
    report.fact("events", "Events", image.header.events().get());
    let count = current(members).count();
    report.step("write", ("wrote", "write"), format!("the bitmap into {count} members"));
    report.step("superblocks", ("told", "tell"), "their superblocks of it");
    report.step("stale", ("marked", "mark"), format!("{} as out of date", options.file.display()));
    if image.coarser {
        let message =
            "the bits do not fit as fine as they are: chunks are coarser, and so is the dirt";
        report.note("coarser", message);
    }
    if let Some(why) = &image.doubt {
        report.note("all-dirty", format!("{why}: all bits are set"));
    }
    report
}

#[cfg(test)]
mod tests;
