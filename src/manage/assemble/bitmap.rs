//! The bitmap file of an array that is to be assembled: looked at, judged, and opened as the kernel
//! wants it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use nix::libc::{O_CLOEXEC, O_NOFOLLOW};
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
    looked_at: File,
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
    let BitmapFile { file, facts } = BitmapFile::look(path, None, system)?;
    if let Some(why) = fit(&facts) {
        return Err(why);
    }
    let wanted = Wanted { uuid: Some(array.uuid), size, chunk: None };
    let found = belongs(&facts, &wanted).map_err(|error| {
        error.hint("`mdbitmap create --array MEMBER FILE` makes one, with all bits set")
    })?;
    writable(path)?;
    let looked_at = file.ok_or_else(|| Error::usage("it is no regular file").at_path(path))?;
    let notes = doubt::notes(path, &found, array, size, clean);
    Ok(Attachable { path: path.to_owned(), dirty: dirty(path, &found, stop)?, notes, looked_at })
}

fn writable(path: &Path) -> Result<()> {
    access(path, AccessFlags::W_OK).map_err(|errno| {
        Error::io("open for writing", path, errno.into()).hint("the kernel writes to it")
    })
}

/// What the bits say; none where they cover something else.
fn dirty(path: &Path, found: &BitmapSuper, stop: &AtomicBool) -> Result<Option<Dirty>> {
    let opened = BitmapAtRest::open(path, stop)?;
    let survey = opened.report().survey.as_ref();
    let survey = survey.filter(|survey| survey.total == found.chunks());
    Ok(survey.map(|survey| Dirty { dirty: survey.dirty, total: survey.total }))
}

impl Attachable {
    /// Opens it as the kernel wants it: for writing.
    ///
    /// # Errors
    /// It cannot be opened, or is not the file that was looked at.
    pub(super) fn open(&self) -> Result<File> {
        let failed = |error| Error::io("open for writing", &self.path, error);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).custom_flags(O_CLOEXEC | O_NOFOLLOW);
        let file = file.open(&self.path).map_err(failed)?;
        let identity = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino()));
        if identity(&file).map_err(failed)? != identity(&self.looked_at).map_err(failed)? {
            let what = "it was replaced while being looked at";
            return Err(Error::refused(what).at_path(&self.path));
        }
        Ok(file)
    }
}
