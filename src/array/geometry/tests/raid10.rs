//! The layouts of RAID10: by hand, by the kernel's steps, and those that lose data.

use proptest::prelude::*;

use super::oracle::Ten;
use super::*;

/// Members as columns, rows as they come; what lies there is the chunk of the array.
fn rows(layout: u32, chunks: u64, disks: u16) -> String {
    let geometry = geometry(10, layout, 8, chunks * 8, disks).unwrap();
    let width = usize::from(disks);
    let mut map = vec!["-".to_owned(); width * usize::try_from(chunks).unwrap()];
    for chunk in 0..geometry.covered().get() / 8 {
        let Piece::Copies(copies) = geometry.piece(Sectors::new(chunk * 8)) else { panic!() };
        for place in copies {
            let row = usize::try_from(place.at.get() / 8).unwrap();
            map[row * width + usize::from(place.slot.0)] = format!("{chunk:x}");
        }
    }
    map.chunks(width).map(|row| row.join("")).collect::<Vec<_>>().join(" ")
}

#[test]
fn copies_are_near_far_or_offset() {
    assert_eq!(rows(0x102, 3, 4), "0011 2233 4455");
    assert_eq!(rows(0x102, 3, 3), "001 122 33-");
    assert_eq!(rows(0x103, 2, 4), "0001 11--");
    assert_eq!(rows(0x201, 4, 3), "012 345 201 534");
    assert_eq!(rows(0x201, 5, 2), "01 23 10 32 --");
    assert_eq!(rows(0x301, 3, 4), "0123 3012 2301");
    assert_eq!(rows(0x1_0201, 4, 3), "012 201 345 534");
    assert_eq!(rows(0x1_0301, 3, 3), "012 201 120");
    assert_eq!(rows(0x202, 4, 4), "0011 2233 1100 3322");
}

#[test]
fn far_copies_stay_in_their_sets() {
    assert_eq!(rows(0x4_0201, 2, 4), "0123 1032");
    assert_eq!(rows(0x5_0201, 2, 5), "01234 10423");
    assert_eq!(rows(0x2_0201, 2, 6), "012345 201534");
}

#[test]
fn authority_is_with_the_first_near_copy_then_its_far_ones() {
    let geometry = geometry(10, 0x202, 8, 32, 4).unwrap();
    let copies = vec![place(2, 3), place(0, 19), place(3, 3), place(1, 19)];
    assert_eq!(geometry.piece(Sectors::new(11)), Piece::Copies(copies));
}

#[test]
fn layouts_that_lose_data_are_refused() {
    for (layout, disks, why) in [
        (0x4_0202, 9, "two chunks of the array in one place"),
        (0x4_0202, 10, "two chunks of the array in one place"),
        (0x4_0202, 11, "two chunks of the array in one place"),
        (0x5_0202, 9, "two chunks of the array in one place"),
        (0x2_0301, 8, "two copies of a chunk on one member"),
        (0x2_0401, 8, "two copies of a chunk on one member"),
        // Offset copies take the row that near copies would cross into.
        (0x1_0202, 5, "two chunks of the array in one place"),
    ] {
        let refusal = geometry(10, layout, 8, 1024, disks).unwrap_err();
        assert!(refusal.contains(why), "{layout:#x}, {disks}: {refusal}");
    }
}

#[test]
fn layouts_that_a_kernel_was_seen_to_lay_out_alike_are_taken() {
    let two = [0x102, 0x201, 0x1_0201].map(|layout| (layout, 2..=12));
    let three = [0x103, 0x301, 0x1_0301].map(|layout| (layout, 3..=12));
    let sets = [(0x202, 4..=12), (0x4_0202, 8..=8), (0x4_0201, 2..=9), (0x2_0201, 4..=9)];
    for (layout, disks) in two.into_iter().chain(three).chain(sets) {
        for disks in disks {
            assert_eq!(geometry(10, layout, 8, 8 * 500, disks).err(), None, "{layout:#x}, {disks}");
        }
    }
}

#[test]
fn the_widest_arrays_are_checked_in_bounded_time() {
    for layout in [0x2_0102, 0x1601, 0x1013, 0x4_0313, 0x1_ff01, 0xff, 0x1_0113] {
        let _ = geometry(10, layout, 8, u64::MAX / 4096, MOST);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn copies_are_where_the_kernels_steps_lead_or_all_is_refused(
        near in 1u32..6, far in 1u32..6, bits in 0u32..6, disks in 2u16..30,
        chunk in 0u32..5, size in 1u64..1_500,
    ) {
        let (layout, chunk) = (bits << 16 | far << 8 | near, 1u64 << chunk);
        let copies = u64::from(near * far);
        prop_assume!(copies > 1 && copies <= u64::from(disks));
        let naive = Ten::new(layout, chunk, size, u64::from(disks));
        let found = geometry(10, layout, chunk, size, disks);
        let sound = naive.sectors() > 0 && naive.faults() == (0, 0);
        prop_assert_eq!(found.is_ok(), sound, "{:?}", found);
        let Ok(found) = found else { return Ok(()) };
        prop_assert_eq!(found.covered().get(), naive.sectors());
        for at in 0..naive.sectors() {
            let wanted = naive.copies(at).into_iter();
            let wanted = wanted.map(|(dev, at)| Place { slot: slot(dev), at: Sectors::new(at) });
            prop_assert_eq!(found.piece(Sectors::new(at)), Piece::Copies(wanted.collect()));
        }
    }
}
