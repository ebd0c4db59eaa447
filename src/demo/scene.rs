//! What happened to the array before and during the power cut, as ranges: drawn from the seed, pure.
//!
//! Long ago, blocks spread over the whole array were written and reached every member. In the last
//! seconds there were writes in a few runs of chunks, whose bits are therefore set; most reached
//! every member, some are lost on one. The last chunk is always among the dirty ones, because it is
//! the one that is seldom whole.

use super::options::DemoOptions;
use super::pattern::Dice;
use crate::units::{Bytes, ChunkRun, ChunkSize, Chunks, SECTOR_BYTES, SectorRange, Sectors};

/// The fewest chunks that a scene can be played in: two for every run.
pub(super) const LEAST_CHUNKS: Chunks = Chunks::new(2 * RUNS.len() as u64);

/// The runs of dirty chunks, by length, where there is room for them.
const RUNS: [u64; 5] = [1, 5, 2, 9, 4];

/// Blocks that were written long ago.
const OLD_BLOCKS: u64 = 24;
/// Their size at most.
const OLD_BYTES: u64 = 64 << 10;
/// One of the last writes is this long at most: what is written does not grow with the chunk.
const WRITE_BYTES: u64 = 16 << 10;
/// Places in a chunk, at most, at which one of the last writes may begin.
const PLACES: u64 = 4;

/// One of the last writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Write {
    /// Where it went.
    pub(super) range: SectorRange,
    /// Whether the victim lost it.
    pub(super) lost: bool,
}

/// What happened.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// Blocks written long ago, on all members.
    pub(super) old: Vec<SectorRange>,
    /// The last writes, all in dirty chunks.
    pub(super) last: Vec<Write>,
    /// The runs of dirty chunks.
    pub(super) dirty: Vec<ChunkRun>,
}

impl Scene {
    /// Draws the scene for an array of `options.size` with bits of `chunk`.
    pub(super) fn new(options: &DemoOptions, chunk: ChunkSize) -> Self {
        let size = options.size.to_sectors_floor();
        let mut dice = Dice::new(options.seed);
        let dirty = dirty_runs(&mut dice, chunk.chunks_for(size));
        let last = last_writes(&mut dice, &dirty, chunk, size);
        Self { old: old_blocks(&mut dice, size), last, dirty }
    }

    /// What the victim lost.
    pub(super) fn lost(&self) -> Vec<SectorRange> {
        self.last.iter().filter(|write| write.lost).map(|write| write.range).collect()
    }
}

/// One run in each of as many equal parts of the array; the last one ends where the array ends.
fn dirty_runs(dice: &mut Dice, chunks: Chunks) -> Vec<ChunkRun> {
    let part = chunks.get() / RUNS.len() as u64;
    let run = |(i, length): (u64, u64)| {
        // Never the whole part, so that two runs never touch.
        let length = length.min(part - 1);
        let room = part - length;
        let first = match i + 1 == RUNS.len() as u64 {
            true => chunks.get() - length,
            false => i * part + dice.below(room),
        };
        ChunkRun { first: Chunks::new(first), count: Chunks::new(length) }
    };
    (0..).zip(RUNS).map(run).collect()
}

fn last_writes(dice: &mut Dice, dirty: &[ChunkRun], chunk: ChunkSize, size: Sectors) -> Vec<Write> {
    let mut writes = Vec::new();
    for (i, run) in dirty.iter().enumerate() {
        // The second run lost nothing: dirty says "perhaps different", no more.
        let loses = i != 1;
        let from = writes.len();
        for n in run.first.get()..run.end().get() {
            let this = ChunkRun { first: Chunks::new(n), count: Chunks::new(1) };
            writes.extend(in_chunk(dice, this.sectors(chunk, size), loses));
        }
        // Every other run lost something, however the dice fell.
        if let Some(first) = writes.get_mut(from) {
            first.lost = loses;
        }
    }
    writes
}

/// The last writes in one chunk: at its start and at all but one of its other places. Where
/// `loses`, each may be lost.
fn in_chunk(dice: &mut Dice, chunk: SectorRange, loses: bool) -> Vec<Write> {
    let block = 4096 / SECTOR_BYTES;
    let stride = (chunk.len.get() / PLACES / block * block).max(block);
    let skipped = 1 + dice.below(PLACES - 1);
    let mut writes = Vec::new();
    for place in (0..PLACES).filter(|place| *place != skipped) {
        let start = chunk.start.saturating_add(Sectors::new(place * stride));
        let length = (1 + dice.below(WRITE_BYTES / 4096)) * block;
        let left = chunk.end().saturating_sub(start).min(Sectors::new(stride));
        let len = Sectors::new(length).min(left);
        let lost = loses && dice.below(2) == 0;
        if !len.is_zero() {
            writes.push(Write { range: SectorRange { start, len }, lost });
        }
    }
    writes
}

/// Blocks at equal distances, so that every part of the array has content to keep.
fn old_blocks(dice: &mut Dice, size: Sectors) -> Vec<SectorRange> {
    let distance = size.get() / OLD_BLOCKS;
    let longest = Bytes::new(OLD_BYTES).to_sectors_floor().get().min(distance);
    let block = |i: u64| SectorRange {
        start: Sectors::new(i * distance + dice.below(distance - longest + 1)),
        len: Sectors::new(longest),
    };
    (0..OLD_BLOCKS).map(block).collect()
}
