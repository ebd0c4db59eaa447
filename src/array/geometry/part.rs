//! The way back: what a sector of a member is to the array.
//!
//! Told in the address space of the bitmap, since that is what can be marked or resynced; data of
//! parity levels also knows its address in the array.

use crate::units::Sectors;

/// What a sector of a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Where {
    /// Its address in the space that the bits of the bitmap cover.
    pub at: Sectors,
    /// Which part of the piece there it belongs to.
    pub part: Part,
}

/// A part of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// That copy, in the order of the piece.
    Copy(usize),
    /// Data of a row.
    Data {
        /// Its index in the row.
        index: usize,
        /// Its address in the array.
        array: Sectors,
    },
    /// The first parity.
    P,
    /// The second parity.
    Q,
}
