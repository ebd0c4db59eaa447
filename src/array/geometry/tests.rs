//! All geometries: lengths, borders, what is refused, and that no number makes them panic.

mod disks;
mod oracle;
mod parity;
mod raid10;

use proptest::prelude::*;

use super::*;
use crate::array::coverage;

pub(super) fn geometry(
    level: i32,
    layout: u32,
    chunk: u64,
    size: u64,
    disks: u16,
) -> Result<Geometry, String> {
    Geometry::from_numbers(level, layout, Sectors::new(chunk), Sectors::new(size), disks)
}

pub(super) fn place(slot: u16, at: u64) -> Place {
    Place { slot: Slot(slot), at: Sectors::new(at) }
}

#[test]
fn a_mirror_is_one_piece_with_a_copy_on_each_member() {
    let mirror = geometry(1, 0, 0, 1_001, 3).unwrap();
    assert_eq!((mirror.covered(), mirror.slots()), (Sectors::new(1_001), 3));
    assert_eq!(mirror.piece_len(Sectors::new(1)), Sectors::new(1_000));
    let copies = vec![place(0, 9), place(1, 9), place(2, 9)];
    assert_eq!(mirror.piece(Sectors::new(9)), Piece::Copies(copies));
    let there = Where { at: Sectors::new(9), part: Part::Copy(2) };
    assert_eq!(mirror.locate(Slot(2), Sectors::new(9)), Some(there));
    assert_eq!(mirror.locate(Slot(3), Sectors::new(9)), None);
    assert_eq!(mirror.locate(Slot(2), Sectors::new(1_001)), None);
}

#[test]
fn what_no_array_can_be_is_refused_with_the_reason() {
    for (level, layout, chunk, size, disks, why) in [
        (0, 0, 128, 1280, 4, "level 0"),
        (1, 0, 0, 0, 2, "makes no sense"),
        (1, 0, 0, 100, 0, "no superblock has room for 0"),
        (1, 0, 0, 100, 1921, "no superblock has room for 1921"),
        (5, 2, 0, 1280, 4, "a chunk of 0 sectors"),
        (5, 2, 96, 1280, 4, "a chunk of 96 sectors"),
        (5, 2, 128, 127, 4, "makes no sense"),
        (5, 6, 128, 1280, 4, "RAID5 has no layout 6"),
        (5, 2, 128, 1280, 1, "takes 2 members at least, not 1"),
        (5, 2, 128, u64::MAX, 4, "larger than anything"),
        (6, 6, 128, 1280, 5, "RAID6 has no layout 6"),
        (6, 7, 128, 1280, 5, "RAID6 has no layout 7"),
        (6, 11, 128, 1280, 5, "RAID6 has no layout 11"),
        (6, 15, 128, 1280, 5, "RAID6 has no layout 15"),
        (6, 21, 128, 1280, 5, "RAID6 has no layout 21"),
        (6, 2, 128, 1280, 3, "takes 4 members at least, not 3"),
        (6, 2, 128, 1280, 256, "no RAID6 of more than 255"),
        (10, 0x102, 0, 1280, 4, "a chunk of 0 sectors"),
        (10, 0x101, 128, 1280, 4, "no second copy"),
        (10, 0x2, 128, 1280, 4, "no second copy"),
        (10, 0x302, 128, 1280, 5, "wants 6 members and has 5"),
        (10, 0x6_0102, 128, 1280, 4, "bits that nobody here knows"),
        (10, 0x8_0102, 128, 1280, 4, "bits that nobody here knows"),
    ] {
        let refusal = geometry(level, layout, chunk, size, disks).unwrap_err();
        assert!(refusal.contains(why), "{level}, {layout:#x}, {disks}: {refusal}");
    }
}

/// Any level and layout, with numbers both likely and not.
fn numbers() -> impl Strategy<Value = (i32, u32, u64, u64, u16)> {
    let near_far = (0u32..5, 0u32..5, 0u32..8).prop_map(|(n, f, bits)| bits << 16 | f << 8 | n);
    let layout = prop_oneof![4 => 0u32..22, 4 => near_far, 1 => any::<u32>()];
    let chunk = prop_oneof![8 => (0u32..64).prop_map(|n| 1u64 << n), 1 => any::<u64>()];
    let size = prop_oneof![0u64..100_000, any::<u64>()];
    let disks = prop_oneof![4 => 0u16..12, 1 => any::<u16>()];
    (prop_oneof![9 => 4i32..=6, 9 => Just(10), 1 => any::<i32>()], layout, chunk, size, disks)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_number_makes_it_panic(
        (level, layout, chunk, size, disks) in numbers(), at: u64, index: usize, other: u16,
    ) {
        let Ok(geometry) = geometry(level, layout, chunk, size, disks) else { return Ok(()) };
        let at = Sectors::new(at);
        let len = geometry.piece_len(at);
        prop_assert_eq!(len.is_zero(), at >= geometry.covered());
        let _ = (geometry.piece(at), geometry.locate(Slot(other), at));
        if let Some(there) = geometry.bitmap_address(at) {
            prop_assert!(there < geometry.covered());
        }
        if let Geometry::Parity(parity) = &geometry {
            let _ = parity.array_at(at, index);
        }
    }

    #[test]
    fn what_bits_cover_is_what_they_are_made_for(
        (level, layout, chunk, size, disks) in numbers(),
    ) {
        let Ok(geometry) = geometry(level, layout, chunk, size, disks) else { return Ok(()) };
        let (chunk, size) = (Sectors::new(chunk), Sectors::new(size));
        let covered = coverage::covered_by(level, layout, chunk, size, disks);
        prop_assert_eq!(Ok(geometry.covered()), covered);
        prop_assert_eq!(geometry.slots(), disks);
    }

    #[test]
    fn from_inside_a_piece_its_rest_is_seen(
        (level, layout, chunk, size, disks) in numbers(), at: u64, on: u64,
    ) {
        let Ok(geometry) = geometry(level, layout, chunk, size, disks) else { return Ok(()) };
        let at = at % geometry.covered().get();
        let len = geometry.piece_len(Sectors::new(at)).get();
        let on = on % len;
        let further = Sectors::new(at + on);
        prop_assert_eq!(geometry.piece_len(further).get(), len - on);
        let moved = match geometry.piece(Sectors::new(at)) {
            Piece::Copies(copies) => Piece::Copies(
                copies.iter().map(|copy| place(copy.slot.0, copy.at.get() + on)).collect(),
            ),
            Piece::Row { data, p, q, exponents, .. } => {
                Piece::Row { at: further, data, p, q, exponents }
            }
        };
        prop_assert_eq!(geometry.piece(further), moved);
    }
}
