//! The machine by itself: fed with events, no engine.

use super::*;
use crate::array::bad::{BadMap, BadRanges};
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
    Repair {
        geometry,
        holders: (0..members).map(|m| Some(holder(m))).collect(),
        renew: true,
        bad: BadMap::new(),
    }
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
            Action::Look { window, .. } => batch.on(Event::Looked { window }),
            Action::Compute { window, .. } => batch.on(Event::Computed { window }),
            Action::Release { .. } => {}
        }
        done.push(action);
    }
    (done, batch.finish().expect("nothing is left to do, yet it is not over"))
}

fn lost(ended: &Ended) -> Vec<SectorRange> {
    ended.unreadable.iter().map(|one| one.range).collect()
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
    assert_eq!(SectorRange::merged(ended.durable.get()), [range(0, 16), range(64, 8)]);
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
    assert_eq!(lost(&ended), [range(96, 8)]);
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
    let one_behind = Repair { geometry, holders, renew: false, bad: BadMap::new() };
    let batch = Batch::new(&one_behind, &[range(8, 8), range(16, 8)], Sectors::new(8), 1);
    let (actions, ended) = drive(batch, |_| true);
    assert!(actions.contains(&Action::Flush { member: 1 }));
    assert_eq!(*ended.durable.get(), [range(8, 8), range(16, 8)]);
    let holders = vec![holder(0, false), None, None];
    let alone = Repair { holders, ..one_behind };
    let batch = Batch::new(&alone, &[range(16, 8), range(0, 8)], Sectors::new(8), 1);
    assert_eq!(lost(&drive(batch, |_| true).1), [range(16, 8)]);
}

fn reads(actions: &[Action]) -> Vec<(usize, u64, u64)> {
    let read = |action: &Action| match action {
        Action::Read { from, len, .. } => Some((from.member, from.at.get(), len.get())),
        _ => None,
    };
    actions.iter().filter_map(read).collect()
}

fn touches(action: &Action, member: usize, bad: SectorRange) -> bool {
    reads(std::slice::from_ref(action))
        .iter()
        .any(|(m, at, len)| *m == member && range(*at, *len).overlaps(&bad))
}

#[test]
fn one_bad_sector_loses_only_its_own_page_to_another_source() {
    let mirror = mirror(2, 3);
    let batch = Batch::new(&mirror, &[range(0, 2048)], Sectors::new(2048), 1);
    let (actions, ended) = drive(batch, |action| !touches(action, 0, range(100, 1)));
    let second: Vec<_> = reads(&actions).into_iter().filter(|(m, ..)| *m == 1).collect();
    assert_eq!(second, [(1, 96, 8)]);
    assert!(ended.unreadable.is_empty() && ended.undone.is_empty());
    let durable: u64 = ended.durable.get().iter().map(|range| range.len.get()).sum();
    assert_eq!(durable, 2048);
}

#[test]
fn who_reads_nothing_any_more_is_not_asked_for_every_page() {
    let mirror = mirror(2, 3);
    let all = range(0, 64 * 2048);
    let batch = Batch::new(&mirror, &[all], Sectors::new(2048), 1);
    let (actions, ended) = drive(batch, |action| !touches(action, 0, all));
    let asked = reads(&actions).into_iter().filter(|(m, ..)| *m == 0).count();
    assert!(asked < 64 + 200, "{asked}");
    assert!(ended.unreadable.is_empty());
}

#[test]
fn what_lies_beside_a_member_that_failed_is_durable() {
    let geometry = Geometry::from_numbers(10, 0x102, Sectors::new(8), Sectors::new(64), 4).unwrap();
    let holder = |member| {
        Some(Holder { member, data_offset: Sectors::ZERO, behind: false, rank: Rank::Plain })
    };
    let holders = (0..4).map(holder).collect();
    let raid10 = Repair { geometry, holders, renew: true, bad: BadMap::new() };
    let to_one = |action: &Action| matches!(action, Action::Write { to, .. } if to.member == 1);
    let ranges = [range(0, 8), range(8, 8), range(16, 8), range(24, 8)];
    let batch = Batch::new(&raid10, &ranges, Sectors::new(8), 1);
    let (actions, ended) = drive(batch, |action| !to_one(action));
    assert_eq!(actions.iter().filter(|action| to_one(action)).count(), 1);
    assert_eq!(*ended.durable.get(), [range(8, 8), range(24, 8)]);
    assert_eq!(ended.undone, [range(0, 8), range(16, 8)]);
    let batch = Batch::new(&raid10, &ranges, Sectors::new(8), 1).without(&ended.failed);
    assert!(!drive(batch, |_| true).0.iter().any(to_one));
}

#[test]
fn a_member_that_vanished_is_neither_read_nor_written() {
    let mirror = mirror(2, 3);
    let mut batch = Batch::new(&mirror, &[range(0, 16)], Sectors::new(8), 1);
    let Some(Action::Read { window, .. }) = batch.next_action() else { panic!("no read") };
    batch.on(Event::Gone { member: 0 });
    batch.on(Event::Read { window, member: 0, ok: false });
    let (actions, ended) = drive(batch, |_| true);
    assert!(reads(&actions).is_empty(), "{actions:?}");
    assert_eq!((ended.gone, ended.undone), (BTreeSet::from([0]), vec![range(0, 16)]));
    assert!(ended.durable.get().is_empty());
}

/// Two members of which the first lists sectors 2 to 4 as bad.
fn with_bad() -> Repair {
    let bad = BadRanges::new(&[range(2, 3)], range(0, 1 << 20), Sectors::new(1));
    Repair { bad: BadMap::from([(0, bad)]), ..mirror(2, 2) }
}

#[test]
fn what_is_listed_as_bad_is_read_elsewhere_and_mended() {
    let repair = with_bad();
    let batch = Batch::new(&repair, &[range(0, 8)], Sectors::new(8), 1);
    let (actions, ended) = drive(batch, |_| true);
    assert_eq!(reads(&actions), [(0, 0, 2), (1, 2, 3), (0, 5, 3)]);
    let mends: Vec<_> =
        actions.iter().filter(|a| matches!(a, Action::Write { mend: Listed::Whole, .. })).collect();
    assert!(matches!(mends[..], [Action::Write { to, .. }] if to.member == 0));
    assert_eq!(*ended.mended.get(), [(Extent { member: 0, at: Sectors::new(2) }, Sectors::new(3))]);
    assert_eq!(SectorRange::merged(ended.durable.get()), [range(0, 8)]);
}

#[test]
fn what_stays_bad_stays_listed_and_fails_nobody() {
    let repair = with_bad();
    for fails in [true, false] {
        let batch = Batch::new(&repair, &[range(0, 8)], Sectors::new(8), 1);
        let (_, ended) = drive(batch, |action| match action {
            Action::Write { mend: Listed::Whole, .. } => !fails,
            Action::Flush { member: 0 } => fails,
            _ => true,
        });
        // Without a flush nothing is mended, written or not.
        assert!(ended.mended.get().is_empty());
        assert_eq!(ended.failed.is_empty(), fails);
    }
}

/// Where whole pages are written the sectors beside a bad one are not listed: they must not keep
/// what they held while their bit goes.
#[test]
fn what_is_listed_in_part_fails_its_member_where_it_cannot_be_written() {
    let bad = BadRanges::new(&[range(9, 15)], range(0, 1 << 20), Sectors::new(8));
    let repair = Repair { bad: BadMap::from([(0, bad)]), ..mirror(2, 2) };
    for fails in [false, true] {
        let batch = Batch::new(&repair, &[range(0, 32)], Sectors::new(32), 1).looking(true);
        let (actions, ended) = drive(batch, |action| match action {
            Action::Write { mend: Listed::InPart, .. } => !fails,
            _ => true,
        });
        assert_eq!(reads(&actions)[..2], [(0, 0, 8), (1, 8, 8)]);
        let looked = |a: &Action| matches!(a, Action::Look { target, .. } if target.member == 0);
        assert!(!actions.iter().any(looked), "what it holds there is not to be believed");
        let durable = SectorRange::merged(ended.durable.get());
        if fails {
            assert_eq!(
                (durable, ended.undone),
                (vec![range(0, 8), range(24, 8)], vec![range(8, 16)])
            );
            assert_eq!((ended.failed, ended.mended.get().len()), (BTreeSet::from([0]), 0));
        } else {
            assert_eq!((durable, ended.failed.len()), (vec![range(0, 32)], 0));
            assert_eq!(ended.mended.get().len(), 2);
        }
    }
}

/// RAID6 of four, of which nobody is behind.
fn raid6() -> Repair {
    let (chunk, size) = (Sectors::new(8), Sectors::new(64));
    let geometry = Geometry::from_numbers(6, 2, chunk, size, 4).unwrap();
    Repair { geometry, ..mirror(4, 4) }
}

fn next_of<'a>(batch: &'a mut Batch<'_>) -> impl Iterator<Item = Action> + 'a {
    std::iter::from_fn(|| batch.next_action())
}

#[test]
fn nothing_is_written_before_it_is_computed() {
    let raid6 = raid6();
    let mut batch = Batch::new(&raid6, &[range(0, 16)], Sectors::new(8), 2);
    let members: Vec<_> = reads(&next_of(&mut batch).collect::<Vec<_>>());
    assert_eq!(members.len(), 4);
    for (member, ..) in members.into_iter().take(2) {
        batch.on(Event::Read { window: 0, member, ok: true });
    }
    let computes = |action: &Action| matches!(action, Action::Compute { window: 0, .. });
    assert!(matches!(&next_of(&mut batch).collect::<Vec<_>>()[..], [one] if computes(one)));
    assert_eq!(batch.next_action(), None, "it goes on before the computation ended");
    batch.on(Event::Computed { window: 0 });
    let writes: Vec<_> = next_of(&mut batch).collect();
    assert!(matches!(writes[..], [Action::Write { .. }, Action::Write { .. }]), "{writes:?}");
}

#[test]
fn a_stop_or_a_target_that_fails_while_it_is_computed_is_heard() {
    let raid6 = raid6();
    for gone in [false, true] {
        let mut batch = Batch::new(&raid6, &[range(0, 64)], Sectors::new(8), 1);
        let all = reads(&next_of(&mut batch).collect::<Vec<_>>());
        for (member, ..) in &all {
            batch.on(Event::Read { window: 0, member: *member, ok: true });
        }
        assert_eq!(next_of(&mut batch).count(), 1);
        batch.on(Event::Stop);
        if gone {
            batch.on(Event::Gone { member: 3 });
        }
        batch.on(Event::Computed { window: 0 });
        let (actions, ended) = drive(batch, |_| true);
        let writes = actions.iter().filter(|action| matches!(action, Action::Write { .. }));
        assert_eq!(writes.count(), if gone { 0 } else { 2 });
        assert_eq!(*ended.durable.get(), if gone { vec![] } else { vec![range(0, 8)] });
        assert_eq!(ended.undone, if gone { vec![range(0, 8)] } else { vec![] });
        assert!(ended.stopped);
    }
}

fn looks(actions: &[Action]) -> Vec<(usize, u64, u64)> {
    let look = |action: &Action| match action {
        Action::Look { target, len, .. } => Some((target.member, target.at.get(), len.get())),
        _ => None,
    };
    actions.iter().filter_map(look).collect()
}

#[test]
fn targets_are_looked_at_while_the_source_is_read() {
    let mirror = mirror(1, 3);
    let mut batch = Batch::new(&mirror, &[range(0, 8)], Sectors::new(8), 1).looking(true);
    let first: Vec<_> = next_of(&mut batch).collect();
    assert_eq!(reads(&first), [(0, 0, 8)]);
    assert_eq!(looks(&first), [(1, 0, 8), (2, 0, 8)]);
    batch.on(Event::Looked { window: 0 });
    batch.on(Event::Read { window: 0, member: 0, ok: true });
    assert_eq!(batch.next_action(), None, "it writes before all looks ended");
    batch.on(Event::Looked { window: 0 });
    let writes: Vec<_> = next_of(&mut batch).collect();
    assert!(matches!(writes[..], [Action::Write { .. }, Action::Write { last: true, .. }]));
}

#[test]
fn who_lists_the_place_or_could_not_be_read_there_is_not_looked_at() {
    let repair = with_bad();
    let batch = Batch::new(&repair, &[range(0, 8)], Sectors::new(8), 1).looking(true);
    // Member 1 is the target of what is sound on member 0, and member 0 of what is not.
    assert_eq!(looks(&drive(batch, |_| true).0), [(1, 0, 2), (1, 5, 3)]);
    let three = mirror(2, 3);
    let batch = Batch::new(&three, &[range(0, 8)], Sectors::new(8), 1).looking(true);
    let (actions, ended) = drive(batch, |action| !touches(action, 0, range(0, 8)));
    // First the others together with member 0, then member 2 while member 1 is the source.
    assert_eq!(looks(&actions), [(1, 0, 8), (2, 0, 8), (2, 0, 8)]);
    assert_eq!(*ended.durable.get(), [range(0, 8)]);
}
