//! Who is given to the kernel, as what, and who last.

use super::*;
use crate::array::muster;
use crate::format::md::{MdUuid, MdVersion, NewArray, NewMember, Superblock};
use crate::units::{Events, Sectors};

/// The superblocks of an array of `level`, each at its own event count and resync point.
fn members(level: i32, each: &[(u64, ResyncPoint)]) -> Vec<Superblock> {
    let disks = u16::try_from(each.len()).unwrap();
    let member = |(slot, (events, resync)): (usize, &(u64, ResyncPoint))| {
        let uuid = MdUuid::from_bytes([7; 16]);
        let size = Sectors::new(40_960);
        let mirror = NewArray::mirror(MdVersion::V1_2, uuid, disks, size);
        let (layout, chunk) = match level {
            1 => (0, Sectors::ZERO),
            10 => (0x102, Sectors::new(128)),
            _ => (2, Sectors::new(128)),
        };
        let array = NewArray {
            level,
            layout,
            chunk,
            events: Events::new(*events),
            resync: *resync,
            ..mirror
        };
        let slot = Slot(u16::try_from(slot).unwrap());
        let device = Sectors::new(65_536);
        let device_uuid = [u8::try_from(slot.0).unwrap(); 16];
        array.member(&NewMember { slot, device, device_uuid, numbers: (7, 0) }).unwrap()
    };
    each.iter().enumerate().map(member).collect()
}

fn chosen(superblocks: &[Superblock]) -> Vec<(usize, Part)> {
    let named = ["a", "b", "c", "d"].iter().zip(superblocks);
    let candidates: Vec<_> =
        named.map(|(name, superblock)| Candidate { name, superblock }).collect();
    let assembly = muster(&candidates).unwrap();
    cast(&candidates, &assembly).into_iter().map(|c| (c.index, c.part)).collect()
}

const CLEAN: ResyncPoint = ResyncPoint::Clean;
const DIRTY: ResyncPoint = ResyncPoint::From(Sectors::ZERO);

const fn sync(slot: u16) -> Part {
    Part::InSync(Slot(slot))
}

#[test]
fn all_levels_are_taken_and_the_freshest_comes_last() {
    for level in [1, 4, 5, 6, 10] {
        let found = chosen(&members(level, &[(9, CLEAN), (10, CLEAN), (10, CLEAN), (10, CLEAN)]));
        let expected = [(0, sync(0)), (2, sync(2)), (3, sync(3)), (1, sync(1))];
        assert_eq!(found, expected, "level {level}");
    }
}

#[test]
fn among_equals_one_that_is_not_clean_speaks_for_the_array() {
    let found = chosen(&members(1, &[(10, CLEAN), (10, DIRTY), (10, CLEAN)]));
    assert_eq!(found, [(0, sync(0)), (2, sync(2)), (1, sync(1))]);
    // One event behind, its word does not count.
    let found = chosen(&members(1, &[(10, CLEAN), (9, DIRTY), (10, CLEAN)]));
    assert_eq!(found.last(), Some(&(0, sync(0))));
}

#[test]
fn what_is_behind_is_left_out_with_its_reason() {
    let found = chosen(&members(1, &[(10, CLEAN), (7, CLEAN)]));
    assert_eq!(found[0], (0, sync(0)));
    let (index, Part::Out(why)) = &found[1] else { panic!("{found:?}") };
    assert_eq!(*index, 1);
    assert!(why.contains("event count is 7"), "{why}");
}
