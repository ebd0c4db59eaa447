//! What the wrong members should hold, computed from the others and proven before it is given out.

use super::row::Row;
use super::{Columns, Judge, Verdict, majority, part_of, pieces};
use crate::array::geometry::Piece;
use crate::parity;
use crate::units::{SectorRange, Slot};

/// What a member should hold.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::scrub) struct Fix {
    /// In the address space of the bitmap; within one piece.
    pub(in crate::scrub) range: SectorRange,
    /// Whose.
    pub(in crate::scrub) slot: Slot,
    /// What.
    pub(in crate::scrub) bytes: Vec<u8>,
}

impl Judge<'_> {
    /// What the members that `verdict` blames should hold in `range`; none where that would not
    /// make the range right.
    pub(in crate::scrub) fn fix(
        &mut self,
        columns: &Columns,
        range: SectorRange,
        verdict: &Verdict,
    ) -> Option<Vec<Fix>> {
        let Verdict::Members(wrong) = verdict else { return None };
        let mut fixes = Vec::new();
        for part in pieces(self.geometry, range) {
            fixes.extend(self.fix_piece(columns, part, wrong)?);
        }
        Some(fixes)
    }

    fn fix_piece(
        &mut self,
        columns: &Columns,
        range: SectorRange,
        wrong: &[Slot],
    ) -> Option<Vec<Fix>> {
        match self.geometry.piece(range.start) {
            Piece::Copies(places) => {
                let slots: Vec<Slot> = places.iter().map(|place| place.slot).collect();
                outvoted(columns, range, &slots, wrong)
            }
            Piece::Row { data, p, q, exponents, .. } => {
                let row = Row::new(columns, range, &data, (p, q), &exponents);
                let [slot] = wrong else { return None };
                let bytes = self.block(&row, *slot)?;
                Some(vec![Fix { range, slot: *slot, bytes }])
            }
        }
    }

    /// What the block of `slot` should be, if the row is right with it.
    fn block(&mut self, row: &Row<'_>, slot: Slot) -> Option<Vec<u8>> {
        let (p, q) = (row.p.1?, row.q?.1?);
        let mut data = row.by_exponent(None);
        let (mut made_p, mut made_q) = (vec![0; p.len()], vec![0; p.len()]);
        let index = row.data.iter().position(|(other, _)| *other == slot);
        let mut block = vec![0; p.len()];
        if let Some(index) = index {
            let others = row.data.iter().filter(|(other, _)| *other != slot);
            let others: Vec<_> = others.filter_map(|(_, block)| *block).collect();
            parity::recover_data_p(self.kernel, &mut block, p, &others);
            *data.get_mut(usize::from(*row.exponents.get(index)?))? = Some(&block);
        }
        parity::gen_pq(self.kernel, &mut made_p, &mut made_q, &data);
        match slot {
            _ if index.is_some() => (made_p == p && made_q == q).then_some(block),
            slot if slot == row.p.0 => (made_q == q).then_some(made_p),
            slot if row.q.is_some_and(|q| q.0 == slot) => (made_p == p).then_some(made_q),
            _ => None,
        }
    }
}

/// What most copies hold, for each of the others.
fn outvoted(
    columns: &Columns,
    range: SectorRange,
    slots: &[Slot],
    wrong: &[Slot],
) -> Option<Vec<Fix>> {
    let copies: Vec<(Slot, &[u8])> = slots
        .iter()
        .zip(&columns.bufs)
        .filter_map(|(slot, buf)| Some((*slot, part_of(columns, buf.as_ref()?, range)?)))
        .collect();
    let right = majority(&copies)?;
    let fix = |slot: &Slot| Fix { range, slot: *slot, bytes: right.to_vec() };
    Some(wrong.iter().map(fix).collect())
}
