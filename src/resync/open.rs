//! Opens members and bitmaps: for looking, read-only; for working, exclusively and only after
//! every sign of use was looked for.
//!
//! Block devices are read past the page cache, which knows nothing of what md wrote. Of an image file
//! that is to be written the cache is dropped: an earlier run may have failed to flush it, and what
//! was lost then would be taken for what is there.

use std::fs::File;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use nix::fcntl::OFlag;

use crate::error::{Error, Result};
use crate::guard::{
    System, drop_pages, no_foreign_links, open_exclusive, refresh, sentence, usage_of,
};
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
        let file = open_exclusive(path, write, OFlag::empty())?;
        if write {
            drop_pages(&file, path)?;
        }
        return Device::new(file, path, 1);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Bytes;

    const LEN: usize = 1 << 20;

    /// How many bytes this thread had the disk read so far, where the kernel counts them.
    fn counted() -> Option<u64> {
        let account = std::fs::read_to_string("/proc/thread-self/io").ok()?;
        let mut lines = account.lines();
        lines.find_map(|line| line.strip_prefix("read_bytes: "))?.parse().ok()
    }

    /// What the disk has to give when all of a device is read.
    fn from_disk(device: &Device) -> Option<u64> {
        let before = counted()?;
        device.read(&mut vec![0; LEN], Bytes::ZERO).unwrap();
        Some(counted()? - before)
    }

    #[test]
    fn what_an_image_holds_is_read_from_the_disk_before_it_is_written() {
        let dir = tempfile::TempDir::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = dir.path().join("member");
        std::fs::write(&path, vec![7; LEN]).unwrap();
        let read = |access| from_disk(&open(&path, access, &System::default()).unwrap());
        drop_pages(&File::open(&path).unwrap(), &path).unwrap();
        if read(Access::Read) < Some(LEN as u64) || read(Access::Read) != Some(0) {
            println!("skipped: no page cache before a disk here, or nothing is counted");
            return;
        }
        assert!(read(Access::Write) >= Some(LEN as u64), "old pages were read");
    }
}
