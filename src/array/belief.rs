//! What the kernel makes of a bitmap when it starts the array. Pure.
//!
//! It refuses some, and the array with them; of others it takes every chunk as dirty; the rest it
//! believes, however far ahead their event count is. `docs/resync.md` has what `resync` believes,
//! which is less.

use std::fmt;

use crate::format::bitmap::{BitmapSuper, BitmapVersion, StateFlags};
use crate::format::md::SuperView;
use crate::units::Events;

/// Why the kernel takes every chunk of a bitmap as dirty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// It says so itself.
    Marked,
    /// The array was updated without it.
    Behind {
        /// Its event count.
        bitmap: Events,
        /// The array's.
        array: Events,
    },
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Marked => f.write_str("is marked as out of date"),
            Self::Behind { bitmap, array } => {
                write!(f, "is out of date: its event count is {bitmap}, the array's {array}")
            }
        }
    }
}

/// Why the kernel takes every chunk as dirty, if it does; `array` speaks for the array.
#[must_use]
pub fn stale(bitmap: &BitmapSuper, array: &SuperView) -> Option<Stale> {
    match () {
        () if bitmap.state.contains(StateFlags::STALE) => Some(Stale::Marked),
        () if bitmap.nodes == 0 && bitmap.events < array.events => {
            Some(Stale::Behind { bitmap: bitmap.events, array: array.events })
        }
        () => None,
    }
}

/// What the array has for a bitmap, in the kernel's eyes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belief {
    /// None.
    None,
    /// One that it does not take, nor the array with it; why.
    Refused(String),
    /// One that it takes.
    Taken {
        /// Which form it has.
        version: BitmapVersion,
        /// Why every chunk counts as dirty, if they all do.
        stale: Option<Stale>,
        /// The event count at which bits were last cleared, as the kernel will have it.
        cleared: Events,
    },
}

/// What the kernel makes of `bitmap`, which passed the checks of its own fields.
#[must_use]
pub fn believe(bitmap: &BitmapSuper, array: &SuperView) -> Belief {
    if bitmap.uuid != array.uuid.bytes() {
        return Belief::Refused("it belongs to another array: UUIDs differ".into());
    }
    let stale = stale(bitmap, array);
    // With every bit set nothing from before counts.
    let cleared = if stale.is_some() { array.events } else { bitmap.events_cleared };
    Belief::Taken { version: bitmap.version, stale, cleared }
}
