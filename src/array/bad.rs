//! What each member lists as bad: ranges never to be read as truth.
//!
//! A piece of work is cut where a bad range begins or ends on any member it concerns, so that a
//! piece is good or bad on a member as a whole, and only the bad part is taken from elsewhere.
//!
//! What is read and written by itself may be more than what is listed: the blocks of another member
//! may be larger. What is listed in part is read elsewhere too, but only what is listed in full may
//! fail to be written: the log tells nobody of the rest.

use std::collections::BTreeMap;

use crate::units::{SectorRange, Sectors};

/// How much of a place its member lists as bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Listed {
    /// Nothing.
    #[default]
    Not,
    /// Some of it: it is no source, and what is written there is read back, but must not fail.
    InPart,
    /// All of it: the same, and it may fail, for whoever reads goes round it.
    Whole,
}

impl Listed {
    /// Whether any of it is.
    #[must_use]
    pub fn is_any(self) -> bool {
        self != Self::Not
    }
}

/// The bad ranges of one member, by addresses in its data area: sorted, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadRanges {
    /// Whole units that hold a bad sector.
    touched: Vec<SectorRange>,
    /// Of these the units that hold no other.
    whole: Vec<SectorRange>,
}

impl BadRanges {
    /// What of `listed`, in sectors of the device, lies in `data`. `unit` is what can be read and
    /// written by itself: none of it is believed where it holds a bad sector.
    #[must_use]
    pub fn new(listed: &[SectorRange], data: SectorRange, unit: Sectors) -> Self {
        let unit = unit.get().max(1);
        let down = |at: Sectors| at.get() / unit * unit;
        let up = |at: Sectors| at.get().checked_next_multiple_of(unit).unwrap_or(u64::MAX);
        let inside = |start: u64, end: u64| {
            let len = Sectors::new(end.saturating_sub(start));
            let range = SectorRange { start: Sectors::new(start), len };
            let inside = range.intersection(&data)?;
            Some(SectorRange { start: inside.start.saturating_sub(data.start), ..inside })
        };
        // One unit may be listed by several entries.
        let listed = SectorRange::merged(listed);
        let touched = listed.iter().filter_map(|range| inside(down(range.start), up(range.end())));
        let whole = listed.iter().filter_map(|range| inside(up(range.start), down(range.end())));
        Self { touched: SectorRange::merged(&touched.collect::<Vec<_>>()), whole: whole.collect() }
    }

    /// How much is listed of the unit that the sector `at` lies in.
    #[must_use]
    pub fn listed(&self, at: Sectors) -> Listed {
        let holds = |ranges| next(ranges, at).is_some_and(|range| range.start <= at);
        match () {
            () if holds(&self.whole) => Listed::Whole,
            () if holds(&self.touched) => Listed::InPart,
            () => Listed::Not,
        }
    }

    /// How far it is from `at` to where that is another; `None` where it is not any more.
    #[must_use]
    pub fn border(&self, at: Sectors) -> Option<Sectors> {
        let border = |ranges: &Vec<SectorRange>| {
            let range = next(ranges, at)?;
            let border = if range.start <= at { range.end() } else { range.start };
            Some(border.saturating_sub(at))
        };
        [&self.touched, &self.whole].into_iter().filter_map(border).min()
    }
}

/// The first of `ranges` that ends behind `at`.
fn next(ranges: &[SectorRange], at: Sectors) -> Option<&SectorRange> {
    ranges.get(ranges.partition_point(|range| range.end() <= at))
}

/// The bad ranges of members that have any, by the index of the participant.
pub type BadMap = BTreeMap<usize, BadRanges>;

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, len: u64) -> SectorRange {
        SectorRange { start: Sectors::new(start), len: Sectors::new(len) }
    }

    fn bad(listed: &[(u64, u64)], unit: u64) -> BadRanges {
        let listed: Vec<_> = listed.iter().map(|(start, len)| range(*start, *len)).collect();
        BadRanges::new(&listed, range(100, 1000), Sectors::new(unit))
    }

    #[test]
    fn what_counts_is_cut_to_the_data_and_rounded_out_to_what_can_be_read() {
        assert_eq!(bad(&[], 1), BadRanges::default());
        assert_eq!(bad(&[(0, 100), (1100, 5)], 1), BadRanges::default());
        assert_eq!(bad(&[(90, 20), (1099, 50)], 1).touched, [range(0, 10), range(999, 1)]);
        assert_eq!(bad(&[(201, 1), (207, 3)], 1).touched, [range(101, 1), range(107, 3)]);
        assert_eq!(bad(&[(207, 3), (201, 1)], 8).touched, [range(100, 16)]);
        assert_eq!(bad(&[(u64::MAX - 1, 1)], 8), BadRanges::default());
    }

    #[test]
    fn only_units_that_are_listed_in_full_count_as_such() {
        let whole = |listed: &[(u64, u64)], unit| bad(listed, unit).whole;
        assert_eq!(whole(&[(201, 1), (207, 3)], 1), [range(101, 1), range(107, 3)]);
        assert_eq!(whole(&[(201, 1)], 8), []);
        assert_eq!(whole(&[(201, 14)], 8), []);
        assert_eq!(whole(&[(201, 15)], 8), [range(108, 8)]);
        // Entries that touch or overlap make up for each other, in whatever order they come.
        assert_eq!(whole(&[(204, 20), (198, 3), (201, 3)], 8), [range(100, 24)]);
        assert_eq!(whole(&[(u64::MAX - 20, 19)], 8), []);
    }

    #[test]
    fn what_is_listed_in_part_is_told_from_what_is_listed_in_full() {
        let bad = bad(&[(201, 16)], 8);
        let at = |n| (bad.listed(Sectors::new(n)), bad.border(Sectors::new(n)).map(Sectors::get));
        assert_eq!(at(92), (Listed::Not, Some(8)));
        assert_eq!(at(100), (Listed::InPart, Some(8)));
        assert_eq!(at(101), (Listed::InPart, Some(7)));
        assert_eq!(at(108), (Listed::Whole, Some(8)));
        assert_eq!(at(116), (Listed::InPart, Some(8)));
        assert_eq!(at(124), (Listed::Not, None));
    }

    #[test]
    fn sectors_are_bad_between_borders() {
        let bad = bad(&[(200, 8), (300, 1)], 1);
        let sector = Sectors::new;
        let at = |n| (bad.listed(sector(n)).is_any(), bad.border(sector(n)).map(Sectors::get));
        assert_eq!(at(0), (false, Some(100)));
        assert_eq!(at(99), (false, Some(1)));
        assert_eq!(at(100), (true, Some(8)));
        assert_eq!(at(107), (true, Some(1)));
        assert_eq!(at(108), (false, Some(92)));
        assert_eq!(at(200), (true, Some(1)));
        assert_eq!(at(201), (false, None));
    }
}
