//! Finds the runs of dirty chunks in a bitmap that arrives block by block.
//!
//! Runs are maximal: one that crosses the border of two blocks comes out once, so it may be known
//! only after later blocks, or at [`RunBuilder::finish`]. Memory is constant, whatever the size.

use super::bits::word;
use crate::units::{ChunkRun, Chunks};

/// Joins chunks, told in order, to maximal runs.
#[derive(Clone, Debug)]
pub struct RunBuilder {
    chunks: u64,
    at: u64,
    open: Option<u64>,
}

impl RunBuilder {
    /// For a bitmap of `chunks`: what comes behind them is ignored.
    #[must_use]
    pub fn new(chunks: Chunks) -> Self {
        Self { chunks: chunks.get(), at: 0, open: None }
    }

    /// The chunk that comes next.
    #[must_use]
    pub fn position(&self) -> Chunks {
        Chunks::new(self.at)
    }

    /// The next `count` chunks are all dirty, or all clean; a run that ends here goes to `found`.
    pub fn push(&mut self, count: u64, dirty: bool, found: &mut impl FnMut(ChunkRun)) {
        let count = count.min(self.chunks - self.at);
        if count == 0 {
            return;
        }
        match (self.open, dirty) {
            (None, true) => self.open = Some(self.at),
            (Some(first), false) => {
                self.open = None;
                found(ChunkRun::between(Chunks::new(first), Chunks::new(self.at)));
            }
            _ => {}
        }
        self.at += count;
    }

    /// The run that reaches the end of what was told, if any.
    #[must_use]
    pub fn finish(self) -> Option<ChunkRun> {
        self.open.map(|first| ChunkRun::between(Chunks::new(first), Chunks::new(self.at)))
    }
}

/// Finds the runs of set bits in consecutive blocks of bits.
#[derive(Clone, Debug)]
pub struct BitScanner {
    runs: RunBuilder,
}

impl BitScanner {
    /// For a bitmap of `chunks` bits: the padding behind them is ignored.
    #[must_use]
    pub fn new(chunks: Chunks) -> Self {
        Self { runs: RunBuilder::new(chunks) }
    }

    /// The chunk whose bit comes next.
    #[must_use]
    pub fn position(&self) -> Chunks {
        self.runs.position()
    }

    /// Takes the next bytes of bits; every run that ends in them goes to `found`.
    pub fn feed(&mut self, block: &[u8], mut found: impl FnMut(ChunkRun)) {
        for bytes in block.chunks(8) {
            self.feed_word(word(bytes), bytes.len() as u64 * 8, &mut found);
        }
    }

    /// Takes `bytes` bytes of bits that nobody can read: they all count as set.
    pub fn feed_unreadable(&mut self, bytes: u64, mut found: impl FnMut(ChunkRun)) {
        self.runs.push(bytes.saturating_mul(8), true, &mut found);
    }

    /// The run that reaches the last bit, if any.
    #[must_use]
    pub fn finish(self) -> Option<ChunkRun> {
        self.runs.finish()
    }

    #[inline]
    fn feed_word(&mut self, word: u64, bits: u64, found: &mut impl FnMut(ChunkRun)) {
        let (mut rest, mut left) = (word, bits);
        while left > 0 {
            let dirty = rest & 1 == 1;
            let same = u64::from(if dirty { rest.trailing_ones() } else { rest.trailing_zeros() });
            let count = same.min(left);
            self.runs.push(count, dirty, found);
            rest = rest.checked_shr(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(0);
            left -= count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bitmap::bits;
    use proptest::prelude::*;

    fn scan(bytes: &[u8], chunks: u64, block: usize) -> Vec<ChunkRun> {
        let mut scanner = BitScanner::new(Chunks::new(chunks));
        let mut runs = Vec::new();
        bytes.chunks(block).for_each(|block| scanner.feed(block, |run| runs.push(run)));
        runs.extend(scanner.finish());
        runs
    }

    fn oracle(bytes: &[u8], chunks: u64) -> Vec<ChunkRun> {
        let mut runs: Vec<ChunkRun> = Vec::new();
        for n in (0..chunks.min(bytes.len() as u64 * 8)).filter(|n| bits::is_set(bytes, *n)) {
            match runs.last_mut() {
                Some(run) if run.end().get() == n => run.count = Chunks::new(run.count.get() + 1),
                _ => runs.push(ChunkRun { first: Chunks::new(n), count: Chunks::new(1) }),
            }
        }
        runs
    }

    /// Bytes as bitmaps have them: long stretches of all and nothing, and some noise.
    fn bitmap() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![Just(0u8), Just(0xff), any::<u8>()];
        let stretch = (byte, 1usize..40).prop_map(|(byte, n)| vec![byte; n]);
        prop::collection::vec(stretch, 0..12).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn runs_are_those_of_a_loop_over_every_bit(
            bytes in bitmap(), chunks in 0u64..2000, block in 1usize..70,
        ) {
            prop_assert_eq!(scan(&bytes, chunks, block), oracle(&bytes, chunks));
        }
    }

    #[test]
    fn what_cannot_be_read_is_dirty_and_joins_its_neighbours() {
        let mut scanner = BitScanner::new(Chunks::new(30));
        let mut runs = Vec::new();
        scanner.feed(&[0x80], |run| runs.push(run));
        scanner.feed_unreadable(1, |run| runs.push(run));
        scanner.feed(&[0x01, 0xf0], |run| runs.push(run));
        assert_eq!(runs, [ChunkRun::between(Chunks::new(7), Chunks::new(17))]);
        let last = scanner.finish();
        assert_eq!(last, Some(ChunkRun::between(Chunks::new(28), Chunks::new(30))));
    }
}
