//! Copies the set bits of a bitmap into a file whose bits are clear, a block at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::format::bitmap::bits::set_run;
use crate::format::bitmap::superblock::SUPER_BYTES;
use crate::units::{ChunkRun, Chunks};

/// Bits in a block.
const BLOCK_BITS: u64 = 8 << 16;

/// The block that is being filled. Runs come in order, so no block is touched twice.
pub(super) struct Runs<'a> {
    file: &'a File,
    bytes: Vec<u8>,
    first: u64,
    total: u64,
    failed: Option<io::Error>,
}

impl<'a> Runs<'a> {
    /// For a file of `total` bits.
    pub(super) fn new(file: &'a File, total: Chunks) -> Self {
        let len = usize::try_from(BLOCK_BITS / 8).unwrap_or(0);
        Self { file, bytes: vec![0; len], first: 0, total: total.get(), failed: None }
    }

    /// Sets the bits of `run`, as far as there are such bits.
    pub(super) fn set(&mut self, run: ChunkRun) {
        let end = run.end().get().min(self.total);
        let mut at = run.first.get();
        while at < end {
            if at - at % BLOCK_BITS != self.first {
                self.write();
                self.first = at - at % BLOCK_BITS;
            }
            let stop = end.min(self.first + BLOCK_BITS);
            let (start, len) = (Chunks::new(at - self.first), Chunks::new(stop - at));
            set_run(&mut self.bytes, ChunkRun { first: start, count: len });
            at = stop;
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first write that failed.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.write();
        self.failed.map_or(Ok(()), Err)
    }

    fn write(&mut self) {
        let bits = self.total.saturating_sub(self.first).min(BLOCK_BITS);
        let len = usize::try_from(bits.div_ceil(8)).unwrap_or(0);
        let written = self.file.write_all_at(&self.bytes[..len], SUPER_BYTES + self.first / 8);
        self.failed = self.failed.take().or(written.err());
        self.bytes.fill(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_across_blocks_arrive_and_nothing_else() {
        let file = tempfile::tempfile().unwrap();
        let total = 2 * BLOCK_BITS + 5;
        file.set_len(SUPER_BYTES + total.div_ceil(8)).unwrap();
        let mut runs = Runs::new(&file, Chunks::new(total));
        let wanted = [(3, 1), (BLOCK_BITS - 2, 4), (2 * BLOCK_BITS, 90)];
        for (start, len) in wanted {
            runs.set(ChunkRun { first: Chunks::new(start), count: Chunks::new(len) });
        }
        runs.finish().unwrap();
        let mut bytes = vec![0; usize::try_from(total.div_ceil(8)).unwrap()];
        file.read_exact_at(&mut bytes, SUPER_BYTES).unwrap();
        let set = |n| crate::format::bitmap::bits::is_set(&bytes, n);
        for n in 0..total {
            let should = wanted.iter().any(|(start, len)| (*start..start + len).contains(&n));
            assert_eq!(set(n), should, "bit {n}");
        }
        assert_eq!(file.metadata().unwrap().len(), SUPER_BYTES + total.div_ceil(8));
    }
}
