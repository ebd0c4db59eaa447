//! The matrix as data: which arrays are made, where their bitmap lies, what happens to them.

use std::fmt;

/// Bitmap chunk used everywhere: small, so that small images have a few hundred bits.
pub(crate) const CHUNK: u64 = 64 << 10;
pub(crate) const IMAGE_BYTES: u64 = 16 << 20;
/// `dd` in the guests counts in these.
pub(crate) const BLOCK: u64 = 4096;

pub(crate) const METADATA: [&str; 4] = ["0.90", "1.0", "1.1", "1.2"];

/// Where an array keeps its write-intent bitmap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Internal,
    /// In a file on an ext4 image of its own.
    File,
}

/// An array to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) members: usize,
    pub(crate) spares: usize,
    pub(crate) metadata: &'static str,
    pub(crate) place: Place,
    /// This member is marked write-mostly once the array runs.
    pub(crate) write_mostly: Option<usize>,
}

impl Setup {
    pub(crate) const fn new(members: usize, metadata: &'static str, place: Place) -> Self {
        Self { members, spares: 0, metadata, place, write_mostly: None }
    }

    /// The member the kernel copies from: the first that is not write-mostly and not `without`.
    pub(crate) fn source(&self, without: Option<usize>) -> usize {
        (0..self.members)
            .find(|member| Some(*member) != self.write_mostly && Some(*member) != without)
            .unwrap_or(0)
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.place {
            Place::Internal => "internal",
            Place::File => "file",
        };
        write!(f, "{}-members/{}/{place}", self.members, self.metadata)
    }
}

/// What happens to an array before `mdbitmap` gets its images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accident {
    /// The machine dies in the middle of writes and `victim` loses part of the last ones.
    Crash { victim: usize },
    /// `victim` is failed and removed, writes go on without it, the array is stopped cleanly.
    Behind { victim: usize },
}

impl Accident {
    /// The member that cannot be the source, because it was out of the array when writes went on.
    pub(crate) fn absent_from_writes(self) -> Option<usize> {
        match self {
            Self::Crash { .. } => None,
            Self::Behind { victim } => Some(victim),
        }
    }
}

impl fmt::Display for Accident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crash { .. } => "crash",
            Self::Behind { .. } => "behind",
        })
    }
}

/// The whole matrix. The victim rotates, so that every role, the first included, is hit.
pub(crate) fn matrix() -> Vec<(Setup, Accident)> {
    let mut cases = Vec::new();
    for members in [2, 3] {
        for metadata in METADATA {
            for place in [Place::Internal, Place::File] {
                let setup = Setup::new(members, metadata, place);
                let victim = (cases.len() / 2 + members) % members;
                cases.push((setup, Accident::Crash { victim }));
                cases.push((setup, Accident::Behind { victim: (victim + 1) % members }));
            }
        }
    }
    cases
}

/// Where a write starts. Only the guest knows the array's end when it writes there.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    Block(u64),
    BeforeEnd(u64),
}

impl Start {
    pub(crate) fn block(self, array_bytes: u64) -> u64 {
        match self {
            Self::Block(block) => block,
            Self::BeforeEnd(blocks) => array_bytes / BLOCK - blocks,
        }
    }
}

/// A write made after the array had settled, of whole blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) start: Start,
    pub(crate) blocks: u64,
    /// How many of its blocks, from the first, the victim of a crash loses.
    pub(crate) lost: u64,
}

impl Extent {
    const fn new(start: Start, blocks: u64, lost: u64) -> Self {
        Self { start, blocks, lost }
    }
}

const PER_CHUNK: u64 = CHUNK / BLOCK;

/// Part of a chunk, a whole chunk, a write across a chunk boundary, several chunks that arrive
/// everywhere, and the array's very end.
pub(crate) const LATE_WRITES: &[Extent] = &[
    Extent::new(Start::Block(0), 1, 1),
    Extent::new(Start::Block(3 * PER_CHUNK), PER_CHUNK, PER_CHUNK / 2),
    Extent::new(Start::Block(41 * PER_CHUNK - 2), 4, 4),
    Extent::new(Start::Block(100 * PER_CHUNK), 4 * PER_CHUNK, 0),
    Extent::new(Start::BeforeEnd(2), 2, 2),
];

/// For trials that need a resync with many steps: nearly all of any array made from our images,
/// whatever its metadata leaves of them.
pub(crate) const LONG_WRITE: &[Extent] =
    &[Extent::new(Start::Block(0), 220 * PER_CHUNK, 220 * PER_CHUNK)];

/// The region that is being overwritten when a crash comes: first block and length.
pub(crate) const RESTLESS: (u64, u64) = (160 * PER_CHUNK, 8 * PER_CHUNK);
