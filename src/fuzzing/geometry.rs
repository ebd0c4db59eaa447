//! Where data lies, for numbers that nobody checked before.

use super::draw::Draw;
use crate::array::geometry::{Geometry, Part, Piece, layout_named};
use crate::array::locate::{Query, locate};
use crate::units::{ChunkSize, Chunks, Sectors, Slot};

/// The numbers of a superblock, and some addresses.
pub(super) fn numbers(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let level = draw.one_of(&[1, 4, 5, 6, 10, 10, 0, -1, 7]);
    let layout = if draw.flag() { draw.u32() } else { named(level, &mut draw) };
    let (chunk, size) = (Sectors::new(draw.number()), Sectors::new(draw.number()));
    let disks = if draw.flag() { draw.u16() } else { draw.u16() % 12 };
    let Ok(geometry) = Geometry::from_numbers(level, layout, chunk, size, disks) else { return };
    let addresses = [draw.number(), draw.number(), draw.number(), 0, u64::MAX];
    holds(&geometry, size, &addresses);
    let chunk = ChunkSize::from_bytes(512 << (draw.byte() % 23));
    asked(&geometry, chunk, &mut draw);
}

fn named(level: i32, draw: &mut Draw<'_>) -> u32 {
    let names =
        ["n2", "n3", "f2", "f3", "o2", "o3", "ls", "la", "rs", "parity-first", "ddf-N-restart"];
    layout_named(level, draw.one_of(&names)).unwrap_or(0)
}

/// What must be true of any geometry of members that the array uses `size` of.
pub(super) fn holds(geometry: &Geometry, size: Sectors, addresses: &[u64]) {
    let covered = geometry.covered();
    assert!(!covered.is_zero() && geometry.slots() > 0);
    assert!(geometry.array_len() >= covered || matches!(geometry, Geometry::Mirror(_)));
    for at in addresses.iter().map(|at| Sectors::new(*at % covered.get())) {
        let len = geometry.piece_len(at);
        assert!(!len.is_zero() && at.checked_add(len).is_some_and(|end| end <= covered));
        piece(geometry, at, len, size);
    }
    // Behind the end nothing is promised but that nothing panics.
    for at in addresses.iter().map(|at| Sectors::new(*at)) {
        let _ = (geometry.piece_len(at), geometry.piece(at), geometry.bitmap_address(at));
        let _ = geometry.locate(Slot(0), at);
    }
}

/// Each part of a piece is on another member, within what the array uses of it, and is found again
/// by its place.
fn piece(geometry: &Geometry, at: Sectors, len: Sectors, size: Sectors) {
    let parts: Vec<(Slot, Sectors)> = match geometry.piece(at) {
        Piece::Copies(places) => places.iter().map(|place| (place.slot, place.at)).collect(),
        Piece::Row { at, data, p, q, exponents } => {
            assert!(exponents.is_empty() || exponents.len() == data.len());
            data.into_iter().chain([p]).chain(q).map(|slot| (slot, at)).collect()
        }
    };
    let mut slots: Vec<Slot> = parts.iter().map(|(slot, _)| *slot).collect();
    slots.sort_unstable();
    slots.dedup();
    assert_eq!(slots.len(), parts.len(), "two parts on one member");
    for (n, (slot, place)) in parts.iter().enumerate() {
        assert!(slot.0 < geometry.slots());
        let end = place.checked_add(len);
        assert!(end.is_some_and(|end| end <= size), "{place:?} and {len:?} leave {size:?}");
        // The way back is long where there are very many members.
        if n > 3 && n + 1 < parts.len() && geometry.slots() > 64 {
            continue;
        }
        let found = geometry.locate(*slot, *place);
        assert_eq!(found.map(|found| found.at), Some(at), "slot {slot}");
        match found.map(|found| found.part) {
            Some(Part::Copy(copy)) => assert_eq!(copy, n),
            Some(Part::Data { index, array }) => {
                assert_eq!(index, n);
                assert_eq!(geometry.bitmap_address(array), Some(at));
            }
            Some(Part::P | Part::Q) | None => {}
        }
    }
}

fn asked(geometry: &Geometry, chunk: Option<ChunkSize>, draw: &mut Draw<'_>) {
    for _ in 0..4 {
        let number = draw.number();
        let query = match draw.byte() % 4 {
            0 => Query::Array(Sectors::new(number)),
            1 => Query::Bit(Chunks::new(number)),
            2 => Query::Stripe(number),
            _ => Query::Member(Slot(draw.u16() % 16), Sectors::new(number)),
        };
        let Ok(answer) = locate(geometry, chunk, query) else { continue };
        assert!(answer.range.end() <= geometry.covered(), "{query:?}: {answer:?}");
        assert!(!answer.pieces.is_empty());
    }
}
