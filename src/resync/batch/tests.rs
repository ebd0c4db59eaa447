//! The machine by itself: fed with events, no engine.

use super::*;

fn leg(member: usize) -> Leg {
    Leg { member, data_offset: Sectors::ZERO }
}

fn range(start: u64, len: u64) -> SectorRange {
    SectorRange { start: Sectors::new(start), len: Sectors::new(len) }
}

fn mirror(sources: usize, members: usize) -> Mirror {
    Mirror { sources: (0..sources).map(leg).collect(), targets: (1..members).map(leg).collect() }
}

/// Runs the machine with operations that succeed as `works` says, in the order they are asked for.
fn drive(mut batch: Batch, works: impl Fn(&Action) -> bool) -> (Vec<Action>, Ended) {
    let mut done = Vec::new();
    while let Some(action) = batch.next_action() {
        let ok = works(&action);
        match action {
            Action::Read { window, .. } => batch.on(Event::Read { window, ok }),
            Action::Write { window, leg, .. } => {
                batch.on(Event::Wrote { window, member: leg.member, ok });
            }
            Action::Flush { member } => batch.on(Event::Flushed { member, ok }),
            Action::Release { .. } => {}
        }
        done.push(action);
    }
    (done, batch.finish().expect("nothing is left to do, yet it is not over"))
}

#[test]
fn every_write_is_flushed_before_anything_is_durable() {
    let batch = Batch::new(mirror(1, 3), &[range(0, 16), range(64, 8)], Sectors::new(8), 2);
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
    let mut batch = Batch::new(mirror(1, 2), &[range(0, 8)], Sectors::new(8), 2);
    assert!(matches!(batch.next_action(), Some(Action::Read { window: 0, .. })));
    assert_eq!(batch.next_action(), None);
    assert!(batch.finish().is_none());
}

#[test]
fn no_more_windows_are_open_than_asked_for() {
    let mut batch = Batch::new(mirror(1, 2), &[range(0, 80)], Sectors::new(8), 3);
    let reads = std::iter::from_fn(|| batch.next_action()).count();
    assert_eq!(reads, 3);
}

#[test]
fn one_failed_flush_and_nothing_is_durable() {
    let batch = Batch::new(mirror(1, 3), &[range(0, 16)], Sectors::new(8), 2);
    let (_, ended) = drive(batch, |action| *action != Action::Flush { member: 2 });
    assert!(ended.durable.get().is_empty());
    assert_eq!(ended.failed, BTreeSet::from([2]));
}

#[test]
fn a_target_that_failed_is_not_written_again() {
    let batch = Batch::new(mirror(1, 3), &[range(0, 24)], Sectors::new(8), 1);
    let to_one = |action: &Action| matches!(action, Action::Write { leg, .. } if leg.member == 1);
    let (actions, ended) = drive(batch, |action| !to_one(action));
    assert_eq!(actions.iter().filter(|action| to_one(action)).count(), 1);
    assert!(ended.durable.get().is_empty());
}

#[test]
fn what_cannot_be_read_is_narrowed_down_to_a_page() {
    let batch = Batch::new(mirror(1, 2), &[range(0, 256)], Sectors::new(256), 1);
    let bad = range(100, 1);
    let reads_bad = |action: &Action| match action {
        Action::Read { range, .. } => range.overlaps(&bad),
        _ => false,
    };
    let (_, ended) = drive(batch, |action| !reads_bad(action));
    assert_eq!(ended.unreadable, [range(96, 8)]);
    let durable: u64 = ended.durable.get().iter().map(|range| range.len.get()).sum();
    assert_eq!(durable, 248);
}

#[test]
fn a_second_source_serves_only_what_the_first_could_not() {
    let batch = Batch::new(mirror(2, 3), &[range(0, 16)], Sectors::new(8), 1);
    let broken = |action: &Action| match action {
        Action::Read { leg, range, .. } => leg.member == 0 && range.start == Sectors::ZERO,
        _ => false,
    };
    let (actions, ended) = drive(batch, |action| !broken(action));
    let from_one = |action: &&Action| matches!(action, Action::Read { leg, .. } if leg.member == 1);
    assert_eq!(actions.iter().filter(from_one).count(), 1);
    assert_eq!(ended.durable.get().len(), 2);
}

#[test]
fn a_stop_ends_what_is_under_way_and_keeps_it() {
    let mut batch = Batch::new(mirror(1, 2), &[range(0, 80)], Sectors::new(8), 1);
    let Some(Action::Read { window, .. }) = batch.next_action() else { panic!("no read") };
    batch.on(Event::Stop);
    batch.on(Event::Read { window, ok: true });
    let (_, ended) = drive(batch, |_| true);
    assert!(ended.stopped);
    assert_eq!(*ended.durable.get(), [range(0, 8)]);
}

#[test]
fn an_empty_batch_is_over_at_once() {
    let (actions, ended) = drive(Batch::new(mirror(1, 2), &[], Sectors::new(8), 1), |_| true);
    assert!(actions.is_empty() && ended.durable.get().is_empty() && !ended.stopped);
}
