//! Compares what was read, block by block, and says who is wrong where that can be told. No I/O.
//!
//! Copies: more than half of them agree, and the others are wrong. With two parities: one block of
//! the row that explains all that does not fit. Everywhere else two things differ and nothing tells
//! which of them is right; then nobody is blamed.

use crate::array::geometry::{Geometry, Piece};
use crate::io::Buf;
use crate::parity::{self, Kernel, Wrong, which};
use crate::units::{SectorRange, Sectors, Slot};

mod fix;
mod row;

pub(super) use fix::Fix;
use row::Row;

/// The unit of comparing: a page, as in the kernel, in which a wrong block is told for itself.
pub(super) const BLOCK: Sectors = Sectors::new(8);
pub(super) const BLOCK_BYTES: usize = 4096;

/// Who is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These, and only these.
    Members(Vec<Slot>),
    /// It cannot be told.
    Unknown,
}

/// A range in which members differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// In the address space of the bitmap; within one piece.
    pub(super) range: SectorRange,
    pub(super) verdict: Verdict,
}

/// What was read for a range: for RAID10 copy by copy, else slot by slot; none of whom is not
/// there, or could not be read.
#[derive(Debug)]
pub(super) struct Columns {
    pub(super) range: SectorRange,
    pub(super) bufs: Vec<Option<Buf>>,
}

/// What comparing a range came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    /// In order.
    pub(super) differences: Vec<Difference>,
    /// How much had nothing to be compared with.
    pub(super) uncompared: Sectors,
}

/// Compares; keeps its room for parity from one range to the next.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    geometry: &'a Geometry,
    kernel: Kernel,
    p: Vec<u8>,
    q: Vec<u8>,
    lost: Vec<u8>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(geometry: &'a Geometry) -> Self {
        let (p, q, lost) = (Vec::new(), Vec::new(), Vec::new());
        Self { geometry, kernel: Kernel::best(), p, q, lost }
    }

    /// Compares what `columns` hold.
    pub(super) fn judge(&mut self, columns: &Columns) -> Judged {
        let mut judged = Judged::default();
        for range in pieces(self.geometry, columns.range) {
            self.piece(columns, range, &mut judged);
        }
        judged
    }

    fn piece(&mut self, columns: &Columns, range: SectorRange, judged: &mut Judged) {
        match self.geometry.piece(range.start) {
            Piece::Copies(places) => {
                let slots: Vec<Slot> = places.iter().map(|place| place.slot).collect();
                copies(&slots, columns, range, judged);
            }
            Piece::Row { data, p, q, exponents, .. } => {
                let row = Row::new(columns, range, &data, (p, q), &exponents);
                self.row(&row, range, judged);
            }
        }
    }

    fn row(&mut self, row: &Row<'_>, range: SectorRange, judged: &mut Judged) {
        match (row.missing(), row.p.1, row.q.map(|q| q.1)) {
            (0, Some(p), Some(Some(q))) => self.both(row, p, q, range, judged),
            (0, Some(p), _) => {
                resize(&mut self.p, p.len());
                parity::xor(self.kernel, &mut self.p, &row.present());
                differing(&[(p, &self.p)], range, judged);
            }
            (0, None, Some(Some(q))) => {
                resize(&mut self.q, q.len());
                parity::gen_q(self.kernel, &mut self.q, &row.by_exponent(None));
                differing(&[(q, &self.q)], range, judged);
            }
            (1, Some(p), Some(Some(q))) => self.through_p(row, p, q, range, judged),
            _ => judged.uncompared = judged.uncompared.saturating_add(range.len),
        }
    }

    /// All is there: whoever is wrong may be told.
    fn both(&mut self, row: &Row<'_>, p: &[u8], q: &[u8], range: SectorRange, judged: &mut Judged) {
        resize(&mut self.p, p.len());
        resize(&mut self.q, q.len());
        parity::gen_pq(self.kernel, &mut self.p, &mut self.q, &row.by_exponent(None));
        if self.p == p && self.q == q {
            return;
        }
        for part in blocks(p.len()) {
            let (p_made, q_made) = (&self.p[part.clone()], &self.q[part.clone()]);
            let wrong = which(&p[part.clone()], p_made, &q[part.clone()], q_made);
            if let Some(verdict) = row.verdict(wrong) {
                push(judged, sub(range, &part), verdict);
            }
        }
    }

    /// A data block is not there: by way of P it is told, and Q then has to fit.
    fn through_p(
        &mut self,
        row: &Row<'_>,
        p: &[u8],
        q: &[u8],
        range: SectorRange,
        judged: &mut Judged,
    ) {
        resize(&mut self.lost, p.len());
        resize(&mut self.q, q.len());
        parity::recover_data_p(self.kernel, &mut self.lost, p, &row.present());
        parity::gen_q(self.kernel, &mut self.q, &row.by_exponent(Some(&self.lost)));
        differing(&[(q, &self.q)], range, judged);
    }
}

/// `range`, cut where pieces end.
fn pieces(geometry: &Geometry, range: SectorRange) -> Vec<SectorRange> {
    let mut parts = Vec::new();
    let mut start = range.start;
    while start < range.end() {
        let most = geometry.piece_len(start).max(Sectors::new(1));
        let len = range.end().saturating_sub(start).min(most);
        parts.push(SectorRange { start, len });
        start = start.saturating_add(len);
    }
    parts
}

/// The blocks of a buffer of `len` bytes.
fn blocks(len: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..len).step_by(BLOCK_BYTES).map(move |at| at..len.min(at + BLOCK_BYTES))
}

/// The part of `range` that bytes `part` of its buffer hold.
fn sub(range: SectorRange, part: &std::ops::Range<usize>) -> SectorRange {
    let sectors = |bytes: usize| Sectors::new(bytes as u64 / crate::units::SECTOR_BYTES);
    let start = range.start.saturating_add(sectors(part.start));
    SectorRange { start, len: sectors(part.len()) }
}

fn resize(room: &mut Vec<u8>, len: usize) {
    room.resize(len, 0);
}

/// Adds a difference, joined to the one before where they touch and say the same.
fn push(judged: &mut Judged, range: SectorRange, verdict: Verdict) {
    match judged.differences.last_mut() {
        Some(last) if last.range.end() == range.start && last.verdict == verdict => {
            // Pieces are told apart again where ranges are put together.
            last.range.len = last.range.len.saturating_add(range.len);
        }
        _ => judged.differences.push(Difference { range, verdict }),
    }
}

/// Where pairs that should be equal are not.
fn differing(pairs: &[(&[u8], &[u8])], range: SectorRange, judged: &mut Judged) {
    let len = pairs.first().map_or(0, |(one, _)| one.len());
    if pairs.iter().all(|(one, other)| one == other) {
        return;
    }
    for part in blocks(len) {
        let same = |(one, other): &(&[u8], &[u8])| one[part.clone()] == other[part.clone()];
        if !pairs.iter().all(same) {
            push(judged, sub(range, &part), Verdict::Unknown);
        }
    }
}

fn copies(slots: &[Slot], columns: &Columns, range: SectorRange, judged: &mut Judged) {
    let held: Vec<(Slot, &[u8])> = slots
        .iter()
        .zip(&columns.bufs)
        .filter_map(|(slot, buf)| Some((*slot, part_of(columns, buf.as_ref()?, range)?)))
        .collect();
    let Some(((_, first), rest)) = held.split_first() else {
        judged.uncompared = judged.uncompared.saturating_add(range.len);
        return;
    };
    if rest.is_empty() {
        judged.uncompared = judged.uncompared.saturating_add(range.len);
        return;
    }
    if rest.iter().all(|(_, other)| other == first) {
        return;
    }
    for part in blocks(first.len()) {
        let here: Vec<(Slot, &[u8])> = held.iter().map(|(s, b)| (*s, &b[part.clone()])).collect();
        if let Some(verdict) = vote(&here) {
            push(judged, sub(range, &part), verdict);
        }
    }
}

/// Who is outvoted; none where all agree.
fn vote(copies: &[(Slot, &[u8])]) -> Option<Verdict> {
    let (_, first) = copies.first()?;
    if copies.iter().all(|(_, copy)| copy == first) {
        return None;
    }
    let Some(right) = majority(copies) else { return Some(Verdict::Unknown) };
    let wrong = copies.iter().filter(|(_, copy)| *copy != right).map(|(slot, _)| *slot);
    Some(Verdict::Members(wrong.collect()))
}

/// What more than half of the copies hold.
fn majority<'a>(copies: &[(Slot, &'a [u8])]) -> Option<&'a [u8]> {
    let votes = |wanted: &[u8]| copies.iter().filter(|(_, copy)| *copy == wanted).count();
    copies.iter().map(|(_, copy)| *copy).find(|copy| 2 * votes(copy) > copies.len())
}

/// What a buffer holds of `range`.
fn part_of<'b>(columns: &Columns, buf: &'b Buf, range: SectorRange) -> Option<&'b [u8]> {
    let offset = range.start.checked_sub(columns.range.start)?;
    let start = offset.to_bytes()?.to_usize()?;
    let end = start.checked_add(range.len.to_bytes()?.to_usize()?)?;
    buf.bytes().get(start..end)
}

#[cfg(test)]
mod tests;
