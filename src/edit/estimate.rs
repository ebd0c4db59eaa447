//! What a bitmap would cost, and what it would save. Pure.
//!
//! * Bits: what is covered, by the chunk. Bytes: 256 and an eighth of that.
//! * Memory of the kernel: a 16-bit counter for each bit, in pages of 2048 that are taken when they
//!   are needed, a pointer of 16 bytes for each page, and the bitmap itself in pages. At the most.
//! * The longest resync: everything, at the speed given. It is the same for every chunk.
//! * A typical one: a bit stays set for two to three sweeps after the last write to its chunk, so after
//!   a power cut those chunks are dirty that were written in the last three. Of `writes` a second to
//!   places at random, N in that time, they are C (1 - (1 - 1/C)^N) of C chunks.

use crate::format::bitmap::geometry::{
    classic_bytes, default_file_chunk, default_internal_chunk, internal_1x_reserve,
};
use crate::units::{Bytes, ChunkSize, Chunks, Sectors};

/// Counters in a page of the kernel's memory.
const COUNTERS: u64 = 2048;
/// Bytes of a page.
const PAGE: u64 = 4096;
/// Bytes of what points to a page.
const POINTER: u64 = 16;
/// Sweeps that a bit outlives its last write by, at the most.
const SWEEPS: f64 = 3.0;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// What the bits cover.
    pub size: Sectors,
    /// The chunk; none for a table to choose from.
    pub chunk: Option<ChunkSize>,
    /// Bytes a second of a resync.
    pub speed: Bytes,
    /// Seconds between two sweeps.
    pub delay: u32,
    /// Writes a second, to places at random.
    pub writes: u32,
    /// The resync after a power cut should take no longer: seconds.
    pub wanted: Option<u32>,
}

/// One chunk size and what it means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// What a bit stands for.
    pub chunk: ChunkSize,
    /// Bits.
    pub bits: Chunks,
    /// Bytes of the bitmap.
    pub bytes: Bytes,
    /// Bytes of the kernel's memory, at the most.
    pub memory: Bytes,
    /// Chunks that are dirty after a power cut, typically.
    pub dirty: f64,
    /// Seconds that their resync takes.
    pub seconds: f64,
    /// Whether it fits the room that mdadm leaves inside members of that size.
    pub fits_inside: bool,
    /// Whether mdadm makes files like this.
    pub default_file: bool,
    /// Whether mdadm makes internal bitmaps like this.
    pub default_internal: bool,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// What was asked.
    pub question: Question,
    /// Seconds of a full resync.
    pub worst_seconds: f64,
    /// By chunk, the finest first.
    pub rows: Vec<Row>,
    /// The coarsest chunk whose typical resync takes no longer than wanted.
    pub chosen: Option<ChunkSize>,
}

/// Reckons.
#[must_use]
pub fn estimate(question: Question) -> Estimate {
    let rows: Vec<Row> = chunks(&question).into_iter().map(|chunk| row(&question, chunk)).collect();
    let chosen = question.wanted.and_then(|wanted| {
        let short = rows.iter().filter(|row| row.seconds <= f64::from(wanted));
        short.map(|row| row.chunk).max()
    });
    let worst_seconds = seconds(bytes_of(question.size), question.speed);
    Estimate { question, worst_seconds, rows, chosen }
}

/// The chunk asked for; or those from 4 KiB to 2 GiB, each twice the one before where one of them is to
/// be chosen, else each four times, and mdadm's own.
fn chunks(question: &Question) -> Vec<ChunkSize> {
    if let Some(chunk) = question.chunk {
        return vec![chunk];
    }
    let step = if question.wanted.is_some() { 1 } else { 2 };
    let powers = (12..=31).step_by(step).filter_map(|power| ChunkSize::from_bytes(1 << power));
    let (file, inside) = defaults(question.size);
    let mut all: Vec<ChunkSize> = powers.chain([file]).chain(inside).collect();
    all.sort_unstable();
    all.dedup();
    // More than one bit too many says nothing more.
    let enough = all.iter().position(|chunk| chunk.chunks_for(question.size).get() <= 1);
    all.truncate(enough.map_or(all.len(), |at| at + 1));
    all
}

fn defaults(size: Sectors) -> (ChunkSize, Option<ChunkSize>) {
    (default_file_chunk(size), default_internal_chunk(size, internal_1x_reserve(size)))
}

fn row(question: &Question, chunk: ChunkSize) -> Row {
    let bits = chunk.chunks_for(question.size);
    let bytes = classic_bytes(bits);
    let pages = bits.get().div_ceil(COUNTERS);
    let memory = pages * (PAGE + POINTER) + bytes.get().div_ceil(PAGE) * PAGE;
    let dirty = dirty(question, bits);
    let (file, inside) = defaults(question.size);
    Row {
        chunk,
        bits,
        bytes,
        memory: Bytes::new(memory),
        dirty,
        seconds: seconds(
            (dirty * float(chunk.bytes())).min(bytes_of(question.size)),
            question.speed,
        ),
        fits_inside: bytes <= internal_1x_reserve(question.size),
        default_file: chunk == file,
        default_internal: Some(chunk) == inside,
    }
}

/// Chunks that the writes of the last sweeps hit.
fn dirty(question: &Question, bits: Chunks) -> f64 {
    let bits = float(bits.get());
    let writes = f64::from(question.writes) * f64::from(question.delay) * SWEEPS;
    if bits <= 1.0 {
        return bits.min(writes);
    }
    // In this form exact for any number of bits.
    -bits * (writes * (-1.0 / bits).ln_1p()).exp_m1()
}

fn seconds(bytes: f64, speed: Bytes) -> f64 {
    bytes / float(speed.get().max(1))
}

fn bytes_of(size: Sectors) -> f64 {
    float(size.get()) * 512.0
}

fn float(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(wanted: Option<u32>) -> Question {
        // 4 TiB at 200 MiB a second.
        let (size, speed) = (Sectors::new(8 << 30), Bytes::new(200 << 20));
        Question { size, chunk: None, speed, delay: 5, writes: 100, wanted }
    }

    fn row_of(estimate: &Estimate, bytes: u64) -> Row {
        *estimate.rows.iter().find(|row| row.chunk.bytes() == bytes).unwrap()
    }

    #[test]
    fn numbers_are_those_of_the_kernel() {
        let estimate = estimate(question(None));
        let row = row_of(&estimate, 64 << 20);
        assert_eq!((row.bits.get(), row.bytes.get()), (65536, 256 + 8192));
        assert_eq!(row.memory.get(), 32 * (4096 + 16) + 3 * 4096);
        assert!(row.default_internal && row.fits_inside && !row.default_file);
        assert!(row_of(&estimate, 4 << 20).default_file);
        assert!(!row_of(&estimate, 64 << 10).fits_inside);
        assert!((estimate.worst_seconds - 20971.52).abs() < 0.01, "{}", estimate.worst_seconds);
    }

    #[test]
    fn few_writes_hit_a_chunk_each_and_many_hit_all() {
        let fine = estimate(question(None));
        // 1500 writes.
        assert!((row_of(&fine, 4096).dirty - 1500.0).abs() < 1.0);
        let row = row_of(&fine, 1 << 30);
        assert!(row.dirty > 1254.0 && row.dirty < 1260.0, "{}", row.dirty);
        let many = estimate(Question { writes: u32::MAX, ..question(None) });
        assert!(many.rows.iter().all(|row| row.dirty <= row.bits.get() as f64 + 0.5));
        let none = estimate(Question { writes: 0, ..question(None) });
        assert!(none.rows.iter().all(|row| row.dirty == 0.0 && row.seconds == 0.0));
    }

    #[test]
    fn the_coarsest_chunk_that_is_fast_enough_is_chosen() {
        let chosen = estimate(question(Some(60))).chosen.unwrap();
        assert_eq!(chosen.bytes(), 8 << 20);
        assert!(estimate(question(Some(0))).chosen.is_none());
        let tiny = estimate(Question { size: Sectors::new(1), ..question(Some(1)) });
        assert_eq!(tiny.rows.len(), 1);
        let huge = Sectors::new((1 << 54) - 1);
        assert!(estimate(Question { size: huge, ..question(None) }).rows.len() > 9);
    }
}
