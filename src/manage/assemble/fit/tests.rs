//! Which starts are refused, and which only a person can decide.

use super::*;
use crate::array::cast::Part;
use crate::error::Kind;
use crate::format::md::{MdUuid, MdVersion, NewArray, NewMember, Role};
use crate::units::{Sectors, Slot};

/// What the freshest member of an array says, where `held` slots had a member when it last ran.
fn view(level: i32, layout: u32, disks: u16, held: &[u16]) -> SuperView {
    let (uuid, size) = (MdUuid::from_bytes([7; 16]), Sectors::new(40_960));
    let array = NewArray::mirror(MdVersion::V1_2, uuid, disks, size);
    let member = NewMember {
        slot: Slot(0),
        device: Sectors::new(65_536),
        device_uuid: [1; 16],
        numbers: (7, 0),
    };
    let mut view = array.member(&member).unwrap().view().clone();
    (view.level, view.layout) = (level, layout);
    let role = |slot| if held.contains(&slot) { Role::Active(Slot(slot)) } else { Role::Faulty };
    view.roles = (0..disks).map(role).collect();
    view
}

fn in_sync(slots: &[u16]) -> Vec<Choice> {
    let choice = |(index, slot): (usize, &u16)| Choice { index, part: Part::InSync(Slot(*slot)) };
    slots.iter().enumerate().map(choice).collect()
}

#[derive(Clone, Copy)]
struct Case<'a> {
    level: i32,
    layout: u32,
    disks: u16,
    held: &'a [u16],
    there: &'a [u16],
    clean: bool,
}

fn judged(case: Case<'_>, degraded: bool) -> Result<Vec<Note>> {
    let fresh = view(case.level, case.layout, case.disks, case.held);
    let choices = in_sync(case.there);
    let (clean, dirty_degraded) = (case.clean, false);
    judge(&Start { fresh: &fresh, clean, choices: &choices, degraded, dirty_degraded })
}

const MIRROR: Case<'_> =
    Case { level: 1, layout: 0, disks: 2, held: &[0, 1], there: &[0, 1], clean: true };
const PARITY: Case<'_> =
    Case { level: 5, layout: 2, disks: 3, held: &[0, 1, 2], there: &[0, 1, 2], clean: true };

fn refused(case: Case<'_>, degraded: bool, expected: &str) {
    let error = judged(case, degraded).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_complete_array_starts_without_a_word() {
    for case in [MIRROR, PARITY, Case { clean: false, ..PARITY }] {
        assert_eq!(judged(case, false).unwrap(), []);
    }
}

#[test]
fn to_start_without_somebody_takes_a_person() {
    let case = Case { there: &[1], ..MIRROR };
    refused(case, false, "slot 0 had a member");
    refused(case, false, "--force=degraded");
    let notes = judged(case, true).unwrap();
    assert_eq!(notes[0].code, "degraded");
}

#[test]
fn what_was_degraded_before_starts_as_it_was() {
    let case = Case { held: &[1], there: &[1], ..MIRROR };
    assert_eq!(judged(case, false).unwrap()[0].code, "degraded");
}

#[test]
fn parity_that_is_degraded_and_not_clean_is_refused_whatever_is_forced() {
    for level in [4, 5, 6] {
        let case = Case { level, there: &[0, 1], held: &[0, 1], clean: false, ..PARITY };
        refused(case, true, "cannot be told from parity");
    }
    let fresh = view(5, 2, 3, &[0, 1]);
    let choices = in_sync(&[0, 1]);
    let told = Start {
        fresh: &fresh,
        clean: false,
        choices: &choices,
        degraded: false,
        dirty_degraded: true,
    };
    judge(&told).unwrap();
    // A mirror has the data whole.
    judged(Case { there: &[0], held: &[0], clean: false, ..MIRROR }, false).unwrap();
}

#[test]
fn less_than_all_data_is_no_array() {
    let there: &[u16] = &[0];
    for (level, layout, disks) in [(0, 0, 2), (-1, 0, 2), (5, 2, 3), (4, 0, 3), (6, 2, 4)] {
        let case = Case { level, layout, disks, held: &[], there, clean: true };
        refused(case, true, "not all of the data");
    }
    judged(Case { level: 6, layout: 2, disks: 4, held: &[], there: &[1, 3], clean: true }, false)
        .unwrap();
}

#[test]
fn raid10_needs_one_of_every_set_of_copies() {
    let near =
        |disks, there| Case { level: 10, layout: 0x102, disks, held: &[], there, clean: true };
    judged(near(4, &[0, 2]), false).unwrap();
    judged(near(4, &[1, 3]), false).unwrap();
    refused(near(4, &[0, 1]), false, "not all of the data");
    judged(near(3, &[0, 2]), false).unwrap();
    refused(near(3, &[0]), false, "not all of the data");
    let far = |there| Case { layout: 0x201, ..near(3, there) };
    judged(far(&[0, 1]), false).unwrap();
    refused(far(&[2]), false, "not all of the data");
    let three = Case { layout: 0x103, ..near(3, &[2]) };
    judged(three, false).unwrap();
}
