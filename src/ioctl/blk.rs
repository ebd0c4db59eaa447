//! Block devices: how large they are, and what the page cache holds of them.

use std::fs::File;
use std::path::Path;

use nix::errno::Errno;

use super::raw;
use crate::error::{Error, Result};
use crate::units::Bytes;

/// The size of the block device that `device` is open on; `path` is for the message.
///
/// # Errors
/// The kernel says no: it is no block device, or it is gone.
pub fn size(device: &File, path: &Path) -> Result<Bytes> {
    raw::size_bytes(device).map(Bytes::new).map_err(|e| failed("ask for the size", path, e))
}

/// The logical block size in bytes: what direct I/O must be aligned to.
///
/// # Errors
/// The kernel says no, or names a size that is no power of two of 512 at least.
pub fn logical_block(device: &File, path: &Path) -> Result<Bytes> {
    let bytes = raw::logical_block(device)
        .map_err(|e| failed("ask for the logical block size", path, e))?;
    let known = u64::try_from(bytes).ok().filter(|n| *n >= 512 && n.is_power_of_two());
    known.map(Bytes::new).ok_or_else(|| {
        Error::damaged(format!("the kernel gives a logical block of {bytes} bytes")).at_path(path)
    })
}

/// Writes back and drops what the page cache holds of the device, so that the next read comes from
/// the disk. Needs CAP_SYS_ADMIN.
///
/// # Errors
/// The kernel says no.
pub fn drop_cache(device: &File, path: &Path) -> Result<()> {
    raw::flush_cache(device).map_err(|e| failed("drop the page cache", path, e))
}

fn failed(operation: &str, path: &Path, errno: Errno) -> Error {
    let error = Error::io(operation, path, errno.into());
    match errno {
        Errno::ENOTTY => error.hint("it is no block device"),
        Errno::EACCES | Errno::EPERM => error.hint("only root may ask; run it as root"),
        Errno::ENXIO | Errno::ENODEV => error.hint("the device is gone"),
        _ => error,
    }
}
