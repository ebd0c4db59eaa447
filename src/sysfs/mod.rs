//! What the kernel publishes about devices: sysfs attributes and the tables in /proc.
//!
//! Every path hangs off a [`System`], so that tests show us a made-up machine. Parsers are strict
//! and total: a line we do not understand is dropped, never guessed at, and nothing panics, for
//! names of mounts and files come from other users. Imports `units` and `error`.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

pub mod attr;
pub mod block;
pub mod devnum;
pub mod loops;
pub mod md;
pub mod mdstat;
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

/// The most that is read of mdstat.
const MDSTAT: u64 = 1 << 20;
/// The most that is read of the other tables in /proc: thousands of mounts are nothing unusual.
const TABLE: u64 = 64 << 20;
/// The most that the kernel prints into an attribute.
const PAGE: u64 = 4096;

/// The text of the attribute or table `path`; none where there is no such file.
fn read_text(path: &Path, limit: u64) -> Result<Option<String>> {
    let text = read_bytes(path, limit)?;
    Ok(text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
}

/// The bytes of a one-line attribute without its newline; none where there is no such file.
fn read_line(path: &Path) -> Result<Option<Vec<u8>>> {
    let mut line = read_bytes(path, PAGE)?;
    if let Some(bytes) = &mut line {
        bytes.pop_if(|last| *last == b'\n');
    }
    Ok(line)
}

/// The bytes of `path`; none where there is no such file. More than `limit` is an error: half a table
/// would hide what is in use.
fn read_bytes(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    match read {
        Ok(len) if u64::try_from(len).is_ok_and(|len| len <= limit) => Ok(Some(bytes)),
        Ok(_) => Err(Error::damaged(format!("more than {limit} bytes")).at_path(path)),
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
