//! Compares the members' data: the proof at the end of the demo, made without the engine that is
//! to be proved.
//!
//! Holes are skipped, so a sparse array of a terabyte is compared in no time.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use crate::error::{Error, Result};
use crate::units::{Bytes, SECTOR_BYTES, SectorRange, Sectors};

/// Compared at once.
const BLOCK: u64 = 1 << 20;

/// The ranges of the array in which the data areas of `members`, `size` from `data_offset` on, do
/// not all hold the same; merged where they touch.
///
/// # Errors
/// A member cannot be read, or ends before its data does.
pub fn differences(
    members: &[PathBuf],
    data_offset: Sectors,
    size: Sectors,
) -> Result<Vec<SectorRange>> {
    let overflow = || Error::usage("the size is too large");
    let start = data_offset.to_bytes().ok_or_else(overflow)?.get();
    let end = size.to_bytes().and_then(|size| size.get().checked_add(start));
    let end = end.ok_or_else(overflow)?;
    let images = members.iter().map(|path| Image::open(path, end)).collect::<Result<Vec<_>>>()?;
    let mut found = Vec::new();
    let mut at = start;
    while let Some(next) = next_data(&images, at, end)? {
        // Data begins on a boundary of the file system's blocks; sectors are what is compared.
        at = (next - next % SECTOR_BYTES).max(at);
        let length = BLOCK.min(end - at);
        let blocks =
            images.iter().map(|image| image.read(at, length)).collect::<Result<Vec<_>>>()?;
        let first = Bytes::new(at - start).to_sectors_floor();
        compare(&blocks, first, &mut found);
        at += length;
    }
    Ok(found)
}

/// Enough of a sector to tell an old one from a new one.
const EXCERPT: usize = 56;

/// How the sector `at` of the file begins, with dots for what is no text.
pub(super) fn excerpt(path: &Path, at: Sectors) -> Result<String> {
    let offset = at.to_bytes().ok_or_else(|| Error::usage("the position is too large"))?;
    let image = Image::open(path, offset.get())?;
    let bytes = image.read(offset.get(), EXCERPT as u64)?;
    let shown = |byte: &u8| if byte.is_ascii_graphic() || *byte == b' ' { *byte } else { b'.' };
    Ok(bytes.iter().map(|byte| char::from(shown(byte))).collect())
}

/// Where the first member that has no hole there has data, at `at` or behind it.
fn next_data(images: &[Image<'_>], at: u64, end: u64) -> Result<Option<u64>> {
    let mut next = None;
    for image in images {
        let data = image.next_data(at)?.filter(|data| *data < end);
        next = [next, data].into_iter().flatten().min();
    }
    Ok(next.filter(|_| at < end))
}

/// Adds the sectors from `first` on in which `blocks` differ.
fn compare(blocks: &[Vec<u8>], first: Sectors, found: &mut Vec<SectorRange>) {
    let Some((one, others)) = blocks.split_first() else { return };
    if others.iter().all(|other| other == one) {
        return;
    }
    let sector = Bytes::new(SECTOR_BYTES).to_usize().unwrap_or(512);
    for (n, here) in (0..).zip(one.chunks(sector)) {
        let at = usize::try_from(n).unwrap_or(usize::MAX) * sector;
        if others.iter().any(|other| other[at..at + here.len()] != *here) {
            add(found, first.saturating_add(Sectors::new(n)));
        }
    }
}

fn add(found: &mut Vec<SectorRange>, at: Sectors) {
    let one = Sectors::new(1);
    match found.last_mut() {
        Some(last) if last.end() == at => last.len = last.len.saturating_add(one),
        _ => found.push(SectorRange { start: at, len: one }),
    }
}

struct Image<'a> {
    file: File,
    path: &'a Path,
}

impl<'a> Image<'a> {
    fn open(path: &'a Path, end: u64) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        let length = file.metadata().map_err(|error| Error::io("look at", path, error))?.len();
        match length < end {
            true => Err(Error::damaged("it ends before its data does").at_path(path)),
            false => Ok(Self { file, path }),
        }
    }

    fn read(&self, at: u64, length: u64) -> Result<Vec<u8>> {
        let mut bytes = vec![0; Bytes::new(length).to_usize().unwrap_or(0)];
        let read = self.file.read_exact_at(&mut bytes, at);
        let error = |error| Error::io("read", self.path, error).at_offset(Bytes::new(at));
        read.map(|()| bytes).map_err(error)
    }

    /// The first byte at or behind `at` that is not in a hole.
    fn next_data(&self, at: u64) -> Result<Option<u64>> {
        let from = i64::try_from(at).map_err(|_| Error::usage("the size is too large"))?;
        match lseek(&self.file, from, Whence::SeekData) {
            Ok(data) => Ok(u64::try_from(data).ok()),
            Err(Errno::ENXIO) => Ok(None),
            Err(errno) => Err(Error::io("seek in", self.path, errno.into())),
        }
    }
}
