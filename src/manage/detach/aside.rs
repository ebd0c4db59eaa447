//! A file that bears another name for a while.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// What the name ends in meanwhile.
const SUFFIX: &str = ".detaching";

/// A file put aside; dropped without [`Aside::back`] it stays there.
#[derive(Debug)]
pub(super) struct Aside {
    own: PathBuf,
    pub(super) path: PathBuf,
}

impl Aside {
    /// Gives the file at `path` its other name, for sure.
    pub(super) fn put(path: &Path) -> Result<Self> {
        let mut name = OsString::from(path);
        name.push(SUFFIX);
        let aside = Self { own: path.to_owned(), path: PathBuf::from(name) };
        if fs::symlink_metadata(&aside.path).is_ok() {
            return Err(Error::refused("it exists, from a detach that was cut short")
                .at_path(&aside.path)
                .hint("its bits mean nothing any more; remove it"));
        }
        rename(&aside.own, &aside.path)?;
        Ok(aside)
    }

    /// Gives the file its own name again.
    pub(super) fn back(self) -> Result<()> {
        rename(&self.path, &self.own)
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(|error| Error::io("rename", from, error))?;
    let dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let flushed = File::open(dir).and_then(|dir| dir.sync_all());
    flushed.map_err(|error| Error::io("flush the directory of", to, error))
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
}
