//! A row of blocks as it was read, by their parts.

use super::{Columns, Verdict, Wrong, part_of};
use crate::units::{SectorRange, Slot};

/// A block of a row: whose it is, and what it holds if it was read.
type Block<'a> = (Slot, Option<&'a [u8]>);

/// One row.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) data: Vec<Block<'a>>,
    pub(super) p: Block<'a>,
    pub(super) q: Option<Block<'a>>,
    pub(super) exponents: Vec<u8>,
}

impl<'a> Row<'a> {
    pub(super) fn new(
        columns: &'a Columns,
        range: SectorRange,
        data: &[Slot],
        (p, q): (Slot, Option<Slot>),
        exponents: &[u8],
    ) -> Self {
        let block = |slot: Slot| {
            let buf = columns.bufs.get(usize::from(slot.0)).and_then(Option::as_ref);
            (slot, buf.and_then(|buf| part_of(columns, buf, range)))
        };
        let data = data.iter().map(|slot| block(*slot)).collect();
        Self { data, p: block(p), q: q.map(block), exponents: exponents.to_vec() }
    }

    /// How many data blocks are not there.
    pub(super) fn missing(&self) -> usize {
        self.data.iter().filter(|(_, block)| block.is_none()).count()
    }

    /// The data blocks that are there.
    pub(super) fn present(&self) -> Vec<&'a [u8]> {
        self.data.iter().filter_map(|(_, block)| *block).collect()
    }

    /// Data by their exponents; `lost` stands in for whatever is not there.
    pub(super) fn by_exponent<'b>(&self, lost: Option<&'b [u8]>) -> Vec<Option<&'b [u8]>>
    where
        'a: 'b,
    {
        let most = self.exponents.iter().copied().max().map_or(0, |e| usize::from(e) + 1);
        let mut places = vec![None; most];
        for (exponent, (_, block)) in self.exponents.iter().zip(&self.data) {
            let block: Option<&'b [u8]> = *block;
            places[usize::from(*exponent)] = block.or(lost);
        }
        places
    }

    /// The index of the data block that has `exponent`.
    pub(super) fn index_of(&self, exponent: u8) -> Option<usize> {
        self.exponents.iter().position(|other| *other == exponent)
    }

    /// What the parities tell, in terms of members; none where all fits.
    pub(super) fn verdict(&self, wrong: Wrong) -> Option<Verdict> {
        let slot = match wrong {
            Wrong::Nothing => return None,
            Wrong::P => Some(self.p.0),
            Wrong::Q => self.q.map(|q| q.0),
            Wrong::Data(exponent) => self.index_of(exponent).map(|index| self.data[index].0),
            Wrong::Several => None,
        };
        Some(slot.map_or(Verdict::Unknown, |slot| Verdict::Members(vec![slot])))
    }
}
