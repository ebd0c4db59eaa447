//! The dirty runs of a bitmap, asked for one by one: two bitmaps can be walked side by side.
//!
//! Memory is constant: bits are read in small blocks, and a run that crosses blocks comes out once.

use std::collections::VecDeque;

use super::reader::{Reader, Trouble};
use crate::format::bitmap::BitScanner;
use crate::format::bitmap::superblock::SUPER_BYTES;
use crate::units::{Bytes, ChunkRun, Chunks};

/// Bytes of bits read at a time.
const BLOCK: u64 = 64 << 10;

/// Maximal runs of dirty chunks, in order.
#[derive(Debug)]
pub struct Pull<'a> {
    reader: Reader<'a>,
    at: Bytes,
    left: u64,
    scanner: Option<BitScanner>,
    ready: VecDeque<ChunkRun>,
}

impl<'a> Pull<'a> {
    /// Of the bitmap of `chunks` bits whose superblock lies at `start`.
    pub(super) fn new(reader: Reader<'a>, start: Bytes, chunks: Chunks) -> Self {
        Self {
            reader,
            at: start.saturating_add(Bytes::new(SUPER_BYTES)),
            left: chunks.get().div_ceil(8),
            scanner: Some(BitScanner::new(chunks)),
            ready: VecDeque::new(),
        }
    }

    /// Reads the next block; false at the end.
    fn refill(&mut self) -> bool {
        let ready = &mut self.ready;
        if self.left == 0 {
            let last = self.scanner.take().map(BitScanner::finish);
            ready.extend(last.flatten());
            return last.is_some();
        }
        let len = Reader::step(self.at, self.left.min(BLOCK));
        let bytes = self.reader.read(self.at, len, 0xff, &mut Trouble::default());
        if let Some(scanner) = &mut self.scanner {
            scanner.feed(bytes, |run| ready.push_back(run));
        }
        self.at = self.at.saturating_add(Bytes::from(len));
        self.left -= len as u64;
        true
    }
}

impl Iterator for Pull<'_> {
    type Item = ChunkRun;

    fn next(&mut self) -> Option<ChunkRun> {
        while self.ready.is_empty() && self.refill() {}
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::store::reader::ReadAt;

    struct Memory(Vec<u8>);

    impl ReadAt for Memory {
        fn size(&self) -> Bytes {
            Bytes::from(self.0.len())
        }

        fn read_at(&self, buf: &mut [u8], offset: Bytes) -> io::Result<usize> {
            let start = offset.to_usize().unwrap().min(self.0.len());
            let end = (start + buf.len()).min(self.0.len());
            buf[..end - start].copy_from_slice(&self.0[start..end]);
            Ok(end - start)
        }
    }

    #[test]
    fn runs_across_blocks_come_once_and_what_is_cut_off_is_dirty() {
        let mut bytes = vec![0; 256 + 3 * 65536];
        bytes[256] = 1;
        bytes[256 + 60_000..256 + 140_000].fill(0xff);
        let source = Memory(bytes);
        let chunks = 8 * 4 * 65536 - 3;
        let pull = Pull::new(Reader::new(&source), Bytes::ZERO, Chunks::new(chunks));
        let runs: Vec<_> = pull.map(|run| (run.first.get(), run.end().get())).collect();
        assert_eq!(runs, [(0, 1), (480_000, 1_120_000), (8 * 3 * 65536, chunks)]);
    }
}
