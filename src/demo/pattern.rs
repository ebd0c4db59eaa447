//! What the practice array holds: text that says where it belongs and which write it came from, so
//! that a pager shows what happened to a sector.
//!
//! Everything is drawn from a seed, and no sector resembles another one or an older write to the
//! same place: a resync cannot be right by chance.

use crate::units::{SectorRange, Sectors};

/// Bytes of a sector.
const SECTOR: usize = 512;

/// Which write to a place it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// Long ago, on all members.
    Old,
    /// In the last seconds.
    Last,
}

/// Numbers in an order that the seed decides: Steele, Lea and Flood's SplitMix64.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Starts at `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// A number below `limit`, which must not be zero.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// The content of `range` after a write of that age.
pub(super) fn content(seed: u64, range: SectorRange, age: Age) -> Vec<u8> {
    let sectors = range.start.get()..range.end().get();
    sectors.flat_map(|at| sector(seed, Sectors::new(at), age)).collect()
}

fn sector(seed: u64, at: Sectors, age: Age) -> Vec<u8> {
    let (word, salt) = match age {
        Age::Old => ("old", 0),
        Age::Last => ("NEW", 1),
    };
    let mut bytes = format!("practice array, sector {:012}, {word} data: ", at.get()).into_bytes();
    let mut dice = Dice::new(seed ^ (at.get() << 1 | salt).wrapping_mul(0x2545_f491_4f6c_dd1d));
    // Letters of two cases, so that an old sector and a new one differ in every one of them.
    let alphabet = if age == Age::Old { b'a'..=b'z' } else { b'A'..=b'Z' };
    let letters: Vec<u8> = alphabet.collect();
    while bytes.len() + 1 < SECTOR {
        let mut word = dice.next();
        for _ in 0..8 {
            bytes.push(letters[usize::from(word.to_le_bytes()[0]) % letters.len()]);
            word >>= 8;
        }
    }
    bytes.truncate(SECTOR - 1);
    bytes.push(b'\n');
    bytes
}
