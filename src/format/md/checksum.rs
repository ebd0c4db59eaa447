//! The two checksums of md superblocks: both add up words and fold the sum once.

use byteorder::ByteOrder;

use super::super::codec::{LittleEndian, Wire};
use super::{super1, super090};

/// The checksum of a 1.x superblock: `covered` is its first 256 + 2 * `max_dev` bytes.
///
/// `sb_csum` counts as zero; a last half word counts as 16 bits.
#[must_use]
pub fn super1(covered: &[u8]) -> u32 {
    let stored = super1::sb::SB_CSUM.get::<LittleEndian>(covered);
    let words = covered.chunks_exact(4);
    let rest = words.remainder();
    let half = if rest.len() >= 2 { u64::from(u16::get::<LittleEndian>(rest)) } else { 0 };
    let sum: u64 = words.map(|w| u64::from(u32::get::<LittleEndian>(w))).sum();
    fold(sum + half - u64::from(stored))
}

/// The checksum of the 4096 bytes of a 0.90 superblock, `sb_csum` counted as zero.
#[must_use]
pub fn super090<B: ByteOrder>(raw: &[u8]) -> u32 {
    let stored = super090::sb::SB_CSUM.get::<B>(raw);
    let words = raw[..super090::sb::SIZE].chunks_exact(4);
    let sum: u64 = words.map(|w| u64::from(u32::get::<B>(w))).sum();
    fold(sum - u64::from(stored))
}

/// How 0.90 compares checksums: folded to 16 bits, for some hosts once summed that way.
#[must_use]
pub fn fold16(sum: u32) -> u32 {
    let once = (sum & 0xffff) + (sum >> 16);
    (once & 0xffff) + (once >> 16)
}

/// Low word plus high word, the carry dropped.
fn fold(sum: u64) -> u32 {
    low(sum).wrapping_add(low(sum >> 32))
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
fn low(sum: u64) -> u32 {
    sum as u32
}
