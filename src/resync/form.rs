//! How dirt is written down: a bit per chunk, or a state byte per chunk. Pure.
//!
//! The store reads and writes pages; what their bytes mean is told here and nowhere else. For a bit,
//! set is dirty, and copies are united by an or; for a state byte see [`crate::format::llbitmap`].

use crate::format::bitmap::bits;
use crate::format::llbitmap::{ChunkState, needs_resync, rules};
use crate::units::ChunkRun;

/// What the bytes of a page mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A bit for each chunk: classic and clustered bitmaps.
    Bits,
    /// A byte for each chunk: lockless bitmaps.
    States {
        /// Whether a member that was away joins.
        returning: bool,
    },
}

impl Form {
    /// Chunks that `bytes` tell of.
    #[must_use]
    pub const fn chunks_in(self, bytes: u64) -> u64 {
        match self {
            Self::Bits => bytes.saturating_mul(8),
            Self::States { .. } => bytes,
        }
    }

    /// Bytes that tell of `chunks`.
    #[must_use]
    pub const fn bytes_for(self, chunks: u64) -> u64 {
        match self {
            Self::Bits => chunks.div_ceil(8),
            Self::States { .. } => chunks,
        }
    }

    /// Adds to `all` what another copy says.
    pub(super) fn unite(self, all: &mut [u8], one: &[u8]) {
        let unite = match self {
            Self::Bits => |a: u8, b: u8| a | b,
            Self::States { .. } => rules::merged,
        };
        all.iter_mut().zip(one).for_each(|(a, b)| *a = unite(*a, *b));
    }

    /// A page that says that everything is dirty.
    pub(super) fn all_dirty(self, len: usize) -> Vec<u8> {
        match self {
            Self::Bits => vec![0xff; len],
            Self::States { .. } => vec![ChunkState::NeedSync.byte(); len],
        }
    }

    /// The page as it is to stand in every copy before the first chunk is worked on.
    pub(super) fn settled(self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Self::States { returning } = self {
            bytes.iter_mut().for_each(|byte| *byte = rules::reloaded(*byte, returning));
        }
        bytes
    }

    /// Dirty ones among the first `chunks`.
    pub(super) fn count(self, bytes: &[u8], chunks: u64) -> u64 {
        match self {
            Self::Bits => bits::count_set(bytes, chunks),
            Self::States { .. } => {
                let counted = usize::try_from(chunks).unwrap_or(usize::MAX).min(bytes.len());
                bytes[..counted].iter().filter(|byte| needs_resync(**byte)).count() as u64
            }
        }
    }

    /// Says that the chunks of `run`, counted from the start of `bytes`, are done.
    pub(super) fn clear(self, bytes: &mut [u8], run: ChunkRun) {
        let Self::States { .. } = self else { return bits::clear_run(bytes, run) };
        let index = |n: u64| usize::try_from(n).unwrap_or(usize::MAX).min(bytes.len());
        let (first, end) = (index(run.first.get()), index(run.end().get()));
        bytes[first..end].iter_mut().for_each(|byte| *byte = rules::synced(*byte));
    }

    /// The stretch of chunks that are alike from chunk `at` on, cut at `chunks`; one of dirty ones
    /// also at `most`.
    pub(super) fn run_at(self, bytes: &[u8], at: u64, chunks: u64, most: u64) -> Stretch {
        let dirty = self.is_dirty(bytes, at);
        let end = if dirty { chunks.min(at.saturating_add(most)) } else { chunks };
        let mut next = at;
        while next < end && self.is_dirty(bytes, next) == dirty {
            next += self.skip(bytes, next, end, dirty);
        }
        Stretch { dirty, len: next - at }
    }

    pub(super) fn is_dirty(self, bytes: &[u8], n: u64) -> bool {
        match self {
            Self::Bits => bits::is_set(bytes, n),
            Self::States { .. } => {
                let byte = usize::try_from(n).ok().and_then(|n| bytes.get(n));
                byte.is_none_or(|byte| needs_resync(*byte))
            }
        }
    }

    /// Chunks to skip at `at`, known to be `dirty` or not: a whole byte of bits where it is uniform,
    /// else one.
    fn skip(self, bytes: &[u8], at: u64, end: u64, dirty: bool) -> u64 {
        let whole = usize::try_from(at / 8).ok().and_then(|i| bytes.get(i));
        let uniform = whole == Some(if dirty { &0xff } else { &0 });
        let aligned = at.is_multiple_of(8) && at + 8 <= end;
        if self == Self::Bits && uniform && aligned { 8 } else { 1 }
    }
}

/// Chunks that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Whether they are dirty.
    pub(super) dirty: bool,
    /// How many they are.
    pub(super) len: u64,
}
