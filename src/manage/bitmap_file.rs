//! A bitmap file that the kernel is to be given: everything that bears on whether it takes it.
//!
//! Gathering is here and opens the file for reading only; what the facts mean is decided in
//! `check`, before any call that changes anything, so that the answer is a sentence and not an
//! errno. A file that is in use is not read: its bits would be somebody else's.

mod check;
mod writers;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, access};

pub use check::{Wanted, check};
pub use writers::Writer;

use crate::error::{Error, Result};
use crate::guard::{InUse, open_exclusive, usage_of};
use crate::ioctl::file::{Mapped, block_bytes, mapped};
use crate::store::{BitmapAtRest, Report};
use crate::sysfs::System;
use crate::units::Bytes;

/// Blocks that are looked up at most: far more than any bitmap has.
const MOST_BLOCKS: u64 = 1 << 20;

/// What the block map says of a whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// Every block has a place.
    Whole,
    /// The first block without one begins here.
    HoleAt(Bytes),
    /// The file system gives no map.
    Never,
    /// It could not be asked.
    Unknown(Errno),
}

/// What was found out about a file.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Its length.
    pub length: Bytes,
    /// Its owner.
    pub owner: u32,
    /// Its permission bits.
    pub mode: u32,
    /// Where its blocks lie.
    pub map: Map,
    /// Who else uses it.
    pub in_use: Vec<InUse>,
    /// Programs that have it open for writing.
    pub writers: Vec<Writer>,
    /// Why it cannot be opened for writing.
    pub unwritable: Option<Errno>,
}

/// A bitmap file, looked at.
#[derive(Clone, Debug)]
pub struct BitmapFile {
    /// The path, without symbolic links: what the kernel will show.
    pub path: PathBuf,
    /// What was found out.
    pub facts: Facts,
    /// What is in it.
    pub report: Report,
}

impl BitmapFile {
    /// Looks at the file at `path`. Raising `stop` makes it give up.
    ///
    /// # Errors
    /// It is no regular file, or cannot be read.
    pub fn open(path: &Path, system: &System, stop: &AtomicBool) -> Result<Self> {
        let found = fs::canonicalize(path).map_err(|error| Error::io("open", path, error))?;
        regular(&found)?;
        let file = File::open(&found).map_err(|error| Error::io("open", path, error))?;
        let meta = file.metadata().map_err(|error| Error::io("look at", path, error))?;
        let facts = Facts {
            length: Bytes::new(meta.len()),
            owner: meta.uid(),
            mode: meta.mode() & 0o7777,
            map: map_of(&file, meta.len()),
            in_use: usage_of(&found, system)?,
            writers: writers::of(&meta, system),
            unwritable: access(&found, AccessFlags::W_OK).err(),
        };
        let report = BitmapAtRest::open(&found, stop)?.report().clone();
        Ok(Self { path: found, facts, report })
    }

    /// Opens it as the kernel wants it: for writing, and nobody else so.
    ///
    /// # Errors
    /// It is in use by now, or cannot be opened.
    pub fn open_for_kernel(&self) -> Result<File> {
        let file = open_exclusive(&self.path, true, OFlag::empty())?;
        // The kernel keeps the descriptor's other end, which would keep the lock, too.
        file.unlock().map_err(|error| Error::io("unlock", &self.path, error))?;
        Ok(file)
    }
}

fn regular(path: &Path) -> Result<()> {
    let kind = fs::metadata(path).map_err(|error| Error::io("look at", path, error))?.file_type();
    let error = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_block_device() => Error::refused(
            "a block device; the kernel takes a bitmap from a regular file only, and always has",
        )
        .hint("`mdbitmap resync --bitmap` goes by it while the array is stopped")
        .more("for the kernel, make a file with `mdbitmap create`"),
        () => Error::usage("not a regular file"),
    };
    Err(error.at_path(path))
}

fn map_of(file: &File, length: u64) -> Map {
    let block = match block_bytes(file) {
        Ok(block) => block,
        Err(errno) => return Map::Unknown(errno),
    };
    for index in 0..length.div_ceil(block).min(MOST_BLOCKS) {
        match mapped(file, u32::try_from(index).unwrap_or(u32::MAX)) {
            Ok(Mapped::Yes) => {}
            Ok(Mapped::No) => return Map::HoleAt(Bytes::new(index * block)),
            Ok(Mapped::Never) => return Map::Never,
            Ok(Mapped::Forbidden) => return Map::Unknown(Errno::EPERM),
            Err(errno) => return Map::Unknown(errno),
        }
    }
    Map::Whole
}

/// The text of a system error.
fn words(errno: Errno) -> String {
    io::Error::from(errno).to_string()
}
