//! Every row of the kernel's table, and what the kernel does not ask.

use super::*;

fn case() -> Case {
    Case {
        level: 5,
        raid_disks: 3,
        vacant: vec![Slot(1)],
        events: Events::new(40),
        log: Log::ClearedAt(Events::new(20)),
        member_events: Events::new(30),
        role: Role::Active(Slot(1)),
        filled: Filled::Whole,
        number_taken: false,
        knows_the_array: true,
    }
}

fn with(change: impl FnOnce(&mut Case)) -> Result<Grounds, Why> {
    let mut case = case();
    change(&mut case);
    decide(&case)
}

#[test]
fn with_a_bitmap_the_count_must_reach_events_cleared() {
    let at = |events| with(|case| case.member_events = Events::new(events));
    assert_eq!(at(30), Ok(Grounds::NothingCleared));
    assert_eq!(at(21), Ok(Grounds::NothingCleared));
    assert_eq!(at(20), Ok(Grounds::NothingCleared), "equal is enough");
    assert_eq!(at(19), Err(Why::Cleared(Events::new(20))));
    assert_eq!(at(0), Err(Why::Cleared(Events::new(20))));
    assert_eq!(at(40), Ok(Grounds::NothingCleared));
}

#[test]
fn without_a_bitmap_nothing_may_have_happened() {
    let at =
        |events| with(|case| (case.log, case.member_events) = (Log::None, Events::new(events)));
    assert_eq!(at(40), Ok(Grounds::SameEvents));
    assert_eq!(at(39), Err(Why::NoBitmap), "the kernel knows no grace of one here");
}

#[test]
fn a_half_filled_member_comes_back_only_where_the_bitmap_led() {
    assert_eq!(with(|case| case.filled = Filled::ByBitmap), Ok(Grounds::NothingCleared));
    assert_eq!(with(|case| case.filled = Filled::InPart), Err(Why::InPart));
}

#[test]
fn a_mirror_takes_any_free_slot_and_others_only_the_same() {
    let elsewhere = |level| with(|case| (case.level, case.vacant) = (level, vec![Slot(2)]));
    assert_eq!(elsewhere(1), Ok(Grounds::NothingCleared));
    for level in [4, 5, 6, 10] {
        assert_eq!(elsewhere(level), Err(Why::Full(Slot(1))), "level {level}");
        assert_eq!(with(|case| case.level = level), Ok(Grounds::NothingCleared), "level {level}");
    }
    let full = with(|case| (case.level, case.vacant) = (1, Vec::new()));
    assert_eq!(full, Err(Why::Full(Slot(1))));
}

#[test]
fn only_who_held_a_slot_has_something_to_come_back_with() {
    for role in [Role::Spare, Role::Faulty, Role::Journal] {
        assert_eq!(with(|case| case.role = role), Err(Why::Idle(role)));
    }
    let gone = with(|case| case.role = Role::Active(Slot(3)));
    assert_eq!(gone, Err(Why::SlotGone(Slot(3))));
    assert_eq!(with(|case| case.level = 0), Err(Why::Level(0)));
    assert_eq!(with(|case| case.number_taken = true), Err(Why::NumberTaken));
}

#[test]
fn who_was_used_apart_is_not_believed_although_the_kernel_would() {
    assert_eq!(with(|case| case.member_events = Events::new(41)), Err(Why::Ahead));
    assert_eq!(with(|case| case.knows_the_array = false), Err(Why::Apart));
    assert!(Why::Ahead.may_hold_more() && Why::Apart.may_hold_more());
    assert!(!Why::Cleared(Events::ZERO).may_hold_more());
}

#[test]
fn a_bitmap_that_cannot_be_read_proves_nothing() {
    let told = with(|case| case.log = Log::Unknown("gone".into())).unwrap_err();
    assert_eq!(told, Why::Unknown("gone".into()));
    assert!(told.sentence().ends_with(": gone"));
}
