//! Ranges of sectors and runs of chunks, and the only two ways from one to the other.
//!
//! Setting bits rounds outwards, clearing rounds inwards: a chunk that is touched in part may be
//! marked, but may not be cleared. The two are different functions on purpose.

use super::{ChunkSize, Chunks, Sectors};

/// Sectors `start .. start + len` of some address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SectorRange {
    /// The first sector.
    pub start: Sectors,
    /// How many.
    pub len: Sectors,
}

impl SectorRange {
    /// The range, unless its end overflows.
    #[must_use]
    pub fn new(start: Sectors, len: Sectors) -> Option<Self> {
        start.checked_add(len).map(|_| Self { start, len })
    }

    /// The sector behind the last one.
    #[must_use]
    pub fn end(&self) -> Sectors {
        self.start.saturating_add(self.len)
    }

    /// What the two share, if anything.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let start = self.start.max(other.start);
        let len = self.end().min(other.end()).saturating_sub(start);
        (!len.is_zero()).then_some(Self { start, len })
    }

    /// All of `ranges`, sorted, with touching and overlapping ones made one.
    #[must_use]
    pub fn merged(ranges: &[Self]) -> Vec<Self> {
        let mut sorted = ranges.to_vec();
        sorted.sort_by_key(|range| range.start);
        let mut joined: Vec<Self> = Vec::new();
        for range in sorted {
            match joined.last_mut() {
                Some(last) if range.start <= last.end() => {
                    last.len = last.end().max(range.end()).saturating_sub(last.start);
                }
                _ => joined.push(range),
            }
        }
        joined
    }

    /// Whether the two share a sector.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end() && other.start < self.end()
    }
}

/// Chunks `first .. first + count`, all in the same state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChunkRun {
    /// The first chunk.
    pub first: Chunks,
    /// How many.
    pub count: Chunks,
}

impl ChunkRun {
    /// The run from `first` up to, not including, `end`.
    #[must_use]
    pub fn between(first: Chunks, end: Chunks) -> Self {
        Self { first, count: end.saturating_sub(first) }
    }

    /// The chunk behind the last one.
    #[must_use]
    pub fn end(&self) -> Chunks {
        self.first.saturating_add(self.count)
    }

    /// The sectors it covers, cut at `size`: the last chunk of a bitmap is seldom whole.
    #[must_use]
    pub fn sectors(&self, chunk: ChunkSize, size: Sectors) -> SectorRange {
        let limit = |at: Chunks| chunk.start_of(at).map_or(size, |s| s.min(size));
        let (start, end) = (limit(self.first), limit(self.end()));
        SectorRange { start, len: end.saturating_sub(start) }
    }

    /// Every chunk that `range` touches: for setting bits.
    #[must_use]
    pub fn covering(range: SectorRange, chunk: ChunkSize) -> Self {
        let per = chunk.sectors().get();
        let first = Chunks::new(range.start.get() / per);
        Self::between(first, Chunks::new(range.end().get().div_ceil(per)))
    }

    /// Only the chunks that lie in `range` whole, where `size` ends the last one: for clearing.
    #[must_use]
    pub fn within(range: SectorRange, chunk: ChunkSize, size: Sectors) -> Self {
        let per = chunk.sectors().get();
        let first = Chunks::new(range.start.get().div_ceil(per));
        let end =
            if range.end() >= size { size.get().div_ceil(per) } else { range.end().get() / per };
        Self::between(first, Chunks::new(end).max(first))
    }
}
