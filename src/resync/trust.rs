//! Whether the bits of a bitmap may be believed. Pure.
//!
//! A bit that is wrongly clear loses data, so every doubt counts: what the kernel would reject, call
//! stale, or size differently is not believed.

use std::fmt;

use crate::array::Away;
use crate::format::bitmap::{BitmapSuper, BitmapVersion, StateFlags};
use crate::format::md::SuperView;
use crate::units::{Bytes, Events, Sectors};

/// Why the bits mean nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The superblock cannot be used; the first finding.
    Damaged(String),
    /// It belongs to another array.
    OtherArray,
    /// Its event count is behind the array's: writes may have gone by it.
    Stale {
        /// Its count.
        bitmap: Events,
        /// The array's.
        array: Events,
    },
    /// It says so itself.
    MarkedStale,
    /// It covers another size than the array has.
    OtherSize {
        /// What it covers.
        bitmap: Sectors,
        /// What the array needs.
        array: Sectors,
    },
    /// There is no room for all its bits.
    TooShort {
        /// Bytes it needs.
        needs: Bytes,
        /// Bytes there are.
        has: Bytes,
    },
    /// A form that this engine does not write.
    Form(&'static str),
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what) => write!(f, "the bitmap is damaged: {what}"),
            Self::OtherArray => f.write_str("the bitmap belongs to another array: UUIDs differ"),
            Self::Stale { bitmap, array } => write!(
                f,
                "the bitmap is out of date: its event count is {bitmap}, the array's {array}"
            ),
            Self::MarkedStale => f.write_str("the bitmap is marked as out of date"),
            Self::OtherSize { bitmap, array } => {
                write!(f, "the bitmap covers {bitmap}, the array has {array}")
            }
            Self::TooShort { needs, has } => write!(
                f,
                "the bitmap is cut short: {} bytes of the {} it needs",
                has.get(),
                needs.get()
            ),
            Self::Form(form) => write!(f, "{form} bitmaps are not cleared by this engine"),
        }
    }
}

/// Why not to believe `bitmap`, which has `room` bytes, about the array that `array` speaks for and
/// whose bits should cover `size`.
#[must_use]
pub(crate) fn doubt(
    bitmap: &BitmapSuper,
    room: Bytes,
    array: &SuperView,
    size: Sectors,
) -> Option<Doubt> {
    let needs = bitmap.bytes_needed();
    Some(match () {
        () if bitmap.version == BitmapVersion::Lockless6 => Doubt::Form("lockless"),
        () if bitmap.version == BitmapVersion::Clustered5 || bitmap.nodes > 0 => {
            Doubt::Form("clustered")
        }
        () if bitmap.uuid != array.uuid.bytes() => Doubt::OtherArray,
        () if !covers(bitmap, array, size) => {
            Doubt::OtherSize { bitmap: bitmap.sync_size, array: size }
        }
        () if needs > room => Doubt::TooShort { needs, has: room },
        () if bitmap.state.contains(StateFlags::STALE) => Doubt::MarkedStale,
        () if bitmap.events < array.events => {
            Doubt::Stale { bitmap: bitmap.events, array: array.events }
        }
        () => return None,
    })
}

/// mdadm does not round the size of a striped array as the kernel does, which mends that with its
/// first update; until then there are more bits than are used.
fn covers(bitmap: &BitmapSuper, array: &SuperView, size: Sectors) -> bool {
    let more = array.level != 1 && bitmap.sync_size > size;
    bitmap.sync_size == size || more
}

/// Why a member that is behind cannot be caught up from bits that are believed: the kernel's rule
/// for a re-add, and a member used apart has writes that no bit here tells of.
#[must_use]
pub(super) fn cannot_catch_up(away: Away, events: Events, cleared: Events) -> Option<String> {
    match away {
        Away::Missed { .. } | Away::Recovering if events < cleared => {
            Some(format!("bits were cleared at event {cleared}, after it left at event {events}"))
        }
        Away::Missed { .. } | Away::Recovering => None,
        Away::Rebuilding => Some("its rebuild did not follow the bitmap".into()),
        Away::UsedApart => {
            Some("it was used apart from the others, and may hold writes of its own".into())
        }
    }
}
