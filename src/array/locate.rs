//! Where something lies, asked from any side: an address of the array, a bit of the bitmap, a
//! stripe, a sector of a member. Pure arithmetic.
//!
//! Whatever is asked for is first a range of the address space that the bitmap covers; everything
//! else follows from that.

use super::geometry::{Geometry, Part, Piece};
use crate::units::{ChunkRun, ChunkSize, Chunks, SectorRange, Sectors, Slot};

/// The most pieces that are told one by one.
const MOST_PIECES: usize = 16;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// A sector of the array.
    Array(Sectors),
    /// A bit of the bitmap.
    Bit(Chunks),
    /// A stripe: a row of chunks, with parity.
    Stripe(u64),
    /// A sector of the data area of the member in a slot.
    Member(Slot, Sectors),
}

/// Where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// In the address space of the bitmap.
    pub range: SectorRange,
    /// In the array; nothing where it is parity.
    pub array: Vec<SectorRange>,
    /// The bits that stand for it, where there is a bitmap.
    pub bits: Option<ChunkRun>,
    /// The stripe it begins in, with parity.
    pub stripe: Option<u64>,
    /// What lies there, piece by piece: the first of them.
    pub pieces: Vec<PieceAt>,
    /// Whether there are more.
    pub more: bool,
}

/// A piece, or the part of it that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceAt {
    /// In the address space of the bitmap.
    pub range: SectorRange,
    /// Whose parts it has.
    pub spots: Vec<Spot>,
}

/// One member's part of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot {
    /// Whose.
    pub slot: Slot,
    /// Where in its data area it begins.
    pub at: Sectors,
    /// What it is.
    pub part: Part,
    /// Whether it is what was asked for, and not only beside it.
    pub asked: bool,
}

/// Answers `query` about an array whose bits stand for `chunk` each.
///
/// # Errors
/// A sentence, where there is no such thing in this array.
pub fn locate(
    geometry: &Geometry,
    chunk: Option<ChunkSize>,
    query: Query,
) -> Result<Answer, String> {
    let (range, only) = asked(geometry, chunk, query)?;
    let bits = chunk.map(|chunk| ChunkRun::covering(range, chunk));
    let (pieces, more) = pieces(geometry, range, &only);
    let array = match (query, only) {
        (Query::Array(at), _) => vec![one(at)],
        (Query::Member(..), Only::Parity(_)) => Vec::new(),
        (Query::Member(..), Only::Data(_, array)) => vec![one(array)],
        _ => array_ranges(geometry, range),
    };
    let stripe = match geometry {
        Geometry::Parity(_) => Some(stripe_of(geometry, range.start)),
        _ => None,
    };
    Ok(Answer { range, array, bits, stripe, pieces, more })
}

/// Which of the parts of a piece are meant.
#[derive(Clone, Copy, Debug)]
enum Only {
    All,
    Slot(Slot),
    Data(Slot, Sectors),
    Parity(Slot),
}

impl Only {
    fn takes(self, slot: Slot) -> bool {
        match self {
            Self::All => true,
            Self::Slot(one) | Self::Data(one, _) | Self::Parity(one) => one == slot,
        }
    }
}

fn one(at: Sectors) -> SectorRange {
    SectorRange { start: at, len: Sectors::new(1) }
}

fn asked(
    geometry: &Geometry,
    chunk: Option<ChunkSize>,
    query: Query,
) -> Result<(SectorRange, Only), String> {
    let beyond = |what: String, end: u64| Err(format!("{what} is beyond the end: {end}"));
    match query {
        Query::Array(at) => match geometry.bitmap_address(at) {
            Some(address) => Ok((one(address), holder(geometry, address, at))),
            None => beyond(format!("sector {} of the array", at.get()), geometry.array_len().get()),
        },
        Query::Bit(bit) => {
            let chunk = chunk.ok_or("there is no bitmap whose bits could be meant")?;
            let run = ChunkRun { first: bit, count: Chunks::new(1) };
            let range = run.sectors(chunk, geometry.covered());
            match range.len.is_zero() {
                true => {
                    let bits = chunk.chunks_for(geometry.covered());
                    beyond(format!("bit {}", bit.get()), bits.get())
                }
                false => Ok((range, Only::All)),
            }
        }
        Query::Stripe(stripe) => {
            let Geometry::Parity(_) = geometry else {
                return Err("only levels with parity have stripes; ask for the array".into());
            };
            let len = geometry.piece_len(Sectors::ZERO).get();
            let start = stripe.checked_mul(len).filter(|at| *at < geometry.covered().get());
            match start {
                Some(start) => {
                    let range = SectorRange { start: Sectors::new(start), len: Sectors::new(len) };
                    Ok((range, Only::All))
                }
                None => beyond(format!("stripe {stripe}"), geometry.covered().get() / len.max(1)),
            }
        }
        Query::Member(slot, at) => match geometry.locate(slot, at) {
            Some(found) => Ok((one(found.at), of_part(slot, found.part))),
            None => Err("the array keeps nothing there".into()),
        },
    }
}

fn of_part(slot: Slot, part: Part) -> Only {
    match part {
        Part::Copy(_) => Only::Slot(slot),
        Part::Data { array, .. } => Only::Data(slot, array),
        Part::P | Part::Q => Only::Parity(slot),
    }
}

/// With parity one member has that sector; else every copy does.
fn holder(geometry: &Geometry, address: Sectors, array: Sectors) -> Only {
    let Piece::Row { data, .. } = geometry.piece(address) else { return Only::All };
    let has = |slot: &&Slot| {
        let found = geometry.locate(**slot, address).map(|found| found.part);
        matches!(found, Some(Part::Data { array: there, .. }) if there == array)
    };
    data.iter().find(has).map_or(Only::All, |slot| Only::Data(*slot, array))
}

fn pieces(geometry: &Geometry, range: SectorRange, only: &Only) -> (Vec<PieceAt>, bool) {
    let mut found = Vec::new();
    let mut start = range.start;
    while start < range.end() && found.len() < MOST_PIECES {
        let most = geometry.piece_len(start).max(Sectors::new(1));
        let len = range.end().saturating_sub(start).min(most);
        let range = SectorRange { start, len };
        found.push(PieceAt { range, spots: spots(geometry, start, *only) });
        start = start.saturating_add(len);
    }
    (found, start < range.end())
}

fn spots(geometry: &Geometry, at: Sectors, only: Only) -> Vec<Spot> {
    let places: Vec<(Slot, Sectors)> = match geometry.piece(at) {
        Piece::Copies(places) => places.iter().map(|place| (place.slot, place.at)).collect(),
        Piece::Row { at, data, p, q, .. } => {
            data.into_iter().chain([p]).chain(q).map(|slot| (slot, at)).collect()
        }
    };
    let spot = |(slot, at): (Slot, Sectors)| {
        let part = geometry.locate(slot, at)?.part;
        Some(Spot { slot, at, part, asked: only.takes(slot) })
    };
    places.into_iter().filter_map(spot).collect()
}

fn stripe_of(geometry: &Geometry, at: Sectors) -> u64 {
    at.get() / geometry.piece_len(Sectors::ZERO).get().max(1)
}

/// The data of the array that lie in `range` of the bitmap's addresses, in order.
#[must_use]
pub fn array_ranges(geometry: &Geometry, range: SectorRange) -> Vec<SectorRange> {
    let Geometry::Parity(parity) = geometry else { return vec![range] };
    let chunk = geometry.piece_len(Sectors::ZERO);
    let mut ranges: Vec<SectorRange> = Vec::new();
    let mut start = range.start;
    while start < range.end() {
        let len = range.end().saturating_sub(start).min(geometry.piece_len(start));
        if len.is_zero() {
            break;
        }
        let whole = len == chunk;
        let rows = if whole { range.end().saturating_sub(start).get() / chunk.get() } else { 1 };
        let len = Sectors::new(len.get().saturating_mul(rows));
        for index in 0..parity.data_in_row() {
            let Some(at) = parity.array_at(start, index) else { continue };
            // Rows that are whole are one stretch of the array.
            let len = if whole { times(len, parity.data_in_row()) } else { len };
            push(&mut ranges, SectorRange { start: at, len });
            if whole {
                break;
            }
        }
        start = start.saturating_add(len);
    }
    ranges
}

fn times(len: Sectors, n: usize) -> Sectors {
    Sectors::new(len.get().saturating_mul(n as u64))
}

fn push(ranges: &mut Vec<SectorRange>, next: SectorRange) {
    match ranges.last_mut() {
        Some(last) if last.end() == next.start => last.len = last.len.saturating_add(next.len),
        _ => ranges.push(next),
    }
}

#[cfg(test)]
mod tests;
