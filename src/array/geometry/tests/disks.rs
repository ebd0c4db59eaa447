//! Small arrays laid out whole: nothing lies on anything else, inside what a member gives, and the
//! way back leads to where one came from.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

/// What lies in every sector of every member, walking over all pieces.
fn laid_out(geometry: &Geometry) -> HashMap<(Slot, Sectors), Where> {
    let mut disks = HashMap::new();
    let mut at = Sectors::ZERO;
    while at < geometry.covered() {
        let len = geometry.piece_len(at);
        for (place, there) in parts(geometry, at) {
            assert_eq!(disks.insert((place.slot, place.at), there), None, "{place:?}: {there:?}");
        }
        at = at.checked_add(len).unwrap();
    }
    disks
}

fn parts(geometry: &Geometry, at: Sectors) -> Vec<(Place, Where)> {
    let part = |slot, part| (Place { slot, at }, Where { at, part });
    match geometry.piece(at) {
        Piece::Copies(copies) => {
            let copies = copies.into_iter().enumerate();
            copies.map(|(n, place)| (place, Where { at, part: Part::Copy(n) })).collect()
        }
        Piece::Row { at: row, data, p, q, .. } => {
            assert_eq!(row, at);
            let Geometry::Parity(parity) = geometry else { panic!("a row") };
            let array = |index| parity.array_at(at, index).unwrap();
            let data = data.into_iter().enumerate();
            let data = data.map(|(index, s)| part(s, Part::Data { index, array: array(index) }));
            let others = q.map(|q| part(q, Part::Q)).into_iter().chain([part(p, Part::P)]);
            data.chain(others).collect()
        }
    }
}

fn layouts() -> impl Strategy<Value = (i32, u32, u16)> {
    let raid10 = (1u32..5, 1u32..5, 0u32..6, 2u16..13)
        .prop_map(|(near, far, bits, disks)| (10, bits << 16 | far << 8 | near, disks));
    let parity = (4i32..=6, 0u32..21, 2u16..9);
    prop_oneof![raid10, parity, (2u16..5).prop_map(|disks| (1, 0, disks))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_place_is_used_once_and_leads_back(
        (level, layout, disks) in layouts(), chunks in 1u64..40, rest in 0u64..8,
    ) {
        let Ok(geometry) = geometry(level, layout, 8, chunks * 8 + rest, disks) else {
            return Ok(());
        };
        let map = laid_out(&geometry);
        for ((slot, at), there) in &map {
            prop_assert!(slot.0 < disks && at.get() <= (chunks - 1) * 8, "{slot} at {at}");
            prop_assert_eq!(geometry.locate(*slot, *at), Some(*there));
        }
        let used = map.len() as u64;
        let places = (0..disks).flat_map(|slot| (0..chunks).map(move |n| place(slot, n * 8)));
        let known = places.filter(|place| geometry.locate(place.slot, place.at).is_some()).count();
        prop_assert_eq!(known as u64, if level == 1 { u64::from(disks) * chunks } else { used });
        if let Geometry::Parity(_) = geometry {
            prop_assert_eq!(used, chunks * u64::from(disks));
        }
    }

    #[test]
    fn the_array_and_its_rows_lead_to_each_other(
        level in 4i32..=6, layout in 0u32..21, disks in 2u16..20, at in 0u64..2_000,
    ) {
        let Ok(Geometry::Parity(parity)) = geometry(level, layout, 8, 1_001, disks) else {
            return Ok(());
        };
        let row = parity.row_of(Sectors::new(at));
        prop_assert_eq!(row.is_some(), at < parity.array_len().get());
        if let Some((row, index)) = row {
            prop_assert_eq!(parity.array_at(row, index), Some(Sectors::new(at)));
        }
    }
}
