//! Opens members and bitmaps: for looking, read-only; for working, exclusively and only after
//! every sign of use was looked for.
//!
//! Block devices are read past the page cache, which knows nothing of what md wrote.

use std::fs::File;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::error::{Error, Result};
use crate::guard::{System, no_foreign_links, open_exclusive, refresh, sentence, usage_of};
use crate::io::{Access, Device};

/// Opens `path`, if nobody uses it. A link of somebody else is followed for reading as little as for
/// writing: what is read is planned with, and a rehearsal tells what the run would say.
///
/// # Errors
/// Refused where it is in use or behind such a link; I/O errors with the path.
pub(crate) fn open(path: &Path, access: Access, system: &System) -> Result<Device> {
    no_foreign_links(path)?;
    let reasons = usage_of(path, system)?;
    if !reasons.is_empty() {
        let hint = "stop what uses it first; a running array is resynced by the kernel";
        return Err(Error::refused(sentence(&reasons)).at_path(path).hint(hint));
    }
    let write = access == Access::Write;
    let meta = std::fs::metadata(path).map_err(|e| Error::io("look at", path, e))?;
    if !meta.file_type().is_block_device() {
        return Device::new(open_exclusive(path, write, OFlag::empty())?, path, 1);
    }
    Device::direct(open_exclusive(path, write, OFlag::O_DIRECT)?, path)
}

/// Opens the bitmap at `path`, as [`open`]. A file may have been attached to the array, whose driver
/// wrote it behind the file system: what the page cache kept of it must be what is on the disk.
///
/// # Errors
/// As [`open`]; refused where the page cache holds old bits.
pub(crate) fn open_bitmap(path: &Path, access: Access, system: &System) -> Result<Device> {
    // First: a file in use is refused for that.
    let device = open(path, access, system)?;
    if path.is_file() {
        let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
        refresh(&file, path)?;
    }
    Ok(device)
}

/// Refuses two names for one thing: it would be read and written as two members.
///
/// # Errors
/// Refused, naming both.
pub(crate) fn all_different(devices: &[Device]) -> Result<()> {
    for (i, one) in devices.iter().enumerate() {
        for other in &devices[i + 1..] {
            if one.identity() == other.identity() {
                let why = format!("the same as {}", one.path().display());
                return Err(Error::refused(why).at_path(other.path()));
            }
        }
    }
    Ok(())
}
