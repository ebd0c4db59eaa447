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
