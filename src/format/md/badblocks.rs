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
/// The count of a word.
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

/// The bad ranges of a log, relative to `data_offset`, in the order on disk.
///
/// `bytes` is what was read at `place.at`; `data_size` bounds what makes sense. An entry that does
/// not is left out and becomes an error: nobody can tell which sectors it meant. The kernel passes
/// over an entry that counts nothing, and so do we.
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
        if word & COUNT_MASK == 0 {
            let message = format!("entry {index} ({word:#018x}) counts no sectors");
            findings.push(Finding::warning("bblog-empty-entry", message));
            continue;
        }
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
    let count = (word & COUNT_MASK).checked_mul(scale)?;
    let range = SectorRange::new(Sectors::new(start), Sectors::new(count))?;
    (range.end() <= data_size).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(words: &[u64], shift: u8) -> (Vec<(u64, u64)>, Vec<&'static str>) {
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.resize(MAX_BYTES, 0xff);
        let place = BblogPlace { at: Sectors::new(24), size: Sectors::new(8), shift };
        let (ranges, findings) = decode(place, &bytes, Sectors::new(10_000));
        let plain = ranges.iter().map(|r| (r.start.get(), r.len.get())).collect();
        (plain, findings.iter().map(|f| f.code).collect())
    }

    #[test]
    fn entries_name_ranges_until_the_end_mark() {
        assert_eq!(log(&[], 0), (vec![], vec![]));
        let words = [100 << 10 | 8, 9_000 << 10 | 1000, END, 5 << 10 | 1];
        assert_eq!(log(&words, 0).0, [(100, 8), (9_000, 1000)]);
        assert_eq!(log(&words[..1], 3).0, [(800, 64)]);
    }

    #[test]
    fn entries_that_make_no_sense_are_left_out_and_told() {
        let words = [9_999 << 10 | 2, 7 << 10, u64::MAX - 1, 1 << 10 | 1];
        let told = vec!["bblog-entry", "bblog-empty-entry", "bblog-entry"];
        assert_eq!(log(&words, 0), (vec![(1, 1)], told));
        assert_eq!(log(&[1 << 10 | 1], 64).1, ["bblog-entry"]);
    }
}
