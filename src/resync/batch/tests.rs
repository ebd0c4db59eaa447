//! The machine by itself: fed with events, no engine.

use super::*;
use crate::array::geometry::Geometry;
use crate::array::repair::{Holder, Rank, Repair};

fn range(start: u64, len: u64) -> SectorRange {
    SectorRange { start: Sectors::new(start), len: Sectors::new(len) }
}

/// A mirror of which the first `sources` members are current and the others behind, all of them
/// to be written but the first.
fn mirror(sources: usize, members: usize) -> Repair {
    let disks = u16::try_from(members).unwrap();
    let size = Sectors::new(1 << 20);
    let geometry = Geometry::from_numbers(1, 0, Sectors::ZERO, size, disks).unwrap();
    let data_offset = Sectors::ZERO;
    let holder =
        |member| Holder { member, data_offset, behind: member >= sources, rank: Rank::Plain };
    Repair { geometry, holders: (0..members).map(|m| Some(holder(m))).collect(), renew: true }
}

/// Runs the machine with operations that succeed as `works` says, in the order they are asked for.
fn drive(mut batch: Batch<'_>, works: impl Fn(&Action) -> bool) -> (Vec<Action>, Ended) {
    let mut done = Vec::new();
    while let Some(action) = batch.next_action() {
        let ok = works(&action);
        match action.clone() {
            Action::Read { window, from: Extent { member, .. }, .. } => {
                batch.on(Event::Read { window, member, ok });
            }
            Action::Write { window, to: Extent { member, .. }, .. } => {
                batch.on(Event::Wrote { window, member, ok });
            }
            Action::Flush { member } => batch.on(Event::Flushed { member, ok }),
            Action::Release { .. } | Action::Compute { .. } => {}
        }
        done.push(action);
    }
    (done, batch.finish().expect("nothing is left to do, yet it is not over"))
}

#[test]
fn every_write_is_flushed_before_anything_is_durable() {
    let mirror = mirror(1, 3);
    let batch = Batch::new(&mirror, &[range(0, 16), range(64, 8)], Sectors::new(8), 2);
    let (actions, ended) = drive(batch, |_| true);
    let last_write =
        actions.iter().rposition(|action| matches!(action, Action::Write { .. })).unwrap();
    let flushes: Vec<_> = actions[last_write..]
        .iter()
        .filter_map(|action| match action {
            Action::Flush { member } => Some(*member),
            _ => None,
        })
        .collect();
    assert_eq!(flushes, [1, 2]);
    assert_eq!(*ended.durable.get(), [range(0, 8), range(8, 8), range(64, 8)]);
}

#[test]
fn a_batch_is_not_over_while_something_is_under_way() {
    let mirror = mirror(1, 2);
    let mut batch = Batch::new(&mirror, &[range(0, 8)], Sectors::new(8), 2);
    assert!(matches!(batch.next_action(), Some(Action::Read { window: 0, .. })));
    assert_eq!(batch.next_action(), None);
    assert!(batch.finish().is_none());
}

#[test]
fn no_more_windows_are_open_than_asked_for() {
    let mirror = mirror(1, 2);
    let mut batch = Batch::new(&mirror, &[range(0, 80)], Sectors::new(8), 3);
    let reads = std::iter::from_fn(|| batch.next_action()).count();
    assert_eq!(reads, 3);
}

#[test]
fn one_failed_flush_and_nothing_is_durable() {
    let mirror = mirror(1, 3);
    let batch = Batch::new(&mirror, &[range(0, 16)], Sectors::new(8), 2);
    let (_, ended) = drive(batch, |action| *action != Action::Flush { member: 2 });
    assert!(ended.durable.get().is_empty());
    assert_eq!(ended.failed, BTreeSet::from([2]));
}

#[test]
fn a_target_that_failed_is_not_written_again() {
    let mirror = mirror(1, 3);
    let batch = Batch::new(&mirror, &[range(0, 24)], Sectors::new(8), 1);
    let to_one = |action: &Action| matches!(action, Action::Write { to, .. } if to.member == 1);
    let (actions, ended) = drive(batch, |action| !to_one(action));
    assert_eq!(actions.iter().filter(|action| to_one(action)).count(), 1);
    assert!(ended.durable.get().is_empty());
}

#[test]
fn what_cannot_be_read_is_narrowed_down_to_a_page() {
    let mirror = mirror(1, 2);
    let batch = Batch::new(&mirror, &[range(0, 256)], Sectors::new(256), 1);
    let bad = range(100, 1);
    let reads_bad = |action: &Action| match action {
        Action::Read { from, len, .. } => range(from.at.get(), len.get()).overlaps(&bad),
        _ => false,
    };
    let (_, ended) = drive(batch, |action| !reads_bad(action));
    assert_eq!(ended.unreadable, [range(96, 8)]);
    let durable: u64 = ended.durable.get().iter().map(|range| range.len.get()).sum();
    assert_eq!(durable, 248);
}

#[test]
fn a_second_source_serves_only_what_the_first_could_not() {
    let mirror = mirror(2, 3);
    let batch = Batch::new(&mirror, &[range(0, 16)], Sectors::new(8), 1);
    let broken = |action: &Action| match action {
        Action::Read { from, .. } => *from == Extent { member: 0, at: Sectors::ZERO },
        _ => false,
    };
    let (actions, ended) = drive(batch, |action| !broken(action));
    let from_one =
        |action: &&Action| matches!(action, Action::Read { from, .. } if from.member == 1);
    assert_eq!(actions.iter().filter(from_one).count(), 1);
    assert_eq!(ended.durable.get().len(), 2);
}

#[test]
fn a_stop_ends_what_is_under_way_and_keeps_it() {
    let mirror = mirror(1, 2);
    let mut batch = Batch::new(&mirror, &[range(0, 80)], Sectors::new(8), 1);
    let Some(Action::Read { window, .. }) = batch.next_action() else { panic!("no read") };
    batch.on(Event::Stop);
    batch.on(Event::Read { window, member: 0, ok: true });
    let (_, ended) = drive(batch, |_| true);
    assert!(ended.stopped);
    assert_eq!(*ended.durable.get(), [range(0, 8)]);
}

#[test]
fn an_empty_batch_is_over_at_once() {
    let (actions, ended) = drive(Batch::new(&mirror(1, 2), &[], Sectors::new(8), 1), |_| true);
    assert!(actions.is_empty() && ended.durable.get().is_empty() && !ended.stopped);
}

/// A chunk of which those who are behind have no copy, and one that nobody can give.
#[test]
fn pieces_that_need_no_action_do_not_stop_it() {
    let geometry = Geometry::from_numbers(10, 0x102, Sectors::new(8), Sectors::new(64), 3).unwrap();
    let holder = |member, behind| {
        Some(Holder { member, data_offset: Sectors::ZERO, behind, rank: Rank::Plain })
    };
    let holders = vec![holder(0, false), holder(1, true), holder(2, false)];
    let one_behind = Repair { geometry, holders, renew: false };
    let batch = Batch::new(&one_behind, &[range(8, 8), range(16, 8)], Sectors::new(8), 1);
    let (actions, ended) = drive(batch, |_| true);
    assert!(actions.contains(&Action::Flush { member: 1 }));
    assert_eq!(*ended.durable.get(), [range(8, 8), range(16, 8)]);
    let holders = vec![holder(0, false), None, None];
    let alone = Repair { holders, ..one_behind };
    let batch = Batch::new(&alone, &[range(16, 8), range(0, 8)], Sectors::new(8), 1);
    assert_eq!(drive(batch, |_| true).1.unreadable, [range(16, 8)]);
}
