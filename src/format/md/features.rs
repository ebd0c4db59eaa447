//! The feature bits of a 1.x superblock.

use std::fmt;

/// `feature_map`: what a 1.x superblock needs its reader to understand.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Features(u32);

impl Features {
    /// `bitmap_offset` says where the internal bitmap is.
    pub const BITMAP_OFFSET: Self = Self(1);
    /// The member is correct below `recovery_offset` only.
    pub const RECOVERY_OFFSET: Self = Self(2);
    /// The array is changing shape.
    pub const RESHAPE_ACTIVE: Self = Self(4);
    /// The bad-block log has entries.
    pub const BAD_BLOCKS: Self = Self(8);
    /// The member is being filled to replace the one in its slot.
    pub const REPLACEMENT: Self = Self(16);
    /// The reshape runs from the end to the start.
    pub const RESHAPE_BACKWARDS: Self = Self(32);
    /// The reshape moves `data_offset` by `new_offset`.
    pub const NEW_OFFSET: Self = Self(64);
    /// The recovery that `RECOVERY_OFFSET` tells of follows the bitmap.
    pub const RECOVERY_BITMAP: Self = Self(128);
    /// A cluster uses the array: one bitmap for each node.
    pub const CLUSTERED: Self = Self(256);
    /// A journal device closes the write hole.
    pub const JOURNAL: Self = Self(512);
    /// A partial parity log closes the write hole.
    pub const PPL: Self = Self(1024);
    /// Several partial parity logs, one after the other.
    pub const MULTIPLE_PPLS: Self = Self(2048);
    /// `layout` says how RAID0 with members of different sizes is laid out.
    pub const RAID0_LAYOUT: Self = Self(4096);

    /// Every known bit, with the kernel's name for it.
    pub const NAMES: &'static [(Self, &'static str)] = &[
        (Self::BITMAP_OFFSET, "BITMAP_OFFSET"),
        (Self::RECOVERY_OFFSET, "RECOVERY_OFFSET"),
        (Self::RESHAPE_ACTIVE, "RESHAPE_ACTIVE"),
        (Self::BAD_BLOCKS, "BAD_BLOCKS"),
        (Self::REPLACEMENT, "REPLACEMENT"),
        (Self::RESHAPE_BACKWARDS, "RESHAPE_BACKWARDS"),
        (Self::NEW_OFFSET, "NEW_OFFSET"),
        (Self::RECOVERY_BITMAP, "RECOVERY_BITMAP"),
        (Self::CLUSTERED, "CLUSTERED"),
        (Self::JOURNAL, "JOURNAL"),
        (Self::PPL, "PPL"),
        (Self::MULTIPLE_PPLS, "MULTIPLE_PPLS"),
        (Self::RAID0_LAYOUT, "RAID0_LAYOUT"),
    ];

    /// The features of a raw `feature_map`.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The raw `feature_map`.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether all bits of `other` are set.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits set in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The bits set in both.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Without the bits of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The names of the known bits that are set, lowest first.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.iter().filter(move |(bit, _)| self.contains(*bit)).map(|(_, name)| *name)
    }

    /// The bits nobody here knows; the kernel refuses a superblock that has any.
    #[must_use]
    pub fn unknown(self) -> u32 {
        Self::NAMES.iter().fold(self, |left, (bit, _)| left.without(*bit)).0
    }
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.names().collect();
        write!(f, "Features({:#x}: {})", self.0, names.join(" "))
    }
}
