//! Whether the bits of a bitmap may be believed. Pure.
//!
//! A bit that is wrongly clear loses data, so every doubt counts: what the kernel would reject, call
//! stale, or size differently is not believed.

use std::fmt;

use super::load::Place;
use crate::array::Away;
use crate::format::bitmap::{BitmapSuper, BitmapVersion, StateFlags, geometry};
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
    /// A member that must have a copy has no room for all its bits.
    NoRoom {
        /// The member.
        member: String,
        /// Bytes it needs.
        needs: Bytes,
        /// Bytes there are before something else begins.
        has: Bytes,
    },
    /// Two copies would be believed, and a bit of one stands for something else than one of the
    /// other; in what they differ.
    Contradiction(&'static str),
    /// The kernel has still to write down where it begins.
    NeverUsed,
    /// A form that the kernel does not know there; why.
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
            Self::NoRoom { member, needs, has } => write!(
                f,
                "the bitmap needs {} bytes, and on {member} there is room for {} only",
                needs.get(),
                has.get()
            ),
            Self::Contradiction(what) => write!(
                f,
                "two copies of the bitmap are sound, and differ in their {what}: nobody knows \
                 which of them holds all dirt"
            ),
            Self::NeverUsed => f.write_str("the bitmap was never used: it has no states yet"),
            Self::Form(why) => f.write_str(why),
        }
    }
}

/// Why not to believe `bitmap`, which lies at `place`, about the array that `array` speaks for and
/// whose bits should cover `size`.
#[must_use]
pub(crate) fn doubt(
    bitmap: &BitmapSuper,
    place: &Place,
    array: &SuperView,
    size: Sectors,
) -> Option<Doubt> {
    let (needs, room) = (needs(bitmap, place.node), place.room_for(bitmap.version));
    // Of the nodes of a cluster only some saw the last event.
    let clustered = bitmap.version == BitmapVersion::Clustered5;
    if let Some(why) = misplaced(bitmap, place, array) {
        return Some(Doubt::Form(why));
    }
    Some(match () {
        () if bitmap.uuid != array.uuid.bytes() => Doubt::OtherArray,
        () if !covers(bitmap, array, size) => {
            Doubt::OtherSize { bitmap: bitmap.sync_size, array: size }
        }
        () if needs > room => Doubt::TooShort { needs, has: room },
        () if bitmap.state.contains(StateFlags::STALE) => Doubt::MarkedStale,
        () if is_new(bitmap) => Doubt::NeverUsed,
        () if bitmap.events < array.events && !clustered => {
            Doubt::Stale { bitmap: bitmap.events, array: array.events }
        }
        () => return None,
    })
}

/// Bytes from the start of `node` to the end of the last one.
pub(super) fn needs(bitmap: &BitmapSuper, node: u32) -> Bytes {
    let behind = u64::from(bitmap.nodes.saturating_sub(1).saturating_sub(node));
    let stride = geometry::cluster_stride(bitmap.chunks()).to_bytes().unwrap_or(Bytes::ZERO);
    bitmap.bytes_needed().saturating_add(Bytes::new(stride.get().saturating_mul(behind)))
}

/// In what the terms of two copies differ, both of which would be believed: bits of one cannot be
/// laid over those of the other, and each may hold dirt that the other lacks.
pub(super) fn contradiction(one: &BitmapSuper, other: &BitmapSuper) -> Option<&'static str> {
    match () {
        () if one.version.format_name() != other.version.format_name() => Some("form"),
        () if one.chunk != other.chunk => Some("chunk size"),
        () if one.sync_size != other.sync_size => Some("size"),
        () if one.nodes != other.nodes => Some("number of nodes"),
        () => None,
    }
}

fn misplaced(bitmap: &BitmapSuper, place: &Place, array: &SuperView) -> Option<&'static str> {
    let clustered = bitmap.version == BitmapVersion::Clustered5;
    match () {
        () if bitmap.version == BitmapVersion::Lockless6 && place.member.is_none() => {
            Some("a lockless bitmap belongs inside the members")
        }
        () if clustered && place.member.is_none() => {
            Some("a clustered bitmap belongs inside the members")
        }
        () if clustered && !array.clustered => {
            Some("the bitmap is clustered, but the array belongs to no cluster")
        }
        () if !clustered && (array.clustered || bitmap.nodes > 0) => {
            Some("the array belongs to a cluster, but its bitmap is not clustered")
        }
        () => None,
    }
}

fn is_new(bitmap: &BitmapSuper) -> bool {
    bitmap.version == BitmapVersion::Lockless6 && bitmap.state.contains(StateFlags::FIRST_USE)
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
        Away::Missed { .. } | Away::Recovering | Away::Told => None,
        Away::Rebuilding => Some("its rebuild did not follow the bitmap".into()),
        Away::UsedApart => {
            Some("it was used apart from the others, and may hold writes of its own".into())
        }
    }
}
