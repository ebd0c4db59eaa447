//! What a resync says when it is over, or would do.

use super::observe::Stats;
use super::plan::Decision;
use super::volume::Volume;
use crate::units::{Bytes, SectorRange, Sectors};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A dry run: nothing was written.
    Planned,
    /// All that was due is done.
    Done,
    /// Some chunks could not be made equal; their bits are still set.
    Incomplete,
    /// A signal stopped it; the next run goes on.
    Interrupted,
}

/// One member as it was found.
#[derive(Clone, Debug)]
pub struct MemberReport {
    /// Its path as given.
    pub path: String,
    /// Its slot.
    pub slot: Option<u16>,
    /// "current", "behind", "spare", "outside" or "new".
    pub state: &'static str,
    /// Its event count as found.
    pub events: u64,
    /// Its part: "source", "target", "kept" or "unused".
    pub part: &'static str,
    /// Why it stands as it does, where that is not plain.
    pub why: Option<String>,
}

/// A transfer or a range that went wrong.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Path of the member.
    pub path: String,
    /// What was tried: "read", "write", "read back", "flush".
    pub operation: &'static str,
    /// Where on the member.
    pub offset: Bytes,
    /// What the system said.
    pub message: String,
}

/// A part of a member that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Path of the member.
    pub path: String,
    /// First sector on its device; as many as the range has.
    pub at: Sectors,
    /// Whether its own list calls it bad; else reading it failed.
    pub listed: bool,
}

/// A range that could be had from nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// What the bits count: the array, or with parity the data of each member.
    pub range: SectorRange,
    /// What of the array as its users see it is concerned; nothing where that is parity.
    pub array: Vec<SectorRange>,
    /// Who could not be read there.
    pub members: Vec<Lost>,
}

/// A member's list of bad blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadBlocks {
    /// Path of the member.
    pub path: String,
    /// What it listed, in sectors of the device.
    pub listed: Vec<SectorRange>,
    /// How much of that was written anew and read back.
    pub rewritten: Sectors,
    /// How much is still listed.
    pub left: Sectors,
}

/// A device that took the place of a missing member, or was to.
#[derive(Clone, Debug)]
pub struct Replaced {
    /// Its path.
    pub path: String,
    /// The slot.
    pub slot: u16,
    /// What an earlier run had filled, by the addresses that a bitmap's bits cover.
    pub filled_before: Bytes,
    /// Whether it is a member now.
    pub complete: bool,
}

/// The whole account.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// Whether its members have no superblocks: nothing below comes from any.
    pub built: bool,
    /// The array's UUID as md prints it.
    pub uuid: String,
    /// RAID level.
    pub level: i32,
    /// The members, in the order given.
    pub members: Vec<MemberReport>,
    /// Slots nobody holds.
    pub missing: Vec<u16>,
    /// How much was due.
    pub decision: Decision,
    /// Why.
    pub reason: String,
    /// Bits in the bitmap.
    pub chunks_total: u64,
    /// Bits that were set.
    pub chunks_dirty_before: u64,
    /// Chunks made equal.
    pub chunks_synced: u64,
    /// Bits that are set now.
    pub chunks_dirty_after: u64,
    /// The engine that moved data, where any was to be moved.
    pub engine: Option<&'static str>,
    /// What was to be read and written, if all goes well.
    pub planned: Volume,
    /// Data due, done, read and written.
    pub stats: Stats,
    /// Whether targets were read before they were written.
    pub compared: bool,
    /// Seconds it took.
    pub seconds: f64,
    /// What went wrong.
    pub troubles: Vec<Trouble>,
    /// Failures beyond those.
    pub troubles_untold: u64,
    /// Ranges that no member could give.
    pub unreadable: Vec<Unreadable>,
    /// How many ranges more there are.
    pub unreadable_untold: u64,
    /// Lists of bad blocks of members that take part, where anything is in them.
    pub bad_blocks: Vec<BadBlocks>,
    /// Who takes the place of a missing member.
    pub replaced: Vec<Replaced>,
}
