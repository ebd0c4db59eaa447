//! What a resync does to a piece of an array, told so that an engine needs to know no level: which
//! extents to read, what to compute of them, and which to write.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::bad::Listed;
use crate::units::{SectorRange, Sectors};

/// A place on a member, in sectors of the device; how much of it is said by the task's range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Index of the participant.
    pub member: usize,
    /// First sector on its device.
    pub at: Sectors,
}

/// One computation. Buffers go by number: first those that are read, in their order, then those
/// that steps make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `to` becomes the exclusive or of `from`.
    Xor {
        /// What is summed.
        from: Vec<usize>,
        /// The sum.
        to: usize,
    },
    /// P and Q of `data`, whose places are the exponents.
    Pq {
        /// Buffers by exponent; none for a block of zeroes.
        data: Vec<Option<usize>>,
        /// Where P goes.
        p: usize,
        /// Where Q goes.
        q: usize,
    },
    /// Q alone.
    Q {
        /// Buffers by exponent; none for a block of zeroes.
        data: Vec<Option<usize>>,
        /// Where Q goes.
        to: usize,
    },
    /// One data block by way of Q, P being lost as well.
    ByQ {
        /// Its exponent.
        lost: u8,
        /// Q.
        q: usize,
        /// Buffers by exponent; none for the lost one and for blocks of zeroes.
        data: Vec<Option<usize>>,
        /// Where it goes.
        to: usize,
    },
    /// Two data blocks by way of P and Q.
    Two {
        /// Their exponents.
        lost: [u8; 2],
        /// P.
        p: usize,
        /// Q.
        q: usize,
        /// Buffers by exponent; none for the lost ones and for blocks of zeroes.
        data: Vec<Option<usize>>,
        /// Where they go.
        to: [usize; 2],
    },
}

/// The work for one piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Extents to read, a buffer each.
    pub reads: Vec<Extent>,
    /// What to compute, in this order.
    pub steps: Vec<Step>,
    /// Extents to write, each from a buffer.
    pub writes: Vec<(Extent, usize)>,
    /// Members whose extents are listed as bad, in full or in part: what was written counts only
    /// once it was read back, and where all of it is listed it may fail.
    pub mends: BTreeMap<usize, Listed>,
}

impl Task {
    /// Nothing to read and nothing to write: the piece is as it should be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.reads.is_empty() && self.writes.is_empty()
    }
}

/// What cannot be had of a piece, and because of whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// What of the array as its users see it; nothing where only parity is concerned.
    pub array: Vec<SectorRange>,
    /// Whose parts cannot be read, and whether these are listed as bad.
    pub members: Vec<(Extent, bool)>,
}

/// How the pieces of one array are made right.
pub trait Recipe: fmt::Debug {
    /// The most that can be done in one task from `at` on; never zero.
    fn piece_len(&self, at: Sectors) -> Sectors;

    /// No task is longer.
    fn longest(&self) -> Sectors;

    /// How many buffers a task has at once, at the most.
    fn buffers(&self) -> usize;

    /// How many places a task writes, at the most.
    fn targets(&self) -> usize;

    /// The work for `range`, which lies in one piece, without reading from the members in `avoid`,
    /// for they could not be read there. What they should hold is written to them, where it can be
    /// told. `None` when it cannot be done without them.
    fn task(&self, range: SectorRange, avoid: &BTreeSet<usize>) -> Option<Task>;

    /// What is lost where [`Recipe::task`] knows no way.
    fn lost(&self, range: SectorRange, avoid: &BTreeSet<usize>) -> Lost;
}
