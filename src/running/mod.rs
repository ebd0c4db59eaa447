//! A running array as its kernel tells it, and waiting for it to become idle.
//!
//! `parse` turns texts into values and `wait` decides, both without I/O; `look` fetches. What
//! the kernel does not say, or says in words we do not know, is none: nothing here is a guess, for
//! the numbers are shown to people who decide by them whether to pull a disk.

use std::path::PathBuf;

use crate::units::{Bytes, Chunks, Sectors, Slot};

pub mod checked;
mod dirty;
pub mod look;
pub mod parse;
pub mod wait;

pub use dirty::{count_dirty, source as bitmap_source};
pub use look::{all, find, find_running, look};
pub use wait::{Ended, wait};

/// A running array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// The kernel's name: `md0`.
    pub name: String,
    /// Its device node.
    pub node: PathBuf,
    /// `raid1` and so on, where the kernel says it.
    pub level: Option<String>,
    /// A word of `array_state`, or `unknown`.
    pub state: &'static str,
    /// The version of its metadata, `none` or `external:...` among them.
    pub metadata: Option<String>,
    /// The sixteen bytes of its UUID, where the kernel tells them (5.17).
    pub uuid: Option<[u8; 16]>,
    /// Slots it has.
    pub raid_disks: Option<u64>,
    /// Slots without a member in sync.
    pub degraded: Option<u64>,
    /// Its members, by slot, spares last.
    pub members: Vec<Member>,
    /// Its bitmap.
    pub bitmap: Bitmap,
    /// What runs on it.
    pub sync: Sync,
    /// Sectors that the last check or repair found different.
    pub mismatches: Option<Sectors>,
}

/// A member of a running array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The kernel's name of the device: `sda1`.
    pub name: String,
    /// Its slot; none for a spare or a failed member.
    pub slot: Option<Slot>,
    /// The words of its `state`.
    pub states: Vec<String>,
}

impl Member {
    /// Whether it holds current data of its slot.
    #[must_use]
    pub fn is_in_sync(&self) -> bool {
        let says = |word: &str| self.states.iter().any(|state| state == word);
        self.slot.is_some() && says("in_sync") && !says("faulty")
    }
}

/// Which bitmap a running array has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BitmapKind {
    /// None.
    None,
    /// Inside each member.
    Internal,
    /// In a file.
    File,
    /// The lockless one of 6.18 and later, inside each member.
    Lockless,
    /// One per node of a cluster, inside each member.
    Clustered,
    /// The kernel says something we do not know.
    Unknown,
}

impl BitmapKind {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Internal => "internal",
            Self::File => "file",
            Self::Lockless => "lockless",
            Self::Clustered => "clustered",
            Self::Unknown => "unknown",
        }
    }
}

/// The bitmap of a running array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bitmap {
    /// Which sort.
    pub kind: BitmapKind,
    /// Sectors from each member's superblock.
    pub offset: Option<i64>,
    /// The file.
    pub path: Option<PathBuf>,
    /// What a bit stands for.
    pub chunk: Option<Bytes>,
    /// Dirty chunks, where they can be known.
    pub dirty: Option<Dirty>,
    /// Why they cannot.
    pub why: Option<String>,
}

/// What the bits on disk say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dirty {
    /// Chunks whose bit is set.
    pub dirty: Chunks,
    /// Chunks there are.
    pub total: Chunks,
}

/// What the kernel is doing to an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Idle,
    /// Making members agree.
    Resync,
    /// Filling a member.
    Recover,
    /// Comparing.
    Check,
    /// Comparing and making equal.
    Repair,
    /// Changing the shape.
    Reshape,
    /// Nothing, until somebody thaws it.
    Frozen,
    /// A word we do not know.
    Unknown,
}

impl Action {
    /// The kernel's word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Resync => "resync",
            Self::Recover => "recover",
            Self::Check => "check",
            Self::Repair => "repair",
            Self::Reshape => "reshape",
            Self::Frozen => "frozen",
            Self::Unknown => "unknown",
        }
    }
}

/// How far it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing runs, or the kernel does not say.
    None,
    /// It waits for another array on the same disks.
    Delayed,
    /// So far; the total is never zero, nor less than what is done.
    At {
        /// What is done.
        done: Bytes,
        /// All there is.
        total: Bytes,
    },
}

/// What runs on an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sync {
    /// What is being done.
    pub action: Action,
    /// How far it got.
    pub progress: Progress,
    /// Bytes a second, as the kernel measures it.
    pub speed: Option<Bytes>,
}

impl Sync {
    /// Seconds to go at the kernel's speed.
    #[must_use]
    pub fn eta(&self) -> Option<u64> {
        let Progress::At { done, total } = self.progress else { return None };
        total.saturating_sub(done).get().checked_div(self.speed?.get())
    }
}

#[cfg(test)]
mod tests;
