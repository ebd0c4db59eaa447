//! Gaps between what members carry, and what fits there.

use super::*;
use crate::format::md::HostOrder;

const MIB: i64 = 2048;

fn ground(version: MdVersion, super_at: i64, taken: &[(i64, i64)], data: i64) -> Ground {
    let taken = taken.to_vec();
    Ground { version, super_at, device: 100 * MIB, taken, data, block: 1 }
}

fn size() -> Sectors {
    Sectors::new(98 * 2048)
}

fn chunk(bytes: u64) -> Option<ChunkSize> {
    ChunkSize::from_bytes(bytes)
}

#[test]
fn the_gap_behind_the_superblock_ends_at_its_neighbour_on_any_member() {
    let usual = ground(MdVersion::V1_2, 8, &[(0, 2), (2040, 90 * MIB), (8, 16)], 2040);
    // The log lies at +8, so what is behind it is left.
    assert_eq!(gaps(std::slice::from_ref(&usual)), [Gap { start: 16, end: 2040 }]);
    let other = ground(MdVersion::V1_2, 8, &[(0, 2), (1016, 90 * MIB)], 1016);
    assert_eq!(gaps(&[usual, other.clone()]), [Gap { start: 16, end: 1016 }]);
    let layout = fit(&gaps(&[other]), size(), None).unwrap();
    assert_eq!((layout.offset, layout.chunk.bytes()), (8, 64 << 20));
    assert_eq!((layout.room.get(), layout.bytes.get()), (1008, 4096));
}

#[test]
fn of_two_gaps_the_first_is_taken_unless_it_is_too_small() {
    let log = ground(MdVersion::V1_2, 8, &[(0, 2), (16, 24), (2040, 90 * MIB)], 2040);
    let gaps = gaps(&[log]);
    assert_eq!(gaps, [Gap { start: 8, end: 16 }, Gap { start: 24, end: 2040 }]);
    assert_eq!(fit(&gaps, size(), None).unwrap().offset, 8);
    assert_eq!(fit(&gaps, size(), chunk(4096)).unwrap().offset, 8);
    let large = Sectors::new(1 << 26);
    assert_eq!(fit(&gaps, large, chunk(1 << 17)).unwrap().offset, 24);
}

#[test]
fn before_the_superblock_it_ends_where_the_log_begins() {
    let end = 100 * MIB - 16;
    let data = -end;
    let member = ground(MdVersion::V1_0, end, &[(data, -64), (-8, 0), (0, 2)], data);
    let gaps = gaps(&[member]);
    assert_eq!(gaps, [Gap { start: -64, end: -8 }, Gap { start: 2, end: 8 }]);
    assert_eq!(fit(&gaps, size(), None).unwrap().offset, -16);
    let fine = fit(&gaps, size(), chunk(4096)).unwrap();
    assert_eq!((fine.offset, fine.room.get()), (-16, 8));
    let finer = fit(&gaps, Sectors::new(100_000 * 8), chunk(4096)).unwrap();
    assert_eq!((finer.offset, finer.bytes.get()), (-40, 16384));
}

#[test]
fn without_room_before_it_the_superblocks_own_page_serves_where_blocks_are_small() {
    let end = 100 * MIB - 16;
    let mut member = ground(MdVersion::V1_0, end, &[(-end, -8), (-8, 0), (0, 2)], -end);
    let gaps = gaps(std::slice::from_ref(&member));
    assert_eq!(gaps, [Gap { start: 2, end: 8 }]);
    let layout = fit(&gaps, size(), None).unwrap();
    assert_eq!((layout.offset, layout.bytes.get(), layout.room.get()), (2, 512, 6));
    member.block = 8;
    assert!(super::gaps(&[member]).is_empty());
    assert!(fit(&[], size(), None).unwrap_err().to_string().contains("no room"));
}

#[test]
fn the_place_of_0_90_is_fixed() {
    let version = MdVersion::V0_90(HostOrder::Little);
    let gaps = gaps(&[ground(version, 99 * MIB, &[], 0)]);
    assert_eq!(gaps, [Gap { start: 8, end: 128 }]);
    let layout = fit(&gaps, size(), chunk(4096)).unwrap();
    assert_eq!((layout.offset, layout.bytes.get()), (8, 4096));
}

#[test]
fn a_chunk_that_does_not_fit_is_refused_with_one_that_does() {
    let gap = [Gap { start: 8, end: 16 }];
    let error = fit(&gap, Sectors::new(1 << 26), chunk(4096)).unwrap_err().to_string();
    assert!(error.contains("room for 30720 bits; chunks of 4096 bytes need 8388608"), "{error}");
    assert!(error.contains("2097152 bytes is the smallest"), "{error}");
    let error = fit(&gap, size(), chunk(512)).unwrap_err().to_string();
    assert!(error.contains("4 KiB is the least"), "{error}");
}
