//! What the kernel publishes about devices: sysfs attributes and the tables in /proc.
//!
//! Every path hangs off a [`System`], so that tests show us a made-up machine. Parsers are strict
//! and total: a line we do not understand is dropped, never guessed at, and nothing panics, for
//! names of mounts and files come from other users. Imports `units` and `error`.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

pub mod attr;
pub mod block;
pub mod devnum;
pub mod loops;
pub mod md;
pub mod tables;
pub mod writers;

pub use devnum::DevNum;

/// Where the kernel publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// sysfs, `/sys`.
    pub sys: PathBuf,
    /// procfs, `/proc`.
    pub proc: PathBuf,
    /// Device nodes, `/dev`.
    pub dev: PathBuf,
}

impl Default for System {
    fn default() -> Self {
        Self::at("/")
    }
}

impl System {
    /// The machine whose file systems lie under `root`.
    pub fn at(root: impl AsRef<Path>) -> Self {
        let root = root.as_ref();
        Self { sys: root.join("sys"), proc: root.join("proc"), dev: root.join("dev") }
    }

    /// The node of the device that sysfs calls `name`; sysfs writes `!` for a slash.
    #[must_use]
    pub fn node(&self, name: &str) -> PathBuf {
        self.dev.join(name.replace('!', "/"))
    }
}

/// The text of `path`; none where there is no such file.
fn read_text(path: &Path) -> Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// The bytes of a one-line attribute without its newline; none where there is no such file.
fn read_line(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(mut bytes) => {
            bytes.pop_if(|last| *last == b'\n');
            Ok(Some(bytes))
        }
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(Error::io("read", path, error)),
    }
}

/// The names in `dir`, sorted; none where there is no such directory.
fn names_in(dir: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(Error::io("list", dir, error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", dir, error))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// Devices come and go while we look: ENODEV and ENXIO are as good as ENOENT.
fn is_absent(error: &io::Error) -> bool {
    use nix::libc::{ENODEV, ENOENT, ENOTDIR, ENXIO};
    matches!(error.raw_os_error(), Some(ENOENT | ENOTDIR | ENODEV | ENXIO))
}

fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests;
