//! Reads that go on where the disk does not: what cannot be read is narrowed down to the block,
//! noted, and replaced by bytes that say "dirty".
//!
//! Buffers are aligned for direct reads by taking an aligned part of a larger allocation.

use std::io;

use crate::units::{Bytes, SECTOR_BYTES, SectorRange};

/// Reads are aligned to this, which every direct read allows, and failures are narrowed to it.
const BLOCK: usize = 4096;
/// The most bytes asked for in one read; stays in the cache of the processor.
pub(super) const WINDOW: usize = 1 << 20;
/// Ranges of unreadable sectors that are kept one by one.
const KEPT_RANGES: usize = 64;

/// Something to read from at any place.
pub trait ReadAt {
    /// Its length.
    fn size(&self) -> Bytes;

    /// Reads into `buf` from `offset`; fewer bytes than asked for mean the end, or a reason to ask
    /// again.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read_at(&self, buf: &mut [u8], offset: Bytes) -> io::Result<usize>;
}

/// What went wrong while reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trouble {
    /// Sectors of the source that cannot be read, in order; the first of them, when there are many.
    pub unreadable: Vec<SectorRange>,
    /// Sectors that cannot be read, all told.
    pub unreadable_sectors: u64,
    /// What the system said about the first of them.
    pub errno: Option<i32>,
    /// Bytes that were wanted and lie behind the end.
    pub missing: u64,
}

impl Trouble {
    fn note(&mut self, block: SectorRange, error: &io::Error) {
        self.unreadable_sectors += block.len.get();
        self.errno = self.errno.or(error.raw_os_error());
        let room = self.unreadable.len() < KEPT_RANGES;
        match self.unreadable.last_mut() {
            Some(last) if last.end() == block.start => {
                last.len = last.len.saturating_add(block.len);
            }
            _ if room => self.unreadable.push(block),
            _ => {}
        }
    }
}

/// A source and a buffer to read it with.
pub struct Reader<'a> {
    source: &'a dyn ReadAt,
    memory: Vec<u8>,
    aligned: usize,
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl<'a> Reader<'a> {
    /// For reads of at most [`Reader::MOST`] bytes from `source`.
    #[must_use]
    pub fn new(source: &'a dyn ReadAt) -> Self {
        let memory = vec![0; WINDOW + BLOCK];
        let aligned = memory.as_ptr().align_offset(BLOCK).min(BLOCK);
        Self { source, memory, aligned }
    }

    /// The most bytes one read may ask for, wherever it begins.
    pub const MOST: usize = WINDOW - BLOCK;

    /// The length of what is read.
    #[must_use]
    pub fn source_size(&self) -> Bytes {
        self.source.size()
    }

    /// How many of `wanted` bytes at `at` to ask for, so that the next read begins aligned.
    #[must_use]
    pub fn step(at: Bytes, wanted: u64) -> usize {
        let odd = usize::try_from(at.get() % BLOCK as u64).unwrap_or(0);
        usize::try_from(wanted).unwrap_or(usize::MAX).min(WINDOW - BLOCK - odd)
    }

    /// The `len` bytes at `at`. Those that cannot be read, or are not there, are `filler` and are
    /// noted in `trouble`.
    pub fn read(&mut self, at: Bytes, len: usize, filler: u8, trouble: &mut Trouble) -> &[u8] {
        let start = at.round_down(BLOCK as u64);
        let odd = usize::try_from(at.get() - start.get()).unwrap_or(0);
        let len = len.min(Self::MOST);
        let window = (odd + len).next_multiple_of(BLOCK);
        let buf = &mut self.memory[self.aligned..self.aligned + window];
        let got = read_window(self.source, start, buf, filler, trouble);
        buf[got..].fill(filler);
        trouble.missing += (odd + len).saturating_sub(got.max(odd)) as u64;
        &buf[odd..odd + len]
    }
}

/// Fills `buf` from `start`; returns how far it got before the end of the source.
fn read_window(
    source: &dyn ReadAt,
    start: Bytes,
    buf: &mut [u8],
    filler: u8,
    trouble: &mut Trouble,
) -> usize {
    let mut at = 0;
    let mut ask = buf.len();
    while at < buf.len() {
        let offset = start.saturating_add(Bytes::from(at));
        let end = buf.len().min(at + ask);
        match source.read_at(&mut buf[at..end], offset) {
            Ok(0) => break,
            // An end within a block is the end of the file: a direct read cannot go on from there.
            Ok(n) if n % BLOCK != 0 => return at + n,
            Ok(n) => {
                at += n;
                ask = (ask * 2).min(buf.len());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if end - at > BLOCK => ask = ((end - at) / 2).next_multiple_of(BLOCK),
            Err(error) => {
                buf[at..end].fill(filler);
                trouble.note(block_at(offset), &error);
                at = end;
            }
        }
    }
    at
}

fn block_at(offset: Bytes) -> SectorRange {
    let sectors = BLOCK as u64 / SECTOR_BYTES;
    SectorRange { start: offset.to_sectors_floor(), len: crate::units::Sectors::new(sectors) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Sectors;

    /// Bytes of which some blocks cannot be read.
    struct Bad {
        bytes: Vec<u8>,
        blocks: Vec<usize>,
    }

    impl ReadAt for Bad {
        fn size(&self) -> Bytes {
            Bytes::from(self.bytes.len())
        }

        fn read_at(&self, buf: &mut [u8], offset: Bytes) -> io::Result<usize> {
            let start = offset.to_usize().unwrap().min(self.bytes.len());
            let end = (start + buf.len()).min(self.bytes.len());
            let hit = |block: &usize| start < (block + 1) * BLOCK && block * BLOCK < end;
            if self.blocks.iter().any(hit) {
                return Err(io::Error::from_raw_os_error(5));
            }
            buf[..end - start].copy_from_slice(&self.bytes[start..end]);
            Ok(end - start)
        }
    }

    fn range(start: u64, len: u64) -> SectorRange {
        SectorRange { start: Sectors::new(start), len: Sectors::new(len) }
    }

    #[test]
    fn an_error_in_the_middle_costs_its_blocks_alone() {
        let source = Bad { bytes: vec![7; 64 * BLOCK], blocks: vec![20, 21, 50] };
        let mut trouble = Trouble::default();
        let mut reader = Reader::new(&source);
        let read = reader.read(Bytes::new(256), 60 * BLOCK, 0xff, &mut trouble);
        let bad: Vec<usize> = (0..read.len()).filter(|at| read[*at] == 0xff).collect();
        assert_eq!(bad.len(), 3 * BLOCK);
        assert_eq!(bad[0], 20 * BLOCK - 256);
        assert_eq!(trouble.unreadable, [range(160, 16), range(400, 8)]);
        assert_eq!((trouble.unreadable_sectors, trouble.errno), (24, Some(5)));
        assert_eq!(trouble.missing, 0);
    }

    #[test]
    fn what_lies_behind_the_end_is_missing() {
        let source = Bad { bytes: vec![7; 5000], blocks: vec![] };
        let mut trouble = Trouble::default();
        let mut reader = Reader::new(&source);
        assert_eq!(reader.read(Bytes::new(4990), 20, 0xff, &mut trouble)[8..12], [7, 7, 255, 255]);
        assert_eq!(trouble.missing, 10);
        assert_eq!(reader.read(Bytes::new(90_000), 2, 0xff, &mut trouble), [255, 255]);
        assert_eq!(trouble.missing, 12);
        assert_eq!(reader.read(Bytes::new(8191), 1, 0xff, &mut trouble), [255]);
        assert_eq!(trouble.missing, 13);
        let aligned = Bad { bytes: vec![7; 8192], blocks: vec![] };
        let mut reader = Reader::new(&aligned);
        assert_eq!(reader.read(Bytes::new(8190), 4, 1, &mut trouble), [7, 7, 1, 1]);
    }

    #[test]
    fn a_source_that_fails_throughout_is_survived() {
        let source = Bad { bytes: vec![7; 1 << 20], blocks: (0..256).collect() };
        let mut trouble = Trouble::default();
        let mut reader = Reader::new(&source);
        let read = reader.read(Bytes::ZERO, Reader::MOST, 0xff, &mut trouble);
        assert!(read.iter().all(|byte| *byte == 0xff));
        assert_eq!(trouble.unreadable, [range(0, 2040)]);
    }
}
