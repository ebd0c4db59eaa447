//! The bad-block log of 1.x: what a member cannot read, in sectors of its device.
//!
//! One page of 64-bit little-endian words: low 10 bits a count, the rest a sector, both in units
//! of 2^shift sectors. A word of all ones ends the list. Sectors count from the start of the device:
//! the kernel adds `data_offset` before it looks an address up (`md.h`, `is_badblock`).
//!
//! A log is changed only where all of it lies in its first sector, before and after: one write
//! of one sector is there or is not, and both are a log that holds.

use super::super::codec::{LittleEndian, Wire};
use super::super::finding::Finding;
use super::view::BblogPlace;
use crate::units::{SectorRange, Sectors};

/// Bytes the kernel reads at most.
pub const MAX_BYTES: usize = 4096;
/// Bytes that are written at once.
pub const SECTOR: usize = 512;
/// Word that ends the list.
const END: u64 = u64::MAX;
/// Bytes of a word.
const WORD: usize = 8;
/// Bits of a word that are the count.
const COUNT_BITS: u32 = 10;
/// The count of a word.
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

/// The bad ranges of a log, in sectors of the device, in the order on disk.
///
/// `bytes` is what was read at `place.at`; `end`, where the member's data end, bounds what makes
/// sense. An entry that does not is left out and becomes an error: nobody can tell which sectors it
/// meant. An entry that counts nothing is a warning. What lies before the data is of no consequence, and
/// the kernel takes it.
#[must_use]
pub fn decode(place: BblogPlace, bytes: &[u8], end: Sectors) -> (Vec<SectorRange>, Vec<Finding>) {
    let (mut ranges, mut findings) = (Vec::new(), Vec::new());
    let length = place.size.to_bytes().and_then(|b| b.to_usize()).unwrap_or(MAX_BYTES);
    let wanted = length.min(MAX_BYTES);
    if bytes.len() < wanted {
        let message = format!("only {} of {wanted} bytes of the log could be read", bytes.len());
        findings.push(Finding::error("bblog-short", message));
    }
    for (index, word) in words(&bytes[..wanted.min(bytes.len())]).enumerate() {
        if word & COUNT_MASK == 0 {
            let message = format!("entry {index} ({word:#018x}) counts no sectors");
            findings.push(Finding::warning("bblog-empty-entry", message));
            continue;
        }
        match entry(word, place.shift).filter(|range| range.end() <= end) {
            Some(range) => ranges.push(range),
            None => {
                let message = format!("entry {index} ({word:#018x}) names no sectors of the data");
                findings.push(Finding::error("bblog-entry", message));
            }
        }
    }
    (ranges, findings)
}

/// The words before the end mark.
fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(WORD).map(u64::get::<LittleEndian>).take_while(|word| *word != END)
}

/// What one word names, if there can be such sectors.
fn entry(word: u64, shift: u8) -> Option<SectorRange> {
    let scale = 1_u64.checked_shl(u32::from(shift))?;
    let start = (word >> COUNT_BITS).checked_mul(scale)?;
    let count = (word & COUNT_MASK).checked_mul(scale)?;
    SectorRange::new(Sectors::new(start), Sectors::new(count))
}

/// The first sector of the log without what lies in `good`, and whether that is another one than
/// before. `None` where the log does not fit one sector: it is then left as it is, which is
/// always right.
#[must_use]
pub fn without(place: BblogPlace, bytes: &[u8], good: &[SectorRange]) -> Option<Vec<u8>> {
    const MOST: usize = SECTOR / WORD;
    let old: Vec<u64> = words(bytes).collect();
    let mut new = Vec::new();
    for word in &old {
        match entry(*word, place.shift) {
            Some(range) => new.extend(rest(range, place.shift, good)),
            None => new.push(*word),
        }
    }
    // One word is left for the end mark.
    if old.len() > MOST || new.len() >= MOST || bytes.len() < SECTOR {
        return None;
    }
    new.resize(MOST, END);
    let mut sector = vec![0; SECTOR];
    for (to, word) in sector.chunks_exact_mut(WORD).zip(&new) {
        word.put::<LittleEndian>(to);
    }
    Some(sector)
}

/// Words for what is left of `range`, in whole units.
fn rest(range: SectorRange, shift: u8, good: &[SectorRange]) -> Vec<u64> {
    let unit = 1_u64.checked_shl(u32::from(shift)).unwrap_or(u64::MAX);
    let mut left = vec![(range.start.get() / unit, range.end().get() / unit)];
    for part in good {
        // Only units that are good as a whole.
        let (start, end) = (part.start.get().div_ceil(unit), part.end().get() / unit);
        let cut = |(a, b): (u64, u64)| match start < end {
            true => vec![(a, b.min(start)), (a.max(end), b)],
            false => vec![(a, b)],
        };
        left = left.into_iter().flat_map(cut).filter(|(a, b)| a < b).collect();
    }
    left.into_iter().map(|(a, b)| a << COUNT_BITS | (b - a)).collect()
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

    /// The log of `words` without `good`, as words.
    fn cut(words: &[u64], shift: u8, good: &[(u64, u64)]) -> Option<Vec<u64>> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.resize(MAX_BYTES, 0xff);
        let place = BblogPlace { at: Sectors::new(24), size: Sectors::new(8), shift };
        let range = |(start, len): &(u64, u64)| SectorRange {
            start: Sectors::new(*start),
            len: Sectors::new(*len),
        };
        let good: Vec<_> = good.iter().map(range).collect();
        let sector = without(place, &bytes, &good)?;
        Some(super::words(&sector).collect())
    }

    #[test]
    fn what_is_good_is_struck_and_the_rest_stays() {
        let words = [100 << 10 | 8, 200 << 10 | 16];
        assert_eq!(cut(&words, 0, &[]).unwrap(), words);
        assert_eq!(cut(&words, 0, &[(100, 8)]).unwrap(), words[1..]);
        assert_eq!(cut(&words, 0, &[(0, 1000)]).unwrap(), [0_u64; 0]);
        let split = [100 << 10 | 8, 200 << 10 | 4, 208 << 10 | 8];
        assert_eq!(cut(&words, 0, &[(204, 4)]).unwrap(), split);
        assert_eq!(cut(&words, 0, &[(204, 2), (206, 2)]).unwrap(), split);
        // In units of eight sectors only a whole unit is struck.
        assert_eq!(cut(&[10 << 10 | 2], 3, &[(80, 15)]).unwrap(), [11 << 10 | 1]);
        assert_eq!(cut(&[10 << 10 | 2], 3, &[(81, 7)]).unwrap(), [10 << 10 | 2]);
    }

    #[test]
    fn a_log_of_more_than_a_sector_is_left_alone() {
        let words: Vec<u64> = (0..64).map(|n| (n * 100) << 10 | 8).collect();
        assert!(cut(&words, 0, &[(5_000, 8)]).unwrap().len() == 63);
        assert_eq!(cut(&words, 0, &[(5_002, 2)]), None, "split into one more");
        let more: Vec<u64> = (0..65).map(|n| (n * 100) << 10 | 8).collect();
        assert_eq!(cut(&more, 0, &[(0, 10_000)]), None);
    }

    #[test]
    fn nothing_that_is_not_good_is_ever_struck() {
        for (start, len) in (0..24).flat_map(|s| (1..24).map(move |l| (s, l))) {
            for shift in [0, 1, 2] {
                let words = [(8 >> shift) << 10 | (8 >> shift)];
                let left = cut(&words, shift, &[(start, len)]).unwrap();
                for sector in 8..16 {
                    let entry = |w: &u64| entry(*w, shift).unwrap();
                    let listed = left
                        .iter()
                        .map(entry)
                        .any(|range| range.start.get() <= sector && sector < range.end().get());
                    let good = (start..start + len).contains(&sector);
                    assert!(listed || good, "{start} {len} {shift}: {sector}");
                }
            }
        }
    }
}
