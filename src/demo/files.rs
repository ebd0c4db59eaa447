//! The files of a practice array: claimed before anything is written, so that nothing that exists
//! is ever touched by mistake.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// The most members a practice array has; files of an earlier, larger one are in the way too.
pub(super) const MOST_MEMBERS: u16 = 8;

/// A new directory for practice arrays among the temporary files, for its owner alone.
///
/// # Errors
/// It cannot be made.
pub fn temporary_dir() -> Result<PathBuf> {
    let template = std::env::temp_dir().join("mdbitmap-demo.XXXXXX");
    nix::unistd::mkdtemp(&template)
        .map_err(|errno| Error::io("make a directory", &template, errno.into()))
}

/// A file that is to be a member: written through `file` alone, whatever the path leads to later.
#[derive(Debug)]
pub(super) struct Claimed {
    pub(super) path: PathBuf,
    pub(super) file: File,
}

/// Makes an empty file for every member; none was there before, unless `overwrite`.
pub(super) fn claim(dir: &Path, members: u16, overwrite: bool) -> Result<Vec<Claimed>> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(|error| Error::io("make the directory", dir, error))?;
    for path in (0..MOST_MEMBERS).map(|slot| member(dir, slot)) {
        clear_the_way(&path, overwrite)?;
    }
    let mut claimed = Vec::new();
    for path in (0..members).map(|slot| member(dir, slot)) {
        let file = create(&path).inspect_err(|_| discard(&claimed))?;
        claimed.push(Claimed { path, file });
    }
    Ok(claimed)
}

fn member(dir: &Path, slot: u16) -> PathBuf {
    dir.join(format!("member{slot}.img"))
}

/// A symbolic link counts as a file that is there, and is removed, never followed.
fn clear_the_way(path: &Path, overwrite: bool) -> Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::io("look at", path, error)),
        Ok(_) if overwrite => {
            fs::remove_file(path).map_err(|error| Error::io("remove", path, error))
        }
        Ok(_) => Err(Error::refused("a file of that name exists already")
            .at_path(path)
            .unless_forced("overwrite")),
    }
}

fn create(path: &Path) -> Result<File> {
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    new.map_err(|error| Error::io("create", path, error))
}

/// Removes what was made of an array that could not be finished.
pub(super) fn discard(claimed: &[Claimed]) {
    for file in claimed {
        // The error that led here is the one to report.
        let _ = fs::remove_file(&file.path);
    }
}
