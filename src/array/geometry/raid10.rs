//! RAID10: near, far and offset copies, by the steps of the kernel.
//!
//! All is computed in chunks; a sector's place within its chunk is the same on every copy. The one
//! odd step (`>` where `>=` would be right, in [`Raid10::turn`]) is the kernel's and decides where
//! the data of existing arrays lies.

use super::super::coverage::covered_by;
use super::part::{Part, Where};
use super::{Place, check, chunk_of, slot};
use crate::units::{Sectors, Slot};

/// A RAID10 whose copies lie apart from each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raid10 {
    pub(super) chunk: u64,
    pub(super) disks: u64,
    pub(super) near: u64,
    pub(super) far: u64,
    pub(super) offset: bool,
    /// Members that far copies stay among.
    pub(super) set: u64,
    /// Chunks of the array that start on a member of their own, divided by members: without the
    /// offset flag also the distance of far copies.
    pub(super) rows: u64,
}

impl Raid10 {
    pub(super) fn new(
        layout: u32,
        chunk: Sectors,
        size: Sectors,
        disks: u16,
    ) -> Result<Self, String> {
        let chunk_len = chunk_of(chunk)?;
        let (near, far) = copies_of(layout, u64::from(disks))?;
        let set = set_of(layout, near, far, u64::from(disks))?;
        let covered = covered_by(10, layout, chunk, size, disks)?;
        let disks = u64::from(disks);
        // The kernel has chunks = rows * disks / near, rounded down; near <= disks makes this its
        // inverse.
        let rows = covered.get().div_ceil(chunk_len).saturating_mul(near).div_ceil(disks);
        let offset = layout & OFFSET != 0;
        let raid10 = Self { chunk: chunk_len, disks, near, far, offset, set, rows };
        check::apart(&raid10).map(|()| raid10)
    }

    pub(super) fn chunk(&self) -> u64 {
        self.chunk
    }

    pub(super) fn slots(&self) -> u16 {
        slot(self.disks).0
    }

    pub(super) fn covered(&self) -> Sectors {
        Sectors::new(self.chunks().saturating_mul(self.chunk))
    }

    /// Chunks of the array.
    pub(super) fn chunks(&self) -> u64 {
        self.rows.saturating_mul(self.disks) / self.near
    }

    pub(super) fn copies(&self, at: Sectors) -> Vec<Place> {
        let rest = at.get() % self.chunk;
        let sector = |row: u64| Sectors::new(row.saturating_mul(self.chunk).saturating_add(rest));
        let places = self.places(at.get() / self.chunk).into_iter();
        places.map(|(dev, row)| Place { slot: slot(dev), at: sector(row) }).collect()
    }

    /// Member, and chunk on that member, of each copy of a chunk of the array.
    pub(super) fn places(&self, chunk: u64) -> Vec<(u64, u64)> {
        let first = chunk.saturating_mul(self.near);
        let (mut row, mut dev) = (first / self.disks, first % self.disks);
        if self.offset {
            row = row.saturating_mul(self.far);
        }
        let mut places = Vec::new();
        for _ in 0..self.near {
            self.far_copies(dev, row, &mut places);
            dev += 1;
            if dev == self.disks {
                (dev, row) = (0, row.saturating_add(1));
            }
        }
        places
    }

    fn far_copies(&self, mut dev: u64, mut row: u64, places: &mut Vec<(u64, u64)>) {
        places.push((dev, row));
        for _ in 1..self.far {
            dev = self.turn(dev);
            row = row.saturating_add(self.stride());
            places.push((dev, row));
        }
    }

    fn stride(&self) -> u64 {
        if self.offset { 1 } else { self.rows }
    }

    /// The member of the next far copy.
    fn turn(&self, dev: u64) -> u64 {
        let odd = self.disks % self.set;
        let last = (self.disks / self.set - 1) * self.set;
        match dev + self.near {
            next if odd != 0 && next > last => (next - last) % (self.set + odd) + last,
            next => next % self.set + dev / self.set * self.set,
        }
    }

    /// Tries each member that the chunk may come from; places are few and apart.
    pub(super) fn locate(&self, slot: Slot, at: Sectors) -> Option<Where> {
        let (row, rest) = (at.get() / self.chunk, at.get() % self.chunk);
        let wanted = (u64::from(slot.0), row);
        let first = if self.offset { row / self.far } else { row % self.rows };
        let position = |dev| first.checked_mul(self.disks)?.checked_add(dev);
        let chunks = (0..self.disks).filter_map(position).map(|position| position / self.near);
        chunks.filter(|chunk| *chunk < self.chunks()).find_map(|chunk| {
            let copy = self.places(chunk).iter().position(|place| *place == wanted)?;
            let at = Sectors::new(chunk.checked_mul(self.chunk)?.checked_add(rest)?);
            Some(Where { at, part: Part::Copy(copy) })
        })
    }
}

const OFFSET: u32 = 1 << 16;

fn copies_of(layout: u32, disks: u64) -> Result<(u64, u64), String> {
    let (near, far) = (u64::from(layout & 0xff), u64::from(layout >> 8 & 0xff));
    match near * far {
        0 | 1 => Err(format!("RAID10 layout {layout:#x} keeps no second copy")),
        copies if copies > disks => {
            Err(format!("RAID10 layout {layout:#x} wants {copies} members and has {disks}"))
        }
        _ => Ok((near, far)),
    }
}

fn set_of(layout: u32, near: u64, far: u64, disks: u64) -> Result<u64, String> {
    match layout >> 17 {
        0 => Ok(disks),
        1 => Ok(disks / far),
        2 => Ok(near * far),
        _ => Err(format!("RAID10 layout {layout:#x} has bits that nobody here knows")),
    }
}
