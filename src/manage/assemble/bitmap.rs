//! The bitmap file of an array that is to be assembled: looked at and judged.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use nix::unistd::{AccessFlags, access};

use super::doubt;
use crate::array::coverage::covered;
use crate::error::{Error, Result};
use crate::format::bitmap::BitmapSuper;
use crate::format::md::SuperView;
use crate::manage::bitmap_file::{BitmapFile, Wanted, belongs, fit};
use crate::manage::report::Note;
use crate::running::Dirty;
use crate::store::BitmapAtRest;
use crate::sysfs::System;

/// A file that the kernel takes for this array.
#[derive(Debug)]
pub(super) struct Attachable {
    pub(super) path: PathBuf,
    /// What its bits say.
    pub(super) dirty: Option<Dirty>,
    /// Why the kernel will not believe them, or what is odd.
    pub(super) notes: Vec<Note>,
    /// The file itself, to be opened for the kernel.
    pub(super) file: BitmapFile,
}

/// Looks at the file at `path`, meant for the array that `array` speaks for.
///
/// # Errors
/// Refused, damaged or usage: the kernel would not take it, and why.
pub(super) fn look(
    path: &Path,
    array: &SuperView,
    clean: bool,
    system: &System,
    stop: &AtomicBool,
) -> Result<Attachable> {
    let size = covered(array).map_err(Error::refused)?;
    let file = BitmapFile::look(path, None, system)?;
    if let Some(why) = fit(&file.facts) {
        return Err(why);
    }
    let wanted = Wanted { uuid: Some(array.uuid), size, chunk: None };
    let found = belongs(&file.facts, &wanted).map_err(|error| {
        error.hint("`mdbitmap create --array MEMBER FILE` makes one, with all bits set")
    })?;
    writable(path)?;
    let notes = doubt::notes(path, &found, array, size, clean);
    Ok(Attachable { path: path.to_owned(), dirty: dirty(path, &found, stop)?, notes, file })
}

fn writable(path: &Path) -> Result<()> {
    access(path, AccessFlags::W_OK).map_err(|errno| {
        Error::io("open for writing", path, errno.into())
            .hint("the kernel writes to it; `chattr -i` if it was made immutable")
    })
}

/// What the bits say; none where they cover something else.
fn dirty(path: &Path, found: &BitmapSuper, stop: &AtomicBool) -> Result<Option<Dirty>> {
    let opened = BitmapAtRest::open(path, stop)?;
    let survey = opened.report().survey.as_ref();
    let survey = survey.filter(|survey| survey.total == found.chunks());
    Ok(survey.map(|survey| Dirty { dirty: survey.dirty, total: survey.total }))
}
