//! What comparing says when it is over.

use crate::resync::{MemberReport, Stats, Trouble};
use crate::units::{Bytes, ChunkSize, Slot};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing differs.
    Same,
    /// Something differs.
    Different,
    /// Some of it could not be read; what else differs is told.
    Incomplete,
    /// A signal stopped it.
    Interrupted,
}

/// What is known of the bitmap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bits {
    /// There is none, or none was given.
    None,
    /// There is one, and why its bits mean nothing.
    Doubtful(String),
    /// Its bits hold.
    Trusted {
        /// What a bit stands for.
        chunk: ChunkSize,
        /// Set bits.
        dirty: u64,
    },
}

/// What is known before anything is compared.
#[derive(Clone, Debug)]
pub struct Head {
    /// The array's UUID as md prints it.
    pub uuid: String,
    /// RAID level.
    pub level: i32,
    /// Whether it was shut down cleanly.
    pub clean: bool,
    /// The members, in the order given; their part is "compared" or "unused".
    pub members: Vec<MemberReport>,
    /// Slots nobody holds.
    pub missing: Vec<u16>,
    /// Whether addresses are those of the data area of each member, and not of the array.
    pub per_member: bool,
    /// The bitmap.
    pub bits: Bits,
    /// What is to be compared, by the addresses it covers.
    pub total: Bytes,
    /// What an earlier run compared already.
    pub before: Bytes,
    /// Whether whoever is wrong can be told on this array as it is.
    pub decidable: bool,
}

/// Counts of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ranges told.
    pub ranges: u64,
    /// How much differs, by the addresses it covers.
    pub bytes: Bytes,
    /// Of that, where it is known who is wrong.
    pub located: Bytes,
    /// Of that, in chunks that are dirty anyway.
    pub dirty: Bytes,
    /// How much is wrong on each slot that was blamed.
    pub by_slot: Vec<(Slot, Bytes)>,
}

/// The whole account.
#[derive(Clone, Debug)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What was known before.
    pub head: Head,
    /// What was found.
    pub tally: Tally,
    /// Blocks that earlier runs found different, which a checkpoint kept count of.
    pub earlier: u64,
    /// What could not be compared, for its other copies or parity are not there.
    pub uncompared: Bytes,
    /// Bits that were clear and are set now, where that was asked for; in a dry run, that would be.
    pub marked: Option<u64>,
    /// Whether nothing was to be written.
    pub dry_run: bool,
    /// The engine that read.
    pub engine: &'static str,
    /// Data due, done and read.
    pub stats: Stats,
    /// Seconds it took.
    pub seconds: f64,
    /// Reads that failed: the first of them.
    pub troubles: Vec<Trouble>,
    /// All reads that failed.
    pub failed: u64,
}
