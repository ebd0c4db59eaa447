//! Who may take a slot, from what lies on a device.

use super::*;
use crate::error::Kind;
use crate::format::md::{MdUuid, MdVersion, NewArray, NewMember, Newcomer};
use crate::units::Events;

const V1_2: MdVersion = MdVersion::V1_2;

fn member(version: MdVersion, slot: u16, events: u64) -> Superblock {
    let mut array = NewArray::mirror(version, MdUuid::from_bytes([7; 16]), 3, Sectors::new(20_000));
    array.events = Events::new(events);
    let device = Sectors::new(24_000);
    let numbers = (7, u32::from(slot));
    array.member(&NewMember { slot: Slot(slot), device, device_uuid: [1; 16], numbers }).unwrap()
}

fn spare(of: &Superblock, number: u32) -> Superblock {
    let new = Newcomer {
        device: of.device(),
        dev_number: number,
        device_uuid: [9; 16],
        write_mostly: false,
        numbers: (7, 9),
    };
    of.for_newcomer(&new).unwrap()
}

fn two_of_three() -> [Superblock; 2] {
    [member(V1_2, 0, 20), member(V1_2, 1, 20)]
}

fn candidates(members: &[Superblock]) -> Vec<Candidate<'_>> {
    members.iter().map(|superblock| Candidate { name: "member", superblock }).collect()
}

fn told(
    superblock: Option<&Superblock>,
    carries: Option<&'static str>,
    force: bool,
) -> Result<Brings> {
    let fresh = member(V1_2, 0, 20);
    let applicant = Applicant { name: "new", slot: Slot(2), superblock, carries };
    admit(fresh.view(), &applicant, force)
}

#[test]
fn only_a_missing_slot_is_filled() {
    let members = two_of_three();
    let known = candidates(&members);
    let assembly = assemble(&known).unwrap();
    slot_is_free(&known, &assembly, Slot(2)).unwrap();
    let held = slot_is_free(&known, &assembly, Slot(1)).unwrap_err();
    assert!(held.to_string().contains("slot 1 is not missing") && held.kind() == Kind::Refused);
    let none = slot_is_free(&known, &assembly, Slot(3)).unwrap_err();
    assert!(none.to_string().contains("no slot 3") && none.kind() == Kind::Usage, "{none}");
}

#[test]
fn what_carries_something_else_is_given_up_by_force_only() {
    assert_eq!(told(None, None, false).unwrap(), Brings::Nothing);
    let refused = told(None, Some("an LVM physical volume"), false).unwrap_err();
    assert!(refused.to_string().contains("--force=overwrite"), "{refused}");
    assert_eq!(told(None, Some("an LVM physical volume"), true).unwrap(), Brings::Nothing);
}

#[test]
fn a_member_that_was_away_is_to_be_caught_up_and_one_in_sync_is_never_written_over() {
    let away = member(V1_2, 2, 10);
    let refused = told(Some(&away), None, false).unwrap_err();
    assert!(refused.to_string().contains("caught up from the bitmap"), "{refused}");
    assert_eq!(told(Some(&away), None, true).unwrap(), Brings::Nothing);
    for (slot, events) in [(2, 20), (2, 19), (1, 20)] {
        let current = member(V1_2, slot, events);
        let refused = told(Some(&current), None, true).unwrap_err();
        assert!(refused.to_string().contains("may be in sync"), "{refused}");
    }
}

#[test]
fn what_was_filled_counts_for_the_state_it_was_noted_for_only() {
    let fresh = member(V1_2, 0, 20);
    let plain = spare(&fresh, 5);
    assert_eq!(told(Some(&plain), None, false).unwrap(), Brings::Nothing);
    let half = plain.filled_to(Sectors::new(640), &fresh).unwrap();
    assert_eq!(told(Some(&half), None, false).unwrap(), Brings::FilledTo(Sectors::new(640)));
    for events in [19, 21] {
        let other = plain.filled_to(Sectors::new(640), &member(V1_2, 0, events)).unwrap();
        assert_eq!(told(Some(&other), None, false).unwrap(), Brings::Nothing);
    }
}

#[test]
fn numbers_are_taken_behind_the_slots_where_nobody_is() {
    let members = two_of_three();
    let extra = spare(&members[0], 3);
    let all = [members[0].clone(), members[1].clone(), extra];
    let known = candidates(&all);
    let assembly = assemble(&known).unwrap();
    assert_eq!(free_number(&known, &assembly, &[]).unwrap(), 4);
    assert_eq!(free_number(&known, &assembly, &[4, 5]).unwrap(), 6);
}

#[test]
fn blocks_that_cut_through_the_data_do_not_fit() {
    let superblock = member(V1_2, 0, 20);
    for block in [1, 512, 4096] {
        blocks_fit("new", block, superblock.view()).unwrap();
    }
    let error = blocks_fit("new", 1 << 20, superblock.view()).unwrap_err();
    assert!(error.to_string().contains("1048576 bytes"), "{error}");
}
