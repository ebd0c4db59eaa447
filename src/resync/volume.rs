//! How much a plan reads and writes when nothing goes wrong. Pure.

use super::plan::{Decision, Plan};
use crate::array::Assembly;
use crate::array::geometry::{Geometry, Piece};
use crate::units::{Bytes, SectorRange, Sectors, Slot};

/// How many pieces are looked up, at most.
const MOST_PIECES: u64 = 1 << 16;

/// Data that goes from and to members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// Read, from all members together.
    pub read: Bytes,
    /// Written, to all members together.
    pub written: Bytes,
}

impl Volume {
    /// Read and written together.
    #[must_use]
    pub const fn all(self) -> Bytes {
        self.read.saturating_add(self.written)
    }
}

/// What `plan` moves to make `total` agree: of the array with copies, of each member with parity.
/// Who holds copies of what is dirty is looked up in `first`, the first dirty ranges; the rest is
/// taken to be like them.
#[must_use]
pub(super) fn volume(
    plan: &Plan,
    geometry: &Geometry,
    assembly: &Assembly,
    total: Bytes,
    first: &[SectorRange],
) -> Volume {
    if plan.decision == Decision::Nothing {
        return Volume::default();
    }
    let back = plan.returning.len() as u64;
    match geometry.piece(Sectors::ZERO) {
        Piece::Row { data, q, .. } => {
            let parities = if q.is_some() { 2 } else { 1 };
            let targets = if plan.renew { parities } else { back };
            Volume { read: share(total, data.len() as u64, 1), written: share(total, targets, 1) }
        }
        Piece::Copies(places) if plan.renew => {
            let (copies, slots) = (places.len() as u64, u64::from(geometry.slots()));
            let held = share(total, copies * (assembly.current().len() as u64 + back), slots);
            Volume { read: total, written: held.saturating_sub(total) }
        }
        Piece::Copies(_) => {
            let of_first = copies_of(&slots_of(plan, assembly), geometry, first);
            let Looked { all, held, copies } = of_first;
            Volume { read: share(total, held, all), written: share(total, copies, all) }
        }
    }
}

/// The slots of those that are caught up.
fn slots_of(plan: &Plan, assembly: &Assembly) -> Vec<Slot> {
    let back = assembly.members.iter().filter(|member| plan.returning.contains(&member.index));
    back.filter_map(|member| member.slot).collect()
}

/// How much was looked at, in sectors of the array, how much of that somebody holds, and how much
/// their copies of it are together.
#[derive(Clone, Copy, Debug, Default)]
struct Looked {
    all: u64,
    held: u64,
    copies: u64,
}

/// Looks up what `slots` hold of `ranges`, in as many pieces as take no time.
fn copies_of(slots: &[Slot], geometry: &Geometry, ranges: &[SectorRange]) -> Looked {
    let (mut looked, mut pieces) = (Looked::default(), 0);
    for range in ranges {
        let mut at = range.start;
        while at < range.end() && pieces < MOST_PIECES {
            let len =
                geometry.piece_len(at).max(Sectors::new(1)).min(range.end().saturating_sub(at));
            let Piece::Copies(places) = geometry.piece(at) else { return looked };
            let copies = places.iter().filter(|place| slots.contains(&place.slot)).count() as u64;
            looked.all += len.get();
            looked.held += if copies > 0 { len.get() } else { 0 };
            looked.copies = looked.copies.saturating_add(copies.saturating_mul(len.get()));
            (at, pieces) = (at.saturating_add(len), pieces + 1);
        }
    }
    looked
}

/// `times` of `of` parts of `total`.
fn share(total: Bytes, times: u64, of: u64) -> Bytes {
    let all = u128::from(total.get()) * u128::from(times) / u128::from(of.max(1));
    Bytes::new(u64::try_from(all).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::{Away, Member, Standing};
    use crate::units::{Events, Slot};

    fn assembly(disks: u16, behind: &[u16]) -> Assembly {
        let member = |slot: u16| Member {
            index: usize::from(slot),
            standing: match behind.contains(&slot) {
                true => Standing::Behind(Away::Recovering),
                false => Standing::Current,
            },
            slot: Some(Slot(slot)),
            write_mostly: false,
        };
        let members = (0..disks).map(member).collect();
        Assembly { freshest: 0, events: Events::new(9), members, missing: vec![], clean: false }
    }

    /// Read and written to make 100 bytes agree, or to catch up those that are behind.
    fn moved(level: i32, disks: u16, behind: &[u16]) -> (u64, u64) {
        let (layout, chunk) = match level {
            1 => (0, Sectors::ZERO),
            10 => (0x102, Sectors::new(128)),
            _ => (2, Sectors::new(128)),
        };
        let size = Sectors::new(40_960);
        let geometry = Geometry::from_numbers(level, layout, chunk, size, disks).unwrap();
        let plan = Plan {
            decision: Decision::Partial,
            reason: String::new(),
            sources: vec![],
            wanted: None,
            renew: behind.is_empty(),
            returning: behind.iter().map(|slot| usize::from(*slot)).collect(),
            clear_bits: true,
            mark_dirty: false,
        };
        let first = [SectorRange { start: Sectors::ZERO, len: size }];
        let volume = volume(&plan, &geometry, &assembly(disks, behind), Bytes::new(100), &first);
        (volume.read.get(), volume.written.get())
    }

    #[test]
    fn who_holds_what_is_dirty_is_looked_up() {
        let geometry =
            Geometry::from_numbers(10, 0x102, Sectors::new(128), Sectors::new(40_960), 4).unwrap();
        let chunk = |n: u64| SectorRange { start: Sectors::new(n * 128), len: Sectors::new(128) };
        let looked = |slots: &[u16], chunks: &[u64]| {
            let slots: Vec<_> = slots.iter().map(|slot| Slot(*slot)).collect();
            let ranges: Vec<_> = chunks.iter().map(|n| chunk(*n)).collect();
            let Looked { all, held, copies } = copies_of(&slots, &geometry, &ranges);
            (all / 128, held / 128, copies / 128)
        };
        assert_eq!(looked(&[1], &[0, 2]), (2, 2, 2), "all of it");
        assert_eq!(looked(&[1], &[1, 3, 5]), (3, 0, 0), "none of it");
        assert_eq!(looked(&[0, 1, 2], &[0, 1]), (2, 2, 3));
        assert_eq!(looked(&[1], &[]), (0, 0, 0));
    }

    #[test]
    fn copies_are_read_once_and_written_where_they_are_due() {
        assert_eq!(moved(1, 3, &[]), (100, 200));
        assert_eq!(moved(1, 3, &[2]), (100, 100));
        assert_eq!(moved(10, 4, &[]), (100, 100));
        assert_eq!(moved(10, 4, &[1]), (50, 50), "it holds half of the array");
    }

    #[test]
    fn parity_is_made_from_all_data_and_so_is_what_is_lost() {
        assert_eq!(moved(5, 4, &[]), (300, 100));
        assert_eq!(moved(5, 4, &[1]), (300, 100));
        assert_eq!(moved(6, 4, &[]), (200, 200));
        assert_eq!(moved(6, 4, &[1]), (200, 100));
        assert_eq!(moved(6, 4, &[1, 2]), (200, 200));
    }
}
