//! What lies where: from an address that a bitmap bit covers to the members, for every level that
//! has a bitmap.
//!
//! A piece is the largest part that one rule places: copies of a range, or a row of blocks with
//! their parity. Addresses on members count from where their data begins; whoever reads or writes
//! adds that. Numbers come from disks, so a geometry that exists has passed every check, and none
//! that passed can panic, whatever address it is asked for.

mod check;
mod names;
mod parity;
mod part;
mod raid10;
mod roles;

use super::coverage::covered_by;
use crate::format::md::SuperView;
use crate::units::{Sectors, Slot};

pub use names::{layout_named, level_named};
pub use parity::Parity;
pub use part::{Part, Where};
pub use raid10::Raid10;

/// As many members as a superblock of any version has room for.
const MOST: u16 = 1920;

/// Where the parts of an array lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Geometry {
    /// RAID1.
    Mirror(Raid1),
    /// RAID10.
    Raid10(Raid10),
    /// RAID4, RAID5, RAID6.
    Parity(Parity),
}

/// RAID1: the same on every member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raid1 {
    covered: Sectors,
    disks: u16,
}

/// One range's place on a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The member.
    pub slot: Slot,
    /// Where it begins in the member's data area.
    pub at: Sectors,
}

/// What lies at a piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Copies of one range, each on another member; the first one has authority in the kernel.
    Copies(Vec<Place>),
    /// One block on every member, all at the same place.
    Row {
        /// Where, in the data area of each member.
        at: Sectors,
        /// Who has data, in the array's order.
        data: Vec<Slot>,
        /// Who has the exclusive or of all data.
        p: Slot,
        /// Who has the second parity, with RAID6.
        q: Option<Slot>,
        /// The power of the generator that each of `data` is multiplied by in the second parity;
        /// empty without one.
        exponents: Vec<u8>,
    },
}

impl Geometry {
    /// The geometry that a superblock tells.
    ///
    /// # Errors
    /// Why there is none, or none that could be relied on.
    pub fn of(view: &SuperView) -> Result<Self, String> {
        if view.reshape {
            return Err("the array is changing its shape".to_owned());
        }
        Self::from_numbers(view.level, view.layout, view.chunk, view.size, view.raid_disks)
    }

    /// The geometry of an array of `disks` members that uses `size` of each.
    ///
    /// # Errors
    /// Why there is none, or none that could be relied on.
    pub fn from_numbers(
        level: i32,
        layout: u32,
        chunk: Sectors,
        size: Sectors,
        disks: u16,
    ) -> Result<Self, String> {
        if !(1..=MOST).contains(&disks) {
            return Err(format!("no superblock has room for {disks} members"));
        }
        match level {
            4..=6 => Parity::new(level, layout, chunk, size, disks).map(Self::Parity),
            10 => Raid10::new(layout, chunk, size, disks).map(Self::Raid10),
            _ => covered_by(level, layout, chunk, size, disks)
                .map(|covered| Self::Mirror(Raid1 { covered, disks })),
        }
    }

    /// Length of the address space that the bits of a bitmap cover.
    #[must_use]
    pub fn covered(&self) -> Sectors {
        match self {
            Self::Mirror(mirror) => mirror.covered,
            Self::Raid10(raid10) => raid10.covered(),
            Self::Parity(parity) => parity.covered(),
        }
    }

    /// How many members it takes.
    #[must_use]
    pub fn slots(&self) -> u16 {
        match self {
            Self::Mirror(mirror) => mirror.disks,
            Self::Raid10(raid10) => raid10.slots(),
            Self::Parity(parity) => parity.slots(),
        }
    }

    /// What remains of the piece that `at` lies in: zero from the end of all on.
    #[must_use]
    pub fn piece_len(&self, at: Sectors) -> Sectors {
        let left = self.covered().saturating_sub(at);
        match self {
            Self::Mirror(_) => left,
            Self::Raid10(raid10) => left.min(rest_of(at, raid10.chunk())),
            Self::Parity(parity) => left.min(rest_of(at, parity.chunk())),
        }
    }

    /// Where the piece that `at` lies in is, from `at` on. Behind the end of all the places make
    /// no sense.
    #[must_use]
    pub fn piece(&self, at: Sectors) -> Piece {
        match self {
            Self::Mirror(mirror) => Piece::Copies(mirror.copies(at)),
            Self::Raid10(raid10) => Piece::Copies(raid10.copies(at)),
            Self::Parity(parity) => parity.row(at),
        }
    }

    /// What the sector `at` of a member's data area is; `None` where the array keeps nothing.
    #[must_use]
    pub fn locate(&self, slot: Slot, at: Sectors) -> Option<Where> {
        match self {
            Self::Mirror(mirror) => mirror.locate(slot, at),
            Self::Raid10(raid10) => raid10.locate(slot, at),
            Self::Parity(parity) => parity.locate(slot, at),
        }
    }

    /// Length of the array as its users see it.
    #[must_use]
    pub fn array_len(&self) -> Sectors {
        match self {
            Self::Parity(parity) => parity.array_len(),
            _ => self.covered(),
        }
    }

    /// Whether each member holds the whole array, in its order.
    #[must_use]
    pub fn is_plain_copy(&self) -> bool {
        match self {
            Self::Mirror(_) => true,
            Self::Raid10(raid10) => raid10.near == raid10.disks && raid10.far == 1,
            Self::Parity(_) => false,
        }
    }

    /// The address that a bitmap knows a sector of the array by; `None` behind the array's end.
    #[must_use]
    pub fn bitmap_address(&self, array: Sectors) -> Option<Sectors> {
        match self {
            Self::Parity(parity) => parity.row_of(array).map(|(at, _)| at),
            _ => (array < self.covered()).then_some(array),
        }
    }
}

impl Raid1 {
    fn copies(&self, at: Sectors) -> Vec<Place> {
        (0..self.disks).map(|slot| Place { slot: Slot(slot), at }).collect()
    }

    fn locate(&self, slot: Slot, at: Sectors) -> Option<Where> {
        let inside = slot.0 < self.disks && at < self.covered;
        inside.then(|| Where { at, part: Part::Copy(usize::from(slot.0)) })
    }
}

fn rest_of(at: Sectors, chunk: u64) -> Sectors {
    Sectors::new(chunk - at.get() % chunk)
}

/// The chunk of a striped level, if the kernel would have it.
fn chunk_of(chunk: Sectors) -> Result<u64, String> {
    match chunk.get() {
        sectors if sectors.is_power_of_two() => Ok(sectors),
        sectors => Err(format!("a chunk of {sectors} sectors is no power of two")),
    }
}

/// Slots are computed as u64; all of them are below the number of members.
fn slot(n: u64) -> Slot {
    Slot(u16::try_from(n).unwrap_or(u16::MAX))
}

#[cfg(test)]
mod tests;
