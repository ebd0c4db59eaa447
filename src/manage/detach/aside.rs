//! A file that bears another name for a while.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::guard::Entry;

/// What the name ends in meanwhile.
const SUFFIX: &str = ".detaching";

/// A file put aside; dropped without [`Aside::back`] it stays there.
#[derive(Debug)]
pub(super) struct Aside {
    own: Entry,
    /// The other name; its directory is held.
    pub(super) entry: Entry,
    pub(super) path: PathBuf,
}

impl Aside {
    /// Gives the file at `path` its other name, for sure.
    pub(super) fn put(path: &Path) -> Result<Self> {
        let mut name = OsString::from(path);
        name.push(SUFFIX);
        let path_aside = PathBuf::from(name);
        let own = Entry::find(path)?;
        let entry = own.beside(&path_aside)?;
        if fs::symlink_metadata(&path_aside).is_ok() {
            return Err(Error::refused("it exists, from a detach that was cut short")
                .at_path(&path_aside)
                .hint("its bits mean nothing any more; remove it"));
        }
        rename(&own, &entry, path)?;
        Ok(Self { own, entry, path: path_aside })
    }

    /// Gives the file its own name again.
    pub(super) fn back(self) -> Result<()> {
        rename(&self.entry, &self.own, &self.path)
    }
}

/// For sure; within the directory that is held, whatever its name leads to by now.
fn rename(from: &Entry, to: &Entry, path: &Path) -> Result<()> {
    from.rename(to).map_err(|errno| Error::io("rename", path, errno.into()))?;
    let flushed = to.dir.sync_all();
    flushed.map_err(|error| Error::io("flush the directory of", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_put_aside_and_back_and_no_other_is_lost() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("bitmap");
        fs::write(&path, "x").unwrap();
        let aside = Aside::put(&path).unwrap();
        assert!(!path.exists() && aside.path.exists());
        fs::write(&path, "y").unwrap();
        Aside::put(&path).unwrap_err();
        assert_eq!(fs::read(&path).unwrap(), b"y");
        fs::remove_file(&path).unwrap();
        aside.back().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn a_directory_that_took_the_place_of_the_files_is_left_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let (ours, moved) = (dir.path().join("ours"), dir.path().join("moved"));
        fs::create_dir(&ours).unwrap();
        fs::write(ours.join("bitmap"), "x").unwrap();
        let aside = Aside::put(&ours.join("bitmap")).unwrap();
        fs::rename(&ours, &moved).unwrap();
        fs::create_dir(&ours).unwrap();
        fs::write(ours.join("bitmap.detaching"), "precious").unwrap();
        aside.back().unwrap();
        assert_eq!(fs::read(moved.join("bitmap")).unwrap(), b"x");
        assert_eq!(fs::read(ours.join("bitmap.detaching")).unwrap(), b"precious");
    }
}
