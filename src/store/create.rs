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
use crate::format::bitmap::{RawBitmapSuper, StateFlags, decode};
use crate::format::md::MdUuid;
use crate::guard::System;
use crate::units::{ChunkRun, ChunkSize, Sectors};
pub use file::make_stable;
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
        let set = |runs: &mut runs::Runs<'_>| source.dirty_runs(stop, &mut |run| runs.set(run));
        file::write_copy(&place, plan.chunks, &header, stop, set)?;
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

/// A file that is to be made of bits that are known.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether a file that is there may be replaced.
    pub overwrite: bool,
    /// Whether to do everything but write.
    pub dry_run: bool,
}

impl NewFile {
    fn options(&self) -> CreateOptions {
        CreateOptions {
            path: self.path.clone(),
            chunk: None,
            delay: 1,
            size: None,
            uuid: None,
            write_behind: 0,
            clean: true,
            array: None,
            overwrite: self.overwrite,
            dry_run: self.dry_run,
        }
    }
}

/// Makes a file with that header and those bits: whole, or not at all. The runs come in order; where
/// one is an error there is no file. With a dry run they are not asked for.
///
/// # Errors
/// As [`create`]; refused where the path is a device; what `runs` says.
pub fn from_runs(
    new: &NewFile,
    header: &RawBitmapSuper,
    runs: &mut dyn Iterator<Item = Result<ChunkRun>>,
    system: &System,
    stop: &AtomicBool,
) -> Result<()> {
    let coverage = decode(&header.0).coverage;
    let coverage = coverage.ok_or_else(|| Error::damaged("the header tells of no bits"))?;
    let place = Place::judge(&new.options(), system)?;
    place.has_room(coverage.bytes_needed())?;
    let Place::File(place) = place else {
        let what = "bits are written to a new file, not to a device";
        return Err(Error::refused(what).at_path(&new.path));
    };
    if new.dry_run {
        return Ok(());
    }
    file::write_copy(&place, coverage.chunks(), header, stop, |file| {
        for run in runs {
            blocks::check(stop)?;
            file.set(run?);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests;
