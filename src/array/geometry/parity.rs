//! RAID4, RAID5, RAID6: rows of one block on each member, some of them parity.
//!
//! Bits cover the data area of the members, not the array, and every column of a row stands for
//! itself: any part of a row can be resynced alone. The chunk only decides where roles change.

use super::super::coverage::covered_by;
use super::part::{Part, Where};
use super::roles::{Layout, Roles, layout_of};
use super::{Piece, chunk_of, slot};
use crate::units::{Sectors, Slot};

/// The most members for which the kernel can compute the second parity.
const MOST_WITH_Q: u16 = 255;

/// An array with parity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parity {
    layout: Layout,
    chunk: u64,
    disks: u64,
    data_disks: u64,
    covered: Sectors,
    array_len: Sectors,
}

impl Parity {
    pub(super) fn new(
        level: i32,
        layout: u32,
        chunk: Sectors,
        size: Sectors,
        disks: u16,
    ) -> Result<Self, String> {
        let unknown = || format!("RAID{level} has no layout {layout}");
        let chunk_len = chunk_of(chunk)?;
        let covered = covered_by(level, layout, chunk, size, disks)?;
        let layout = layout_of(level, layout).ok_or_else(unknown)?;
        let data_disks = u64::from(data_disks(level, disks)?);
        let array_len = covered.get().checked_mul(data_disks).map(Sectors::new);
        let array_len = array_len.ok_or("the array would be larger than anything can be")?;
        let disks = u64::from(disks);
        Ok(Self { layout, chunk: chunk_len, disks, data_disks, covered, array_len })
    }

    pub(super) fn chunk(&self) -> u64 {
        self.chunk
    }

    pub(super) fn slots(&self) -> u16 {
        slot(self.disks).0
    }

    pub(super) fn covered(&self) -> Sectors {
        self.covered
    }

    /// How many blocks of a row hold data.
    #[must_use]
    pub fn data_in_row(&self) -> usize {
        usize::try_from(self.data_disks).unwrap_or(0)
    }

    pub(super) fn array_len(&self) -> Sectors {
        self.array_len
    }

    fn roles(&self, at: Sectors) -> Roles {
        self.layout.roles(at.get() / self.chunk, self.disks)
    }

    pub(super) fn row(&self, at: Sectors) -> Piece {
        let roles = self.roles(at);
        let exponents = self.layout.exponents(&roles, self.disks);
        let data = roles.data.into_iter().map(slot).collect();
        Piece::Row { at, data, p: slot(roles.p), q: roles.q.map(slot), exponents }
    }

    /// Where in the data areas a sector of the array lies, and the index of its block in the row;
    /// `None` behind the array's end.
    #[must_use]
    pub fn row_of(&self, array: Sectors) -> Option<(Sectors, usize)> {
        let (block, rest) = (array.get() / self.chunk, array.get() % self.chunk);
        let (row, index) = (block / self.data_disks, block % self.data_disks);
        let at = row.checked_mul(self.chunk)?.checked_add(rest)?;
        let inside = array < self.array_len;
        inside.then_some((Sectors::new(at), usize::try_from(index).ok()?))
    }

    /// The sector of the array at `at` of the data area that has block `index` of the row; `None`
    /// where the array has none.
    #[must_use]
    pub fn array_at(&self, at: Sectors, index: usize) -> Option<Sectors> {
        let index = u64::try_from(index).ok().filter(|index| *index < self.data_disks)?;
        let (row, rest) = (at.get() / self.chunk, at.get() % self.chunk);
        let block = row.checked_mul(self.data_disks)?.checked_add(index)?;
        let array = Sectors::new(block.checked_mul(self.chunk)?.checked_add(rest)?);
        (at < self.covered).then_some(array)
    }

    pub(super) fn locate(&self, slot: Slot, at: Sectors) -> Option<Where> {
        if at >= self.covered {
            return None;
        }
        let (slot, roles) = (u64::from(slot.0), self.roles(at));
        let part = match () {
            () if slot == roles.p => Part::P,
            () if Some(slot) == roles.q => Part::Q,
            () => {
                let index = roles.data.iter().position(|data| *data == slot)?;
                Part::Data { index, array: self.array_at(at, index)? }
            }
        };
        Some(Where { at, part })
    }
}

fn data_disks(level: i32, disks: u16) -> Result<u16, String> {
    let (parities, least) = if level == 6 { (2, 4) } else { (1, 2) };
    match disks {
        few if few < least => Err(format!("RAID{level} takes {least} members at least, not {few}")),
        many if level == 6 && many > MOST_WITH_Q => {
            Err(format!("the kernel has no RAID6 of more than {MOST_WITH_Q} members, not {many}"))
        }
        disks => Ok(disks - parities),
    }
}
