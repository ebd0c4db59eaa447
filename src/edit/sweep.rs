//! The algebra of dirt: ranges of sectors from several bitmaps, combined in one walk. Pure.
//!
//! Everything is reckoned in sectors, so bitmaps of different chunks meet without rounding; what is
//! written as bits again is rounded outwards there.

use std::iter::Peekable;

use crate::error::Result;
use crate::units::{ChunkRun, ChunkSize, SectorRange, Sectors};

/// Ranges in order that neither touch nor overlap.
pub type Ranges<'a> = Box<dyn Iterator<Item = Result<SectorRange>> + 'a>;

/// The sectors of `runs`, cut at `size`.
pub fn sectors<'a>(
    runs: impl Iterator<Item = ChunkRun> + 'a,
    chunk: ChunkSize,
    size: Sectors,
) -> Ranges<'a> {
    Box::new(runs.map(move |run| Ok(run.sectors(chunk, size))))
}

/// One range, unless it is empty.
#[must_use]
pub fn whole(start: Sectors, end: Sectors) -> Ranges<'static> {
    let range = SectorRange { start, len: end.saturating_sub(start) };
    Box::new((!range.len.is_zero()).then_some(Ok(range)).into_iter())
}

/// What `keep` keeps of two, below `end`: it is told whether the one and the other are dirty.
pub fn combine<'a>(
    one: Ranges<'a>,
    other: Ranges<'a>,
    end: Sectors,
    keep: fn(bool, bool) -> bool,
) -> Ranges<'a> {
    Box::new(Sweep { sides: [one.peekable(), other.peekable()], at: Sectors::ZERO, end, keep })
}

/// Every chunk that a range touches, for setting bits.
pub fn chunks<'a>(
    ranges: Ranges<'a>,
    chunk: ChunkSize,
) -> impl Iterator<Item = Result<ChunkRun>> + 'a {
    ranges.map(move |range| range.map(|range| ChunkRun::covering(range, chunk)))
}

struct Sweep<'a> {
    sides: [Peekable<Ranges<'a>>; 2],
    at: Sectors,
    end: Sectors,
    keep: fn(bool, bool) -> bool,
}

impl Sweep<'_> {
    /// Whether `side` is dirty here, and how far that holds.
    fn look(&mut self, side: usize) -> Result<(bool, Sectors)> {
        let at = self.at;
        let ranges = &mut self.sides[side];
        while ranges.next_if(|range| range.as_ref().is_ok_and(|range| range.end() <= at)).is_some()
        {
        }
        match ranges.peek() {
            None => Ok((false, self.end)),
            Some(Ok(range)) if range.start <= at => Ok((true, range.end())),
            Some(Ok(range)) => Ok((false, range.start)),
            // Taken out, so that it is told once.
            Some(Err(_)) => ranges
                .next()
                .map_or(Ok((false, self.end)), |error| error.map(|range| (true, range.end()))),
        }
    }

    /// The next stretch that is all the same: whether it is kept, and where it ends.
    fn stretch(&mut self) -> Result<(bool, Sectors)> {
        let (one, until) = self.look(0)?;
        let (other, or_until) = self.look(1)?;
        Ok(((self.keep)(one, other), until.min(or_until).min(self.end)))
    }
}

impl Iterator for Sweep<'_> {
    type Item = Result<SectorRange>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut start = None;
        while self.at < self.end {
            let (kept, until) = match self.stretch() {
                Ok(stretch) => stretch,
                Err(error) => {
                    self.at = self.end;
                    return Some(Err(error));
                }
            };
            match (start, kept) {
                (None, true) => start = Some(self.at),
                (Some(start), false) => return Some(Ok(between(start, self.at))),
                _ => {}
            }
            self.at = until;
        }
        start.map(|start| Ok(between(start, self.end)))
    }
}

fn between(start: Sectors, end: Sectors) -> SectorRange {
    SectorRange { start, len: end.saturating_sub(start) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Error;

    fn ranges(bits: &[bool], scale: usize) -> Ranges<'static> {
        let mut found: Vec<SectorRange> = Vec::new();
        for (n, _) in bits.iter().enumerate().filter(|(_, bit)| **bit) {
            let (start, len) = (Sectors::new((n * scale) as u64), Sectors::new(scale as u64));
            match found.last_mut() {
                Some(last) if last.end() == start => last.len = last.len.saturating_add(len),
                _ => found.push(SectorRange { start, len }),
            }
        }
        Box::new(found.into_iter().map(Ok))
    }

    proptest! {
        #[test]
        fn it_is_what_a_loop_over_every_sector_says(
            one in prop::collection::vec(any::<bool>(), 0..40),
            other in prop::collection::vec(any::<bool>(), 0..20),
            which in 0usize..4,
            end in 0usize..50,
        ) {
            let keep: [fn(bool, bool) -> bool; 4] =
                [|a, b| a | b, |a, b| a ^ b, |a, b| a & !b, |a, _| !a];
            let got = combine(ranges(&one, 1), ranges(&other, 2), Sectors::new(end as u64), keep[which]);
            let got: Vec<SectorRange> = got.map(Result::unwrap).collect();
            for pair in got.windows(2) {
                prop_assert!(pair[0].end() < pair[1].start, "{pair:?} touch");
            }
            for at in 0..end {
                let bit = |bits: &[bool], at: usize| bits.get(at).copied().unwrap_or(false);
                let wanted = keep[which](bit(&one, at), bit(&other, at / 2));
                let sector = Sectors::new(at as u64);
                let found = got.iter().any(|range| range.start <= sector && sector < range.end());
                prop_assert_eq!(found, wanted, "sector {}", at);
            }
            prop_assert!(got.iter().all(|range| range.end().get() <= end as u64));
        }
    }

    #[test]
    fn an_error_ends_it() {
        let bad: Ranges<'_> = Box::new([Err(Error::damaged("torn"))].into_iter());
        let mut both = combine(ranges(&[true], 1), bad, Sectors::new(9), |a, b| a | b);
        assert_eq!(both.next().unwrap().unwrap_err().what(), "torn");
        assert!(both.next().is_none());
    }
}
