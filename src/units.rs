//! Units as types: a sector is not a byte, a chunk is not a sector.
//!
//! Arithmetic is checked: sizes come from disk, so every sum may overflow. No type here turns into
//! a bare integer by itself; `get` says so where it happens.
//!
//! Imports nothing of ours.

use std::fmt;

mod asked;
mod parse;
mod range;
pub use asked::{Range, RangeError};
pub use parse::{ParseSizeError, parse_size};
pub use range::{ChunkRun, SectorRange};

/// Bytes in a sector, everywhere in md.
pub const SECTOR_BYTES: u64 = 512;

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $suffix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// None of it.
            pub const ZERO: Self = Self(0);

            /// Wraps a number that is already in this unit.
            #[must_use]
            pub const fn new(n: u64) -> Self {
                Self(n)
            }

            /// The bare number.
            #[must_use]
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The sum, unless it overflows.
            #[must_use]
            pub const fn checked_add(self, other: Self) -> Option<Self> {
                match self.0.checked_add(other.0) {
                    Some(n) => Some(Self(n)),
                    None => None,
                }
            }

            /// The difference, unless it is negative.
            #[must_use]
            pub const fn checked_sub(self, other: Self) -> Option<Self> {
                match self.0.checked_sub(other.0) {
                    Some(n) => Some(Self(n)),
                    None => None,
                }
            }

            /// The difference, or zero.
            #[must_use]
            pub const fn saturating_sub(self, other: Self) -> Self {
                Self(self.0.saturating_sub(other.0))
            }

            /// The sum, or the largest value.
            #[must_use]
            pub const fn saturating_add(self, other: Self) -> Self {
                Self(self.0.saturating_add(other.0))
            }

            /// Whether it is none at all.
            #[must_use]
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("{}", $suffix), self.0)
            }
        }
    };
}

quantity! {
    /// A length or position in bytes.
    Bytes, " bytes"
}
quantity! {
    /// A length or position in 512-byte sectors.
    Sectors, " sectors"
}
quantity! {
    /// A number of bitmap chunks, or the index of one: one bit of the bitmap each.
    Chunks, ""
}
quantity! {
    /// An event count: how many times an array's superblocks were updated.
    Events, ""
}

impl Bytes {
    /// Whole sectors in it, the rest dropped.
    #[must_use]
    pub const fn to_sectors_floor(self) -> Sectors {
        Sectors(self.0 / SECTOR_BYTES)
    }

    /// A usize, where it fits one.
    #[must_use]
    pub fn to_usize(self) -> Option<usize> {
        usize::try_from(self.0).ok()
    }

    /// Rounded up to a multiple of `unit`, unless that overflows. `unit` must not be zero.
    #[must_use]
    pub const fn round_up(self, unit: u64) -> Option<Self> {
        match self.0.checked_next_multiple_of(unit) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }

    /// Rounded down to a multiple of `unit`, which must not be zero.
    #[must_use]
    pub const fn round_down(self, unit: u64) -> Self {
        Self(self.0 - self.0 % unit)
    }
}

impl From<usize> for Bytes {
    fn from(n: usize) -> Self {
        Self(n as u64)
    }
}

impl Sectors {
    /// In bytes, unless that overflows.
    #[must_use]
    pub const fn to_bytes(self) -> Option<Bytes> {
        match self.0.checked_mul(SECTOR_BYTES) {
            Some(n) => Some(Bytes(n)),
            None => None,
        }
    }

    /// This position moved by a signed distance, unless it leaves the range.
    #[must_use]
    pub const fn checked_add_signed(self, distance: i64) -> Option<Self> {
        match self.0.checked_add_signed(distance) {
            Some(n) => Some(Self(n)),
            None => None,
        }
    }
}

impl Events {
    /// One more, as a superblock update makes it.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A member's place in the array: 0 up to `raid_disks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u16);

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The size of one bitmap chunk: a power of two, 512 bytes at least, below 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkSize(u64);

impl ChunkSize {
    /// The largest there is: 2 GiB.
    pub const LARGEST: Self = Self(1 << 31);

    /// A chunk of `bytes`, unless the kernel would refuse that size.
    #[must_use]
    pub fn from_bytes(bytes: u64) -> Option<Self> {
        let fits = (SECTOR_BYTES..=1 << 31).contains(&bytes);
        (fits && bytes.is_power_of_two()).then_some(Self(bytes))
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// In sectors.
    #[must_use]
    pub const fn sectors(self) -> Sectors {
        Sectors(self.0 / SECTOR_BYTES)
    }

    /// Chunks that cover `size`, the last one perhaps in part.
    #[must_use]
    pub const fn chunks_for(self, size: Sectors) -> Chunks {
        Chunks(size.0.div_ceil(self.0 / SECTOR_BYTES))
    }

    /// The first sector of `chunk`, unless that overflows.
    #[must_use]
    pub const fn start_of(self, chunk: Chunks) -> Option<Sectors> {
        match chunk.0.checked_mul(self.0 / SECTOR_BYTES) {
            Some(n) => Some(Sectors(n)),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests;
