//! The bad-block log of 1.x: what a member cannot read, relative to its data.
//!
//! One page of 64-bit little-endian words: low 10 bits a count, the rest a sector, both in units
//! of 2^shift sectors. A word of all ones ends the list.

use super::super::codec::{LittleEndian, Wire};
use super::super::finding::Finding;
use super::view::BblogPlace;
use crate::units::{SectorRange, Sectors};

/// Bytes the kernel reads at most.
pub const MAX_BYTES: usize = 4096;
/// Word that ends the list.
const END: u64 = u64::MAX;
/// Bits of a word that are the count.
const COUNT_BITS: u32 = 10;

/// The bad ranges of a log, relative to `data_offset`, in the order on disk.
///
/// `bytes` is what was read at `place.at`; `data_size` bounds what makes sense. An entry that does
/// not is left out and becomes an error: nobody can tell which sectors it meant.
#[must_use]
pub fn decode(
    place: BblogPlace,
    bytes: &[u8],
    data_size: Sectors,
) -> (Vec<SectorRange>, Vec<Finding>) {
    let (mut ranges, mut findings) = (Vec::new(), Vec::new());
    let length = place.size.to_bytes().and_then(|b| b.to_usize()).unwrap_or(MAX_BYTES);
    let wanted = length.min(MAX_BYTES);
    if bytes.len() < wanted {
        let message = format!("only {} of {wanted} bytes of the log could be read", bytes.len());
        findings.push(Finding::error("bblog-short", message));
    }
    let words = bytes[..wanted.min(bytes.len())].chunks_exact(8);
    let words = words.map(u64::get::<LittleEndian>).take_while(|word| *word != END);
    for (index, word) in words.enumerate() {
        match entry(word, place.shift, data_size) {
            Some(range) => ranges.push(range),
            None => {
                let message = format!("entry {index} ({word:#018x}) names no sectors of the data");
                findings.push(Finding::error("bblog-entry", message));
            }
        }
    }
    (ranges, findings)
}

/// What one word names, if it lies within the data.
fn entry(word: u64, shift: u8, data_size: Sectors) -> Option<SectorRange> {
    let scale = 1_u64.checked_shl(u32::from(shift))?;
    let start = (word >> COUNT_BITS).checked_mul(scale)?;
    let count = (word & ((1 << COUNT_BITS) - 1)).checked_mul(scale)?;
    let range = SectorRange::new(Sectors::new(start), Sectors::new(count))?;
    (count > 0 && range.end() <= data_size).then_some(range)
}
