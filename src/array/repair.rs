//! How the members of an array are made right, whatever its level: the recipe of a resync.
//!
//! Copies: the first current member that can be read is the source, in the kernel's order, those
//! that are write-mostly last, for with write-behind they may lack writes that were acknowledged.
//! Rows: either parity is made to fit the data, or what is lost is computed from the rest (`row`).
//! A current member that could not be read, or lists the place as bad, is written what it should
//! hold, where that is known.

use std::collections::{BTreeMap, BTreeSet};

use super::bad::{BadMap, Listed};
use super::geometry::{Geometry, Piece, Place};
use super::recipe::{Extent, Lost, Recipe, Task};
use super::row::{Row, RowTask};
use crate::units::{SectorRange, Sectors, Slot};

/// How gladly copies are taken from a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rank {
    /// Somebody asked for it.
    Wanted,
    /// As from any other.
    Plain,
    /// From it only where no other can be read.
    WriteMostly,
}

/// Who holds a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Index of the participant.
    pub member: usize,
    /// Sector at which its data begins.
    pub data_offset: Sectors,
    /// Whether it lacks what was written since it left.
    pub behind: bool,
    /// How gladly copies are taken from it. Within a rank their order decides.
    pub rank: Rank,
}

/// The recipe.
#[derive(Clone, Debug)]
pub struct Repair {
    /// Where everything lies.
    pub geometry: Geometry,
    /// Who holds which slot; none where nobody is there.
    pub holders: Vec<Option<Holder>>,
    /// Whether the current members themselves are made to agree, and not only those behind caught
    /// up.
    pub renew: bool,
    /// What members list as bad.
    pub bad: BadMap,
}

impl Repair {
    /// The places of a piece, and who holds them.
    fn held(&self, piece: &Piece) -> Vec<(Place, Holder)> {
        let held = |place: Place| self.holder(place.slot).map(|holder| (place, *holder));
        match piece {
            Piece::Copies(places) => places.iter().filter_map(|place| held(*place)).collect(),
            Piece::Row { at, data, p, q, .. } => {
                let slots = data.iter().chain([p]).chain(q);
                slots.filter_map(|slot| held(Place { slot: *slot, at: *at })).collect()
            }
        }
    }

    /// Members that list the unit at the start of a piece, and so all of its units, as bad.
    fn listed(&self, piece: &Piece) -> BTreeMap<usize, Listed> {
        if self.bad.is_empty() {
            return BTreeMap::new();
        }
        let bad = |(place, holder): &(Place, Holder)| {
            Some((holder.member, self.bad.get(&holder.member)?.listed(place.at)))
        };
        let listed = self.held(piece);
        listed.iter().filter_map(bad).filter(|(_, listed)| listed.is_any()).collect()
    }

    /// How far it is to the next border of a bad range on anybody.
    fn border(&self, at: Sectors) -> Option<Sectors> {
        let border =
            |(place, holder): &(Place, Holder)| self.bad.get(&holder.member)?.border(place.at);
        self.held(&self.geometry.piece(at)).iter().filter_map(border).min()
    }

    fn planned(&self, piece: Piece, avoid: &BTreeSet<usize>) -> Option<Task> {
        match piece {
            Piece::Copies(places) => self.copies(&places, avoid),
            Piece::Row { at, data, p, q, exponents } => {
                self.row(&Row { data, exponents, p, q }, at, avoid)
            }
        }
    }

    /// The parts of the array that lie on `slots` of a piece.
    fn of_array(&self, range: SectorRange, piece: &Piece, lost: &[Slot]) -> Vec<SectorRange> {
        let (Piece::Row { at, data, .. }, Geometry::Parity(parity)) = (piece, &self.geometry)
        else {
            return vec![range];
        };
        let blocks = data.iter().enumerate().filter(|(_, slot)| lost.contains(slot));
        let starts = blocks.filter_map(|(index, _)| parity.array_at(*at, index));
        starts.map(|start| SectorRange { start, ..range }).collect()
    }

    fn holder(&self, slot: Slot) -> Option<&Holder> {
        self.holders.get(usize::from(slot.0))?.as_ref()
    }

    /// Where `at` of the data area is on the member in `slot`.
    fn extent(&self, slot: Slot, at: Sectors) -> Option<Extent> {
        let holder = self.holder(slot)?;
        Some(Extent { member: holder.member, at: holder.data_offset.checked_add(at)? })
    }

    fn copies(&self, places: &[Place], avoid: &BTreeSet<usize>) -> Option<Task> {
        let held = self.held(&Piece::Copies(places.to_vec()));
        let readable =
            |(_, holder): &&(Place, Holder)| !holder.behind && !avoid.contains(&holder.member);
        let source = held.iter().filter(readable).min_by_key(|(_, holder)| holder.rank);
        let wanted = |(_, holder): &&(Place, Holder)| {
            holder.behind || self.renew || avoid.contains(&holder.member)
        };
        let from = source.map(|(_, holder)| holder.member);
        let targets = held.iter().filter(wanted).filter(|(_, h)| Some(h.member) != from);
        let extent = |place: &Place| self.extent(place.slot, place.at);
        let writes =
            targets.map(|(place, _)| Some((extent(place)?, 0))).collect::<Option<Vec<_>>>()?;
        match source {
            Some(_) if writes.is_empty() => Some(Task::default()),
            Some((place, _)) => {
                Some(Task { reads: vec![extent(place)?], writes, ..Task::default() })
            }
            None => None,
        }
    }

    fn row(&self, row: &Row, at: Sectors, avoid: &BTreeSet<usize>) -> Option<Task> {
        let avoided =
            |slot: Slot| self.holder(slot).is_some_and(|holder| avoid.contains(&holder.member));
        let lost = |slot: Slot| self.holder(slot).is_none_or(|h| h.behind) || avoided(slot);
        let task = match self.renew {
            // What parity says is in doubt, so nothing can be computed by it.
            true if row.data.iter().any(|slot| lost(*slot)) => return None,
            true => row.renew(),
            false => self.lost_only(row.rebuild(&lost)?),
        };
        self.placed(task, at)
    }

    /// Nothing is written where nobody is, nor computed for it alone.
    fn lost_only(&self, task: RowTask) -> RowTask {
        let RowTask { reads, steps, writes } = task;
        let writes: Vec<_> =
            writes.into_iter().filter(|(slot, _)| self.holder(*slot).is_some()).collect();
        match writes.is_empty() {
            true => RowTask::default(),
            false => RowTask { reads, steps, writes },
        }
    }

    fn placed(&self, task: RowTask, at: Sectors) -> Option<Task> {
        let RowTask { reads, steps, writes } = task;
        let reads = reads.into_iter().map(|slot| self.extent(slot, at)).collect::<Option<_>>()?;
        let place = |(slot, buffer): (Slot, usize)| Some((self.extent(slot, at)?, buffer));
        let writes = writes.into_iter().map(place).collect::<Option<_>>()?;
        Some(Task { reads, steps, writes, ..Task::default() })
    }
}

impl Recipe for Repair {
    fn piece_len(&self, at: Sectors) -> Sectors {
        let len = self.geometry.piece_len(at);
        match self.bad.is_empty() || len.is_zero() {
            true => len,
            false => self.border(at).map_or(len, |border| len.min(border)),
        }
    }

    fn longest(&self) -> Sectors {
        self.geometry.piece_len(Sectors::ZERO)
    }

    /// Copies share the one that was read; of a row every block may be at hand.
    fn buffers(&self) -> usize {
        match self.geometry {
            Geometry::Parity(_) => usize::from(self.geometry.slots()),
            _ => 1,
        }
    }

    /// All copies but one; of a row as much as there is parity.
    fn targets(&self) -> usize {
        match self.geometry.piece(Sectors::ZERO) {
            Piece::Copies(places) => places.len().saturating_sub(1),
            Piece::Row { q, .. } => 1 + usize::from(q.is_some()),
        }
    }

    fn task(&self, range: SectorRange, avoid: &BTreeSet<usize>) -> Option<Task> {
        let piece = self.geometry.piece(range.start);
        let listed = self.listed(&piece);
        if listed.is_empty() {
            return self.planned(piece, avoid);
        }
        let task = self.planned(piece, &listed.keys().chain(avoid).copied().collect())?;
        let written = |member: usize| task.writes.iter().any(|(to, _)| to.member == member);
        let mends = listed.into_iter().filter(|(member, _)| written(*member)).collect();
        Some(Task { mends, ..task })
    }

    fn lost(&self, range: SectorRange, avoid: &BTreeSet<usize>) -> Lost {
        let piece = self.geometry.piece(range.start);
        let (held, listed) = (self.held(&piece), self.listed(&piece));
        let gone = |slot: Slot| {
            self.holder(slot).is_none_or(|holder| {
                holder.behind
                    || avoid.contains(&holder.member)
                    || listed.contains_key(&holder.member)
            })
        };
        let slots: Vec<Slot> = (0..self.geometry.slots()).map(Slot).filter(|s| gone(*s)).collect();
        let part = |(place, holder): &(Place, Holder)| {
            let bad = listed.contains_key(&holder.member);
            let told = bad || (avoid.contains(&holder.member) && !holder.behind);
            self.extent(place.slot, place.at).filter(|_| told).map(|extent| (extent, bad))
        };
        Lost {
            array: self.of_array(range, &piece, &slots),
            members: held.iter().filter_map(part).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
