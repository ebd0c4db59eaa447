//! What each member lists as bad: ranges never to be read as truth.
//!
//! A piece of work is cut where a bad range begins or ends on any member it concerns, so that a
//! piece is good or bad on a member as a whole, and only the bad part is taken from elsewhere.

use std::collections::BTreeMap;

use crate::units::{SectorRange, Sectors};

/// The bad ranges of one member, by addresses in its data area: sorted, none touching another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BadRanges(Vec<SectorRange>);

impl BadRanges {
    /// What of `listed`, in sectors of the device, lies in `data`. `unit` is what can be read and
    /// written by itself: what holds a bad sector is bad.
    #[must_use]
    pub fn new(listed: &[SectorRange], data: SectorRange, unit: Sectors) -> Self {
        let unit = unit.get().max(1);
        let whole = |range: &SectorRange| {
            let start = range.start.get() / unit * unit;
            let end = range.end().get().checked_next_multiple_of(unit).unwrap_or(u64::MAX);
            let range = SectorRange { start: Sectors::new(start), len: Sectors::new(end - start) };
            let inside = range.intersection(&data)?;
            Some(SectorRange { start: inside.start.saturating_sub(data.start), ..inside })
        };
        Self(SectorRange::merged(&listed.iter().filter_map(whole).collect::<Vec<_>>()))
    }

    /// Whether the sector `at` is bad.
    #[must_use]
    pub fn holds(&self, at: Sectors) -> bool {
        self.next(at).is_some_and(|range| range.start <= at)
    }

    /// How far it is from `at` to where a range begins or ends; `None` where none does any more.
    #[must_use]
    pub fn border(&self, at: Sectors) -> Option<Sectors> {
        let range = self.next(at)?;
        let border = if range.start <= at { range.end() } else { range.start };
        Some(border.saturating_sub(at))
    }

    /// All of them.
    #[must_use]
    pub fn ranges(&self) -> &[SectorRange] {
        &self.0
    }

    /// The first range that ends behind `at`.
    fn next(&self, at: Sectors) -> Option<&SectorRange> {
        self.0.get(self.0.partition_point(|range| range.end() <= at))
    }
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
        assert_eq!(bad(&[(90, 20), (1099, 50)], 1).ranges(), [range(0, 10), range(999, 1)]);
        assert_eq!(bad(&[(201, 1), (207, 3)], 1).ranges(), [range(101, 1), range(107, 3)]);
        assert_eq!(bad(&[(207, 3), (201, 1)], 8).ranges(), [range(100, 16)]);
        assert_eq!(bad(&[(u64::MAX - 1, 1)], 8), BadRanges::default());
    }

    #[test]
    fn sectors_are_bad_between_borders() {
        let bad = bad(&[(200, 8), (300, 1)], 1);
        let sector = Sectors::new;
        let at = |n| (bad.holds(sector(n)), bad.border(sector(n)).map(Sectors::get));
        assert_eq!(at(0), (false, Some(100)));
        assert_eq!(at(99), (false, Some(1)));
        assert_eq!(at(100), (true, Some(8)));
        assert_eq!(at(107), (true, Some(1)));
        assert_eq!(at(108), (false, Some(92)));
        assert_eq!(at(200), (true, Some(1)));
        assert_eq!(at(201), (false, None));
    }
}
