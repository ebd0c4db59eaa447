//! The lockless bitmap (version 6): one byte of state per chunk instead of one bit.
//!
//! Its superblock is the common one of [`super::bitmap`], with the chunk size in sectors; state
//! bytes start 1024 bytes behind its start. A byte that means nothing is taken as need-sync, as
//! the kernel takes it.

use super::bitmap::scanner::RunBuilder;
use crate::units::{ChunkRun, Chunks};

pub mod rules;

/// What a chunk is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChunkState {
    /// Never written: nothing to keep in sync.
    Unwritten,
    /// The copies are equal, parity is right.
    Clean,
    /// Being written, or written lately.
    Dirty,
    /// Must be resynced.
    NeedSync,
    /// Being resynced.
    Syncing,
    /// Never written; parity is to be built.
    NeedSyncUnwritten,
    /// Never written; parity is being built.
    SyncingUnwritten,
    /// Never written; parity is right.
    CleanUnwritten,
}

impl ChunkState {
    /// Every state, by its value on disk.
    pub const ALL: [Self; 8] = [
        Self::Unwritten,
        Self::Clean,
        Self::Dirty,
        Self::NeedSync,
        Self::Syncing,
        Self::NeedSyncUnwritten,
        Self::SyncingUnwritten,
        Self::CleanUnwritten,
    ];

    /// The state of this value, where there is one.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// The value on disk.
    #[must_use]
    pub const fn byte(self) -> u8 {
        self as u8
    }

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unwritten => "unwritten",
            Self::Clean => "clean",
            Self::Dirty => "dirty",
            Self::NeedSync => "need-sync",
            Self::Syncing => "syncing",
            Self::NeedSyncUnwritten => "need-sync-unwritten",
            Self::SyncingUnwritten => "syncing-unwritten",
            Self::CleanUnwritten => "clean-unwritten",
        }
    }

    /// Whether a resync has to visit the chunk: it was written, and may differ between members.
    #[must_use]
    pub const fn needs_resync(self) -> bool {
        matches!(self, Self::Dirty | Self::NeedSync | Self::Syncing)
    }
}

/// Whether a resync has to visit a chunk with this byte on disk.
#[must_use]
pub fn needs_resync(byte: u8) -> bool {
    ChunkState::from_byte(byte).is_none_or(ChunkState::needs_resync)
}

/// How many chunks are in each state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCounts {
    by_byte: [u64; 256],
}

impl Default for StateCounts {
    fn default() -> Self {
        Self { by_byte: [0; 256] }
    }
}

impl StateCounts {
    /// Counts more state bytes.
    pub fn add(&mut self, states: &[u8]) {
        states.iter().for_each(|state| self.by_byte[usize::from(*state)] += 1);
    }

    /// Counts `more` chunks in `state`.
    pub fn add_many(&mut self, state: ChunkState, more: u64) {
        let count = &mut self.by_byte[usize::from(state.byte())];
        *count = count.saturating_add(more);
    }

    /// Chunks in `state`.
    #[must_use]
    pub fn of(&self, state: ChunkState) -> u64 {
        self.by_byte[usize::from(state.byte())]
    }

    /// Chunks whose byte means nothing.
    #[must_use]
    pub fn unknown(&self) -> u64 {
        self.by_byte[ChunkState::ALL.len()..].iter().sum()
    }

    /// Chunks that a resync has to visit.
    #[must_use]
    pub fn dirty(&self) -> u64 {
        let known = ChunkState::ALL.into_iter().filter(|state| state.needs_resync());
        known.map(|state| self.of(state)).sum::<u64>() + self.unknown()
    }

    /// Chunks counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_byte.iter().sum()
    }
}

/// Finds the runs of chunks that a resync has to visit, in consecutive blocks of state bytes.
#[derive(Clone, Debug)]
pub struct StateScanner {
    runs: RunBuilder,
}

impl StateScanner {
    /// For a bitmap of `chunks` state bytes: what lies behind them is ignored.
    #[must_use]
    pub fn new(chunks: Chunks) -> Self {
        Self { runs: RunBuilder::new(chunks) }
    }

    /// The chunk whose byte comes next.
    #[must_use]
    pub fn position(&self) -> Chunks {
        self.runs.position()
    }

    /// Takes the next state bytes; every run that ends in them goes to `found`.
    pub fn feed(&mut self, states: &[u8], mut found: impl FnMut(ChunkRun)) {
        for same in states.chunk_by(|a, b| needs_resync(*a) == needs_resync(*b)) {
            self.runs.push(same.len() as u64, needs_resync(same[0]), &mut found);
        }
    }

    /// Takes `bytes` state bytes that nobody can read: they all count as dirty.
    pub fn feed_unreadable(&mut self, bytes: u64, mut found: impl FnMut(ChunkRun)) {
        self.runs.push(bytes, true, &mut found);
    }

    /// The run that reaches the last chunk, if any.
    #[must_use]
    pub fn finish(self) -> Option<ChunkRun> {
        self.runs.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_their_values_and_meanings() {
        for (n, state) in (0u8..).zip(ChunkState::ALL) {
            assert_eq!((state.byte(), ChunkState::from_byte(n)), (n, Some(state)));
        }
        assert_eq!(ChunkState::from_byte(8), None);
        let dirty: Vec<u8> = (0..=9).filter(|byte| needs_resync(*byte)).collect();
        assert_eq!(dirty, [2, 3, 4, 8, 9]);
    }

    #[test]
    fn counting_and_scanning_agree() {
        let states = [0, 1, 2, 3, 4, 5, 6, 7, 255, 2, 2];
        let mut counts = StateCounts::default();
        counts.add(&states);
        assert_eq!((counts.dirty(), counts.total(), counts.unknown()), (6, 11, 1));
        let mut scanner = StateScanner::new(Chunks::new(10));
        let mut runs = Vec::new();
        states.chunks(3).for_each(|block| scanner.feed(block, |run| runs.push(run)));
        runs.extend(scanner.finish());
        let run = |first, end| ChunkRun::between(Chunks::new(first), Chunks::new(end));
        assert_eq!(runs, [run(2, 5), run(8, 10)]);
    }
}
