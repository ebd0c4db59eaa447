//! A range in which members differ, as it is told.

use super::judge::Verdict;
use crate::array::geometry::{Geometry, Part, Piece};
use crate::units::{SectorRange, Sectors, Slot};

/// Told of what is found, in order, as it is found.
pub trait Sink {
    /// What the array is, before anything is compared.
    fn start(&mut self, head: &super::Head);
    /// A range differs.
    fn found(&mut self, finding: &Finding);
}

/// A range in which members differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where, in the address space of the bitmap.
    pub range: SectorRange,
    /// Who is wrong.
    pub verdict: Verdict,
    /// Whether its chunk is dirty, where a bitmap that is believed tells that.
    pub dirty: Option<bool>,
    /// What is compared there, and where it begins on each member that is at hand.
    pub parts: Vec<FindingPart>,
}

/// One member's part of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingPart {
    /// The member's slot.
    pub slot: Slot,
    /// Its index among those given.
    pub member: usize,
    /// Where on its device the part begins.
    pub at: Sectors,
    /// What it is.
    pub part: Part,
}

impl Finding {
    /// Whether that part is wrong; none where it cannot be told.
    #[must_use]
    pub fn is_wrong(&self, part: &FindingPart) -> Option<bool> {
        match &self.verdict {
            Verdict::Members(slots) => Some(slots.contains(&part.slot)),
            Verdict::Unknown => None,
        }
    }

    /// The ranges of the array whose data may be wrong: none where only parity is.
    #[must_use]
    pub fn array_ranges(&self) -> Vec<SectorRange> {
        let copies = self.parts.iter().any(|part| matches!(part.part, Part::Copy(_)));
        if copies {
            return vec![self.range];
        }
        let may = self.parts.iter().filter(|part| self.is_wrong(part) != Some(false));
        let data = may.filter_map(|part| match part.part {
            Part::Data { array, .. } => Some(SectorRange { start: array, len: self.range.len }),
            _ => None,
        });
        data.collect()
    }
}

/// The parts of the piece at `at`; `place` tells where a slot's data area has its `at`.
pub(super) fn parts(
    geometry: &Geometry,
    at: Sectors,
    place: impl Fn(Slot, Sectors) -> Option<(usize, Sectors)>,
) -> Vec<FindingPart> {
    let places: Vec<(Slot, Sectors)> = match geometry.piece(at) {
        Piece::Copies(places) => places.iter().map(|place| (place.slot, place.at)).collect(),
        Piece::Row { at, data, p, q, .. } => {
            data.into_iter().chain([p]).chain(q).map(|slot| (slot, at)).collect()
        }
    };
    let part = |(slot, own): (Slot, Sectors)| {
        let (member, at) = place(slot, own)?;
        let part = geometry.locate(slot, own)?.part;
        Some(FindingPart { slot, member, at, part })
    };
    places.into_iter().filter_map(part).collect()
}
