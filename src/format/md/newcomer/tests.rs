use super::super::{Joined, MdUuid, NewArray, NewMember, ResyncPoint, Role, SuperEdit};
use super::*;
use crate::units::{Events, Slot};

fn member(version: MdVersion) -> Superblock {
    let uuid = MdUuid::from_bytes([7; 16]);
    let mut array = NewArray::mirror(version, uuid, 2, Sectors::new(20_000));
    array.events = Events::new(44);
    let numbers = (8, 1);
    let device = Sectors::new(24_000);
    let new = NewMember { slot: Slot(0), device, device_uuid: [1; 16], numbers };
    array.member(&new).unwrap()
}

fn newcomer(device: u64, dev_number: u32) -> Newcomer {
    let device = Sectors::new(device);
    let (device_uuid, numbers) = ([9; 16], (8, 7));
    Newcomer { device, dev_number, device_uuid, write_mostly: false, numbers }
}

#[test]
fn a_newcomer_is_a_spare_of_the_same_array_and_proves_nothing() {
    for version in [MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2] {
        let old = member(version);
        for (device, number) in [(24_000, 2), (50_000, 2), (24_000, 200)] {
            let made = old.for_newcomer(&newcomer(device, number)).unwrap();
            let view = made.view();
            assert_eq!((view.uuid, view.events), (old.view().uuid, Events::ZERO));
            assert_eq!((view.role, view.dev_number), (Role::Spare, number), "{version}");
            assert_eq!(view.device_uuid, Some([9; 16]));
            assert!(view.data_size >= view.size && view.bitmap_at.is_some());
            assert_eq!(view.data_offset, old.view().data_offset);
            assert!(made.raw().len().is_multiple_of(512));
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for version in [MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2] {
        for device in [0, 8, 16, 20_000, 20_010] {
            member(version).for_newcomer(&newcomer(device, 2)).unwrap_err();
        }
        member(version).for_newcomer(&newcomer(24_000, MAX_ROLES)).unwrap_err();
    }
}

#[test]
fn a_newcomer_of_0_90_is_a_spare_behind_the_slots() {
    for order in [HostOrder::Little, HostOrder::Big] {
        let old = member(MdVersion::V0_90(order));
        let made = old.for_newcomer(&newcomer(24_000, 2)).unwrap();
        assert_eq!((made.view().role, made.view().dev_number), (Role::Spare, 2));
        assert_eq!((made.view().uuid, made.view().events), (old.view().uuid, Events::ZERO));
        assert_eq!(made.device_numbers(), (8, 7));
        assert_eq!(old.disagreement(&made), None);
        old.for_newcomer(&newcomer(24_000, 1)).unwrap_err();
        old.for_newcomer(&newcomer(24_000, 27)).unwrap_err();
        old.for_newcomer(&newcomer(20_000, 2)).unwrap_err();
    }
}

#[test]
fn a_newcomer_that_is_being_filled_notes_how_far_it_got_and_stays_a_spare() {
    for version in [MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2] {
        let old = member(version);
        let made = old.for_newcomer(&newcomer(24_000, 200)).unwrap();
        let half = made.filled_to(Sectors::new(640), &old).unwrap();
        let view = half.view();
        assert_eq!((view.role, view.recovery_offset), (Role::Spare, Some(Sectors::new(640))));
        assert_eq!((view.events, view.utime), (old.view().events, old.view().utime));
        assert_eq!(half.filled_to(Sectors::new(8), &old).unwrap().raw().len(), half.raw().len());
    }
}

#[test]
fn a_newcomer_that_is_filled_takes_its_slot_as_any_other_member() {
    for version in [MdVersion::V0_90(HostOrder::Little), MdVersion::V1_0, MdVersion::V1_2] {
        let old = member(version);
        let gone = super::super::Left { dev_number: 1, slot: Slot(1) };
        let plain = SuperEdit {
            freshest: &old,
            events: Events::new(45),
            resync: ResyncPoint::Clean,
            utime: 5,
            joined: &[],
            left: &[gone],
            own: None,
        };
        let raw = old.edited(&plain).unwrap();
        let alone = decoded(version, old.view().super_offset, &raw, old.device()).unwrap();
        let made = alone.for_newcomer(&newcomer(24_000, 2)).unwrap();
        let joined =
            [Joined { dev_number: 2, slot: Slot(1), major: 8, minor: 7, write_mostly: false }];
        let edit = SuperEdit { freshest: &alone, joined: &joined, left: &[], ..plain };
        let raw = made.edited(&SuperEdit { own: Some(Slot(1)), ..edit }).unwrap();
        let filled = decoded(version, made.view().super_offset, &raw, made.device()).unwrap();
        let raw = alone.edited(&edit).unwrap();
        let other = decoded(version, alone.view().super_offset, &raw, alone.device()).unwrap();
        assert_eq!(
            (filled.view().role, filled.view().recovery_offset),
            (Role::Active(Slot(1)), None)
        );
        assert_eq!(filled.view().roles[..2], other.view().roles[..2], "{version}");
        assert!(
            other.view().missing_slots().is_empty() && filled.view().missing_slots().is_empty()
        );
    }
}
