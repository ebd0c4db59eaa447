//! What a batch says to whoever runs it, what it is told, and how it ended.

use std::collections::BTreeSet;

use super::Durable;
use crate::array::bad::Listed;
use crate::array::recipe::{Extent, Step};
use crate::units::{SectorRange, Sectors};

/// What the machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Read `len` from `from` into the window's buffer `buffer`.
    Read {
        /// The window.
        window: u64,
        /// Which of the window's buffers.
        buffer: usize,
        /// From where.
        from: Extent,
        /// How much.
        len: Sectors,
    },
    /// Read `len` from a target of the window, to write only what differs. That it failed is to be
    /// told as well, but is no failure of the target: it is then written as it is.
    Look {
        /// The window.
        window: u64,
        /// What will be written.
        target: Extent,
        /// How much.
        len: Sectors,
    },
    /// Compute of the window's buffers, all `len` long.
    Compute {
        /// The window.
        window: u64,
        /// What, in this order.
        steps: Vec<Step>,
        /// The length of each buffer.
        len: Sectors,
    },
    /// Write the window's buffer to `to`.
    Write {
        /// The window.
        window: u64,
        /// Which of the window's buffers.
        buffer: usize,
        /// To where.
        to: Extent,
        /// Whether no other write needs the buffer.
        last: bool,
        /// How much of the place is listed as bad: if any is, what was written is to be read back,
        /// whatever else is done; if all is, it may fail.
        mend: Listed,
    },
    /// The window's buffers are no longer needed.
    Release {
        /// The window.
        window: u64,
        /// Whether its data is in place on every target.
        done: bool,
        /// What it covered.
        range: SectorRange,
    },
    /// Flush the member.
    Flush {
        /// Index of the member.
        member: usize,
    },
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A read of the window ended.
    Read {
        /// The window.
        window: u64,
        /// The member read.
        member: usize,
        /// Whether all was read.
        ok: bool,
    },
    /// A look at a target of the window ended, whatever came of it.
    Looked {
        /// The window.
        window: u64,
    },
    /// What was to be computed of the window's buffers is there.
    Computed {
        /// The window.
        window: u64,
    },
    /// A write of the window ended.
    Wrote {
        /// The window.
        window: u64,
        /// The member written.
        member: usize,
        /// Whether all was written.
        ok: bool,
    },
    /// A flush ended.
    Flushed {
        /// The member flushed.
        member: usize,
        /// Whether what it was given is stable now.
        ok: bool,
    },
    /// A device is not there any more.
    Gone {
        /// Its member.
        member: usize,
    },
    /// Begin nothing new; end what is under way.
    Stop,
}

/// A range that cannot be had, and the members that could not be read there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The range.
    pub range: SectorRange,
    /// Who could not be read.
    pub avoid: BTreeSet<usize>,
}

/// How a batch ended.
#[derive(Debug)]
pub struct Ended {
    /// Ranges whose data is stable on every target.
    pub durable: Durable<Vec<SectorRange>>,
    /// What was written where it was listed as bad, read back, and is stable.
    pub mended: Durable<Vec<(Extent, Sectors)>>,
    /// Ranges that no source could give.
    pub unreadable: Vec<Unreadable>,
    /// Ranges that were not done because of members that failed.
    pub undone: Vec<SectorRange>,
    /// Members that failed a write or a flush, and those that are gone.
    pub failed: BTreeSet<usize>,
    /// Members whose device is not there any more.
    pub gone: BTreeSet<usize>,
    /// Whether a stop left something undone.
    pub stopped: bool,
}
