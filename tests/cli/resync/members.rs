//! Who is the source, who is behind, who is missing.

use super::array::{Array, clean, events, failed, write_mostly};
use super::told;
use crate::support::run;

/// Member 2 was failed and removed at event 10; the others went on to event 19 and were stopped.
fn one_was_away(cleared: u64) -> Array {
    let array = Array::new();
    for slot in 0..2 {
        array.edit(slot, |raw| {
            clean(raw);
            failed(raw, 2);
        });
    }
    array.edit(2, |raw| events(raw, 10));
    array.cleared_at(cleared);
    array
}

#[test]
fn the_source_asked_for_wins_by_slot_and_by_path() {
    for by_path in [false, true] {
        let array = Array::new();
        let members = array.members();
        let old = array.data(2);
        assert!(old != array.data(0));
        let source = if by_path { members[2] } else { "2" };
        let said = told(&["--source", source], &members, 0);
        assert_eq!(said["array"]["members"][2]["part"], "source");
        assert_eq!(said["array"]["members"][0]["part"], "target");
        array.assert_settled();
        assert!(array.data(0) == old);
    }
}

#[test]
fn members_may_be_given_in_any_order() {
    let array = Array::new();
    let good = array.data(0);
    let backwards: Vec<&str> = array.members().into_iter().rev().collect();
    let said = told(&[], &backwards, 0);
    let member = &said["array"]["members"][2];
    assert_eq!((&member["role"], &member["part"]), (&0.into(), &"source".into()));
    array.assert_settled();
    assert!(array.data(0) == good);
}

#[test]
fn a_write_mostly_member_is_the_source_only_when_chosen() {
    for (options, source) in [(&[][..], 1), (&["--source", "0"], 0)] {
        let array = Array::new();
        array.edit(0, write_mostly);
        array.spoil_dirty_chunk(0);
        let wanted = array.data(source);
        let said = told(options, &array.members(), 0);
        assert_eq!(said["array"]["members"][source]["part"], "source");
        array.assert_settled();
        assert!(array.data(0) == wanted, "{options:?}");
    }
}

#[test]
fn a_member_that_was_away_comes_back_by_the_bitmap() {
    let array = one_was_away(9);
    let said = told(&[], &array.members(), 0);
    assert_eq!((&said["decision"], &said["outcome"]), (&"partial".into(), &"done".into()));
    let member = &said["array"]["members"][2];
    assert_eq!((&member["state"], &member["part"]), (&"behind".into(), &"target".into()));
    assert_eq!(member["events"], 10);
    assert!(member["why"].as_str().unwrap().contains("it was away"), "{member}");
    assert!(said["reason"].as_str().unwrap().contains("member 2 is behind"));
    array.assert_settled();
    let again = told(&[], &array.members(), 0);
    assert_eq!(again["decision"], "nothing");
    assert_eq!(again["array"]["members"][2]["state"], "current");
}

#[test]
fn a_member_that_left_before_bits_were_cleared_needs_a_full_copy() {
    let array = one_was_away(11);
    let before = array.images();
    let refused = run([&["resync"], &array.members()[..]].concat());
    assert_eq!(refused.status, 3, "{refused:?}");
    assert!(refused.err.contains("bits were cleared at event 11"), "{}", refused.err);
    assert!(refused.err.contains("--full"), "{}", refused.err);
    assert!(array.images() == before);
    assert_eq!(told(&["--full"], &array.members(), 0)["decision"], "full");
    array.assert_settled();
}

#[test]
fn while_a_member_is_missing_bits_stay_set_and_it_is_caught_up_later() {
    let array = Array::new();
    let members = array.members();
    let (dirty, away) = (array.practice.dirty_chunks().get(), array.images()[2].clone());
    // The one that lost writes and one that did not.
    let said = told(&[], &[members[0], members[1]], 0);
    assert_eq!(said["array"]["missing"], serde_json::json!([2]));
    assert_eq!(
        (&said["chunks_synced"], &said["chunks_dirty_after"]),
        (&dirty.into(), &dirty.into())
    );
    assert_eq!(run(["examine", "--test", members[0]]).status, 1);
    assert!(array.images()[2] == away);
    // Not current any more: two events behind, and no longer counted in.
    let later = told(&[], &members, 0);
    assert_eq!(later["array"]["members"][2]["state"], "behind");
    assert_eq!(later["decision"], "partial");
    array.assert_settled();
}

#[test]
fn a_clean_array_with_set_bits_has_them_copied() {
    let array = Array::new();
    array.edit_all(clean);
    let said = told(&[], &array.members(), 0);
    assert_eq!(said["decision"], "partial");
    assert_eq!(said["reason"], "21 chunks are dirty");
    array.assert_settled();
}

#[test]
fn a_single_current_member_has_nothing_to_copy_to() {
    let array = Array::new();
    let before = array.images();
    let said = told(&[], &array.members()[..1], 0);
    assert_eq!(said["decision"], "nothing");
    assert_eq!(said["array"]["missing"], serde_json::json!([1, 2]));
    assert!(array.images() == before);
}
