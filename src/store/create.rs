//! Making a bitmap where there was none: in a file, or at the start of a block device.
//!
//! `plan` decides what to write, `wanted` looks at the array it is for, `place` judges the path,
//! and `file` and `device` write. A file appears complete or not at all; a device gets its header
//! last. Nothing is held in memory but one block.

mod blocks;
mod device;
mod file;
pub mod limits;
mod place;
pub mod plan;
mod runs;
mod wanted;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::BitmapAtRest;
use crate::error::{Error, Result};
use crate::format::bitmap::StateFlags;
use crate::format::md::MdUuid;
use crate::guard::System;
use crate::units::{ChunkSize, Sectors};
use place::Place;
pub use plan::{ArrayFacts, Note, Plan};
pub use wanted::look;

/// What to make. Values within their limits, see [`limits`].
#[derive(Clone, Debug)]
pub struct CreateOptions {
    /// The file or block device.
    pub path: PathBuf,
    /// What one bit stands for; none for mdadm's rule.
    pub chunk: Option<ChunkSize>,
    /// Seconds between two sweeps of the kernel.
    pub delay: u32,
    /// What the bits cover; none to ask the array.
    pub size: Option<Sectors>,
    /// The array's UUID as 1.x writes it; none to ask the array.
    pub uuid: Option<MdUuid>,
    /// The limit of write-behind writes, 0 for none.
    pub write_behind: u32,
    /// Whether the bits start clear: somebody vouches that the copies agree.
    pub clean: bool,
    /// The array it is for: a running one, or a member of a stopped one.
    pub array: Option<PathBuf>,
    /// Whether what is there may be lost.
    pub overwrite: bool,
    /// Whether to do everything but write.
    pub dry_run: bool,
}

/// Where a bitmap was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A regular file.
    File,
    /// A block device.
    Device,
}

/// What was made, or with a dry run would be.
#[derive(Clone, Debug)]
pub struct Created {
    /// The file or block device.
    pub path: PathBuf,
    /// Which of the two.
    pub target: Target,
    /// What is in it.
    pub plan: Plan,
    /// The array it was made for, where one was named.
    pub array: Option<ArrayFacts>,
    /// What was there before and is lost.
    pub replaced: Option<String>,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// Makes a bitmap; `stop` raised means to leave nothing behind.
///
/// # Errors
/// Usage where the options contradict the array, refused where the path or the array must not be
/// touched, I/O where there is no room or the disk fails, interrupted.
pub fn create(options: &CreateOptions, system: &System, stop: &AtomicBool) -> Result<Created> {
    let array = options.array.as_deref().map(|target| look(target, system)).transpose()?;
    create_for(options, array, system, stop)
}

/// As [`create`], for an array that was looked at before.
///
/// # Errors
/// As [`create`].
pub fn create_for(
    options: &CreateOptions,
    array: Option<ArrayFacts>,
    system: &System,
    stop: &AtomicBool,
) -> Result<Created> {
    let plan = plan::plan(options, array.as_ref())?;
    let place = Place::judge(options, system)?;
    place.has_room(plan.bytes)?;
    let mut notes = plan::notes(options, array.as_ref(), &plan);
    notes.extend(place.notes());
    if !options.dry_run {
        notes.extend(match &place {
            Place::File(place) => file::write(place, &plan, stop).map(|()| None)?,
            Place::Device(place) => device::write(place, &plan, stop)?,
        });
    }
    Ok(Created {
        path: options.path.clone(),
        target: place.target(),
        replaced: place.replaces(),
        dry_run: options.dry_run,
        plan,
        array,
        notes,
    })
}

/// Makes a file with the bits of `source`, a bitmap of the array that `array` tells of. Where the
/// array may be written to, the bits are out of date as soon as they are read: then the header says
/// that they are stale.
///
/// # Errors
/// As [`create`]; refused where the path is a device.
pub fn copy(
    options: &CreateOptions,
    array: ArrayFacts,
    source: &BitmapAtRest,
    system: &System,
    stop: &AtomicBool,
) -> Result<Created> {
    let plan = plan::plan(options, Some(&array))?;
    let Place::File(place) = Place::judge(options, system)? else {
        return Err(
            Error::refused("bits are saved to a file, not to a device").at_path(&options.path)
        );
    };
    let mut header = plan.bitmap.encode();
    if !array.clean {
        header.set_state(StateFlags::STALE);
    }
    if !options.dry_run {
        file::write_copy(&place, &plan, &header, source, stop)?;
    }
    Ok(Created {
        path: options.path.clone(),
        target: Target::File,
        replaced: None,
        dry_run: options.dry_run,
        plan,
        array: Some(array),
        notes: Vec::new(),
    })
}

#[cfg(test)]
mod tests;
