//! Superblocks as wholes: real ones, new ones, and what edits make of them.

use super::*;
use crate::units::{Events, Slot};

mod checks;
mod edits;
mod fixtures;
mod mdadm;
mod properties;

pub(super) const ALL: [MdVersion; 5] = [
    MdVersion::V1_2,
    MdVersion::V1_1,
    MdVersion::V1_0,
    MdVersion::V0_90(HostOrder::Little),
    MdVersion::V0_90(HostOrder::Big),
];

pub(super) const DEVICE: Sectors = Sectors::new(65_536);

pub(super) fn uuid() -> MdUuid {
    "01234567:89abcdef:fedcba98:76543210".parse().unwrap()
}

/// A clean mirror of three in its 17th event.
pub(super) fn mirror(version: MdVersion) -> NewArray {
    let mut array = NewArray::mirror(version, uuid(), 3, Sectors::new(40_000));
    array.events = Events::new(17);
    array.ctime = 1_700_000_000;
    if !version.is_0_90() {
        array.name = "host:practice".into();
    }
    array
}

pub(super) fn member(array: &NewArray, slot: u16) -> Superblock {
    let tail = u8::try_from(slot).unwrap();
    let numbers = (7, u32::from(slot));
    let new = NewMember { slot: Slot(slot), device: DEVICE, device_uuid: [tail; 16], numbers };
    array.member(&new).unwrap()
}

/// `raw` decoded at the place where a superblock of `version` belongs.
pub(super) fn decode(version: MdVersion, raw: &[u8]) -> Probe<Superblock> {
    Superblock::decode(version, place::place(version, DEVICE).unwrap(), raw, DEVICE)
}

#[test]
fn a_new_member_says_what_was_asked_for() {
    for version in ALL {
        let sb = member(&mirror(version), 1);
        let view = sb.view();
        assert_eq!(view.uuid, uuid(), "{version:?}");
        assert_eq!(view.role, Role::Active(Slot(1)), "{version:?}");
        assert_eq!(view.roles[..3], [0, 1, 2].map(|s| Role::Active(Slot(s))), "{version:?}");
        assert_eq!(view.events, Events::new(17), "{version:?}");
        assert_eq!(view.resync, ResyncPoint::Clean, "{version:?}");
        assert_eq!(view.size, Sectors::new(40_000), "{version:?}");
        assert_eq!((view.utime, view.ctime), (1_700_000_000, 1_700_000_000), "{version:?}");
        assert!(view.missing_slots().is_empty(), "{version:?}");
        assert_eq!(sb.findings(), [], "{version:?}");
    }
}

#[test]
fn the_bitmap_has_the_room_up_to_its_nearest_neighbour() {
    let places = ALL.map(|version| {
        let sb = member(&mirror(version), 0);
        let at = sb.view().bitmap_at.unwrap().get();
        (at, sb.view().bitmap_room.get())
    });
    // 1.x: the bad-block log is 8 sectors behind the bitmap's start.
    let end = 65_536 - 16;
    let old = 65_536 - 128 + 8;
    assert_eq!(places, [(16, 8), (8, 8), (end - 16, 8), (old, 120), (old, 120)]);
    let hot_added = NewArray { bitmap_offset: Some(2), ..mirror(MdVersion::V1_0) };
    assert_eq!(member(&hot_added, 0).view().bitmap_room, Sectors::new(6));
    let version = MdVersion::V1_2;
    let listed = edits::patched(version, &member(&mirror(version), 0), |raw| raw[8] |= 8);
    assert_eq!(listed.view().lockless_room, Sectors::new(8), "the log is in use");
    let plain = NewArray { bblog: false, ..mirror(MdVersion::V1_2) };
    assert_eq!(member(&plain, 0).view().bitmap_room, Sectors::new(2048 - 16));
}

#[test]
fn the_least_device_is_just_enough() {
    for version in ALL {
        let array = mirror(version);
        let least = array.least_device().unwrap();
        let build = |device| {
            let numbers = (7, 0);
            array.member(&NewMember { slot: Slot(0), device, device_uuid: [1; 16], numbers })
        };
        assert!(build(least).is_ok(), "{version:?}");
        assert!(build(least.saturating_sub(Sectors::new(8))).is_err(), "{version:?}");
    }
}

#[test]
fn places_exist_only_where_the_device_reaches() {
    assert_eq!(candidates(Sectors::ZERO), []);
    assert_eq!(candidates(Sectors::new(8)), [(MdVersion::V1_1, Sectors::ZERO)]);
    for n in 0..400 {
        let device = Sectors::new(n);
        assert!(candidates(device).iter().all(|(_, at)| at.get() + 8 <= n), "{n}");
    }
    let big = candidates(Sectors::new(u64::MAX));
    assert_eq!(big.len(), 5);
    assert_eq!(big[2].1, Sectors::new(u64::MAX - 23));
}

#[test]
fn a_uuid_is_printed_as_mdadm_does_for_that_version() {
    let uuid = uuid();
    assert_eq!(uuid.to_string(), "01234567:89abcdef:fedcba98:76543210");
    assert_eq!(uuid.display_for(MdVersion::V1_2), uuid.to_string());
    let little = MdVersion::V0_90(HostOrder::Little);
    assert_eq!(uuid.display_for(little), "67452301:efcdab89:98badcfe:10325476");
    assert_eq!(uuid.display_for(MdVersion::V0_90(HostOrder::Big)), uuid.to_string());
    assert_eq!(MdUuid::parse_for(&uuid.display_for(little), little), Ok(uuid));
}

#[test]
fn a_uuid_is_read_in_any_usual_form() {
    for text in [
        "01234567:89ABCDEF:fedcba98:76543210",
        "01234567-89ab-cdef-fedc-ba9876543210",
        "0123456789abcdeffedcba9876543210",
    ] {
        assert_eq!(text.parse(), Ok(uuid()), "{text}");
    }
    for text in ["", "01234567", "01234567:89abcdef:fedcba98:7654321g", "0123456-789ab-cdef"] {
        assert_eq!(text.parse::<MdUuid>(), Err(ParseUuidError), "{text}");
    }
}

#[test]
fn features_have_names_and_the_rest_is_unknown() {
    let features = Features::from_bits(0x8000_0000 | 1 | 4096);
    assert_eq!(features.names().collect::<Vec<_>>(), ["BITMAP_OFFSET", "RAID0_LAYOUT"]);
    assert_eq!(features.unknown(), 0x8000_0000);
}
