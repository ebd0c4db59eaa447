//! How much a plan reads and writes when nothing goes wrong. Pure.

use super::plan::{Decision, Plan};
use crate::array::Assembly;
use crate::array::geometry::{Geometry, Piece};
use crate::units::{Bytes, Sectors};

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
#[must_use]
pub(super) fn volume(
    plan: &Plan,
    geometry: &Geometry,
    assembly: &Assembly,
    total: Bytes,
) -> Volume {
    if plan.decision == Decision::Nothing {
        return Volume::default();
    }
    let slots = u64::from(geometry.slots());
    let back = plan.returning.len() as u64;
    match geometry.piece(Sectors::ZERO) {
        Piece::Row { data, q, .. } => {
            let parities = if q.is_some() { 2 } else { 1 };
            let targets = if plan.renew { parities } else { back };
            Volume { read: share(total, data.len() as u64, 1), written: share(total, targets, 1) }
        }
        Piece::Copies(places) => {
            let copies = places.len() as u64;
            let takers = if plan.renew { assembly.current().len() as u64 + back } else { back };
            let held = share(total, copies * takers, slots);
            match plan.renew {
                true => Volume { read: total, written: held.saturating_sub(total) },
                false => Volume { read: held.min(total), written: held },
            }
        }
    }
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
        let volume = volume(&plan, &geometry, &assembly(disks, behind), Bytes::new(100));
        (volume.read.get(), volume.written.get())
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
