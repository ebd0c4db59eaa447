//! Bits in the order they have on disk: bit `n` is bit `n % 8`, from the least significant, of byte
//! `n / 8`.
//!
//! That is the order of versions 4 and 5 everywhere, and of version 3 written by a little-endian
//! host. A big-endian host wrote version 3 in words of 4 or 8 bytes (bit `n` in word `n / 8W`, byte
//! `W - 1 - (n % 8W) / 8` of it); nothing on disk tells, so such a bitmap must be declared by a
//! person and is not handled here.
//!
//! Bits behind the last chunk are junk (mdadm sets them, the kernel never clears them): every
//! reader names how many bits count, every writer leaves the others alone.

use crate::units::{ChunkRun, Chunks};

/// Words summed by one vector step; an array of this many is what the compiler turns into vectors.
const LANES: usize = 8;
/// Vectors summed between two real population counts.
const BLOCK: usize = 16;
/// Bytes of the words summed between two real population counts.
const BLOCK_BYTES: usize = 8 * LANES * BLOCK;

type Vector = [u64; LANES];

/// How many of the first `bits` bits are set; bits that `bytes` does not hold count as clear.
#[must_use]
pub fn count_set(bytes: &[u8], bits: u64) -> u64 {
    let whole = usize::try_from(bits / 8).unwrap_or(usize::MAX).min(bytes.len());
    let (body, tail) = bytes.split_at(whole);
    let last = tail.first().map_or(0, |byte| byte & low_bits(bits % 8));
    count_bytes(body) + u64::from(last.count_ones())
}

/// A byte with the lowest `n` bits set.
const fn low_bits(n: u64) -> u8 {
    if n >= 8 { 0xff } else { (1 << n) - 1 }
}

/// Population count of whole bytes.
///
/// Baseline x86-64 has no instruction for it, and the usual bit tricks cost a dozen operations per
/// word. So sixteen vectors are first added in carry-save form (Harley and Seal): one real count
/// per sixteen words instead of sixteen.
fn count_bytes(bytes: &[u8]) -> u64 {
    let (mut sum, mut sixteens) = (Sum::default(), 0);
    let mut blocks = bytes.chunks_exact(BLOCK_BYTES);
    for block in &mut blocks {
        sixteens += ones(&sum.add(block));
    }
    let tail: u64 = blocks.remainder().chunks(8).map(|tail| ones_of(word(tail))).sum();
    16 * sixteens + sum.total() + tail
}

/// The carries of a carry-save addition: bits that count for one, two, four and eight.
#[derive(Default)]
struct Sum {
    ones: Vector,
    twos: Vector,
    fours: Vector,
    eights: Vector,
}

impl Sum {
    /// Adds sixteen vectors; what comes out counts for sixteen.
    #[inline(always)]
    fn add(&mut self, block: &[u8]) -> Vector {
        let mut eights = [[0; LANES]; 2];
        for (half, eight) in block.chunks_exact(BLOCK_BYTES / 2).zip(&mut eights) {
            let mut fours = [[0; LANES]; 2];
            for (quarter, four) in half.chunks_exact(BLOCK_BYTES / 4).zip(&mut fours) {
                let at = |n: usize| vector(&quarter[n * 8 * LANES..]);
                let low = carry(&mut self.ones, at(0), at(1));
                let high = carry(&mut self.ones, at(2), at(3));
                *four = carry(&mut self.twos, low, high);
            }
            *eight = carry(&mut self.fours, fours[0], fours[1]);
        }
        carry(&mut self.eights, eights[0], eights[1])
    }

    fn total(&self) -> u64 {
        8 * ones(&self.eights) + 4 * ones(&self.fours) + 2 * ones(&self.twos) + ones(&self.ones)
    }
}

/// Adds two vectors to `sum`, bit by bit; returns the carries.
#[inline(always)]
fn carry(sum: &mut Vector, a: Vector, b: Vector) -> Vector {
    let mut carries = [0; LANES];
    for i in 0..LANES {
        let half = a[i] ^ b[i];
        carries[i] = (a[i] & b[i]) | (half & sum[i]);
        sum[i] ^= half;
    }
    carries
}

/// The first words of `bytes`, which must hold enough for a vector.
#[inline(always)]
fn vector(bytes: &[u8]) -> Vector {
    let mut words = [0; LANES];
    for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    }
    words
}

fn ones(vector: &Vector) -> u64 {
    vector.iter().map(|word| ones_of(*word)).sum()
}

fn ones_of(word: u64) -> u64 {
    u64::from(word.count_ones())
}

/// Up to eight bytes as a word; missing ones are zero.
#[inline]
pub(super) fn word(bytes: &[u8]) -> u64 {
    if let Some(bytes) = bytes.first_chunk() {
        return u64::from_le_bytes(*bytes);
    }
    let mut padded = [0; 8];
    padded[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(padded)
}

/// Whether bit `n` is set; a bit that `bytes` does not hold is not.
#[must_use]
pub fn is_set(bytes: &[u8], n: u64) -> bool {
    let byte = usize::try_from(n / 8).ok().and_then(|at| bytes.get(at));
    byte.is_some_and(|byte| byte >> (n % 8) & 1 == 1)
}

/// Sets the bits of `run`, numbered from the start of `bytes`; those it does not hold are ignored.
pub fn set_run(bytes: &mut [u8], run: ChunkRun) {
    for_each_mask(bytes, run, |byte, mask| *byte |= mask);
}

/// Clears the bits of `run`, numbered from the start of `bytes`; those it does not hold are ignored.
pub fn clear_run(bytes: &mut [u8], run: ChunkRun) {
    for_each_mask(bytes, run, |byte, mask| *byte &= !mask);
}

/// Makes the first `bits` bits all set or all clear; the ones behind them stay.
pub fn fill(bytes: &mut [u8], bits: u64, set: bool) {
    let run = ChunkRun { first: Chunks::ZERO, count: Chunks::new(bits) };
    if set { set_run(bytes, run) } else { clear_run(bytes, run) }
}

fn for_each_mask(bytes: &mut [u8], run: ChunkRun, mut apply: impl FnMut(&mut u8, u8)) {
    let held = (bytes.len() as u64).saturating_mul(8);
    let (first, end) = (run.first.get().min(held), run.end().get().min(held));
    if first >= end {
        return;
    }
    let index = |bit: u64| usize::try_from(bit / 8).unwrap_or(usize::MAX);
    let (head, tail) = (index(first), index(end - 1));
    let (not_before, not_behind) = (!low_bits(first % 8), low_bits((end - 1) % 8 + 1));
    if head == tail {
        return apply(&mut bytes[head], not_before & not_behind);
    }
    apply(&mut bytes[head], not_before);
    bytes[head + 1..tail].iter_mut().for_each(|byte| apply(byte, 0xff));
    apply(&mut bytes[tail], not_behind);
}

#[cfg(test)]
mod tests;
