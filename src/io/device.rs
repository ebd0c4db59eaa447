//! A file or block device that an engine works on.
//!
//! Whether it may be written is part of how it was opened, and the kernel holds us to it: a device
//! for reading is opened read-only. Opening itself, with its checks, happens elsewhere.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::ioctl::blk;
use crate::units::Bytes;

/// What may be done to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Opened read-only.
    Read,
    /// Opened for reading and writing.
    Write,
}

/// An open file or block device.
#[derive(Debug)]
pub struct Device {
    file: File,
    path: PathBuf,
    size: Bytes,
    align: u64,
    identity: (u64, u64),
}

impl Device {
    /// Takes an open file over. `align` is the unit of its transfers: the logical block size for
    /// direct I/O, 1 for buffered I/O.
    ///
    /// # Errors
    /// Its size cannot be learnt.
    pub fn new(file: File, path: impl AsRef<Path>, align: u64) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let size = size_of(&file).map_err(|e| Error::io("learn the size", &path, e))?;
        let meta = file.metadata().map_err(|e| Error::io("look at", &path, e))?;
        let identity = match meta.file_type().is_block_device() {
            true => (u64::MAX, meta.rdev()),
            false => (meta.dev(), meta.ino()),
        };
        Ok(Self { file, path, size: Bytes::new(size), align, identity })
    }

    /// Takes over a block device opened for direct I/O, in units of its logical blocks.
    ///
    /// # Errors
    /// Its size or block size cannot be learnt.
    pub fn direct(file: File, path: impl AsRef<Path>) -> Result<Self> {
        let align = blk::logical_block(&file, path.as_ref())?;
        Self::new(file, path, align.get())
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it is, whatever its name: equal for two names of one file or device.
    #[must_use]
    pub fn identity(&self) -> (u64, u64) {
        self.identity
    }

    /// Its size when it was opened.
    #[must_use]
    pub fn size(&self) -> Bytes {
        self.size
    }

    /// The unit of its transfers in bytes.
    #[must_use]
    pub fn align(&self) -> u64 {
        self.align
    }

    /// Whether its transfers are copies from and to the page cache.
    pub(super) fn is_cached(&self) -> bool {
        self.align == 1
    }

    /// Its descriptor, for engines that name it to the kernel; open as long as this is.
    pub(super) fn raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Fills `buf` from `offset`, however many calls that takes.
    ///
    /// # Errors
    /// The device failed or ended before.
    pub fn read(&self, buf: &mut [u8], offset: Bytes) -> io::Result<()> {
        self.file.read_exact_at(buf, offset.get())
    }

    /// Writes all of `buf` at `offset`.
    ///
    /// # Errors
    /// The device failed or ended before. A file is never made longer.
    pub fn write(&self, buf: &[u8], offset: Bytes) -> io::Result<()> {
        let end = offset.checked_add(Bytes::from(buf.len()));
        if end.is_none_or(|end| end > self.size) {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        self.file.write_all_at(buf, offset.get())
    }

    /// Makes all that was written stable.
    ///
    /// # Errors
    /// The device failed: nothing written since the last flush may be taken for stable.
    pub fn flush(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

fn size_of(file: &File) -> io::Result<u64> {
    let meta = file.metadata()?;
    match meta.file_type().is_block_device() {
        // The end of a block device is where seeking to it leads.
        true => io::Seek::seek(&mut &*file, io::SeekFrom::End(0)),
        false => Ok(meta.len()),
    }
}
