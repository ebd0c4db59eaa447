//! `/proc/mdstat`, which alone tells the file a bitmap is in, and which of several arrays waits.
//!
//! The text is meant for people and has grown for decades. Reading it is strict and total: a line
//! that is not exactly what the kernel prints is dropped and counted, never guessed at, and what
//! follows a dropped heading belongs to no array. Pure but for [`System::mdstat`].

use std::path::PathBuf;

use super::{System, read_bytes};
use crate::error::Result;
use crate::units::Bytes;

mod lines;

/// All that `/proc/mdstat` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MdStat {
    /// The personalities the kernel has loaded: `raid1`.
    pub personalities: Vec<String>,
    /// The arrays, in the kernel's order.
    pub arrays: Vec<MdStatArray>,
    /// Devices that wait for the rest of their array.
    pub unused: Vec<String>,
    /// Lines that we did not understand and dropped.
    pub unknown_lines: usize,
}

/// One array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdStatArray {
    /// The kernel's name: `md0`.
    pub name: String,
    /// Whether it runs.
    pub activity: Activity,
    /// Whether it may be written.
    pub access: Access,
    /// The personality: `raid1`; none when inactive.
    pub personality: Option<String>,
    /// Its members, in the kernel's order.
    pub members: Vec<MdStatMember>,
    /// How much it holds.
    pub size: Option<Bytes>,
    /// The version of its metadata, `external:...` or `non-persistent`; none for 0.90.
    pub metadata: Option<String>,
    /// What the personality adds: `level 5, 64k chunk, algorithm 2`.
    pub details: Option<String>,
    /// Which slots are in sync.
    pub health: Option<Health>,
    /// What runs on it, or is to.
    pub progress: Option<MdStatProgress>,
    /// Its bitmap.
    pub bitmap: Option<MdStatBitmap>,
}

/// Whether an array runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// It does.
    Active,
    /// It has lost more members than it can.
    Broken,
    /// It has not been started.
    Inactive,
}

/// Whether an array may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    ReadWrite,
    /// It may not.
    ReadOnly,
    /// From the first write on it may.
    AutoReadOnly,
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdStatMember {
    /// The kernel's name of the device.
    pub name: String,
    /// Its number in the array's metadata, which is not its slot.
    pub number: u32,
    /// What the letters behind it say.
    pub flags: Vec<Flag>,
}

/// A letter behind a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flag {
    /// `(W)`
    WriteMostly,
    /// `(J)`
    Journal,
    /// `(F)`
    Faulty,
    /// `(S)`
    Spare,
    /// `(R)`
    Replacement,
}

/// `[3/2] [UU_]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Slots.
    pub slots: usize,
    /// How many of them work.
    pub working: usize,
    /// For each, whether it is in sync.
    pub in_sync: Vec<bool>,
}

/// What runs, and how far it got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdStatProgress {
    /// The kernel's word: `resync`, `recovery`, `check`.
    pub action: String,
    /// How far.
    pub state: ProgressState,
}

/// How far it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressState {
    /// Another array on the same disks comes first.
    Delayed,
    /// It begins when the array may be written.
    Pending,
    /// Another node of the cluster does it.
    Remote,
    /// So far.
    At {
        /// Done, never more than the total.
        done: Bytes,
        /// All of it, never zero.
        total: Bytes,
        /// A second.
        speed: Bytes,
    },
}

/// A bitmap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MdStatBitmap {
    /// Pages of counters in use.
    pub pages_used: u64,
    /// Pages there would be.
    pub pages: u64,
    /// What a bit stands for.
    pub chunk: Bytes,
    /// The file it is in, as it was called when it was attached; one that has been deleted since
    /// ends in ` (deleted)`.
    pub file: Option<PathBuf>,
}

impl System {
    /// What `/proc/mdstat` says; nothing where there is no md driver.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn mdstat(&self) -> Result<MdStat> {
        let bytes = read_bytes(&self.proc.join("mdstat"), super::MDSTAT)?;
        Ok(parse(&bytes.unwrap_or_default()))
    }
}

/// The text of `/proc/mdstat`. Bytes, for a path may be no UTF-8.
#[must_use]
pub fn parse(text: &[u8]) -> MdStat {
    let mut found = MdStat::default();
    let mut open = false;
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii_end();
        if line.is_empty() {
            continue;
        }
        let understood = if line.starts_with(b" ") {
            let array = found.arrays.last_mut().filter(|_| open);
            array.and_then(|array| lines::detail(array, line.trim_ascii_start()))
        } else {
            let before = found.arrays.len();
            let understood = lines::heading(&mut found, line);
            open = found.arrays.len() > before;
            understood
        };
        found.unknown_lines += usize::from(understood.is_none());
    }
    found
}

#[cfg(test)]
mod tests;
