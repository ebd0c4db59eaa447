//! What is found, and who is blamed, against an oracle that looks page by page.

use super::lab::{CLEAN, check, damage, repair, shapes, sound};
use crate::error::Kind;
use crate::io::{DevId, OpKind};
use crate::resync::tests::copies::{cramp, fine};
use crate::resync::tests::lab::{DIRTY, Lab, State};
use crate::resync::tests::oracle::{self, Shape, Unit, parity};
use crate::scrub::check::CheckOptions;
use crate::scrub::{Bits, Finding, Mark, Outcome, Verdict};
use crate::units::{Range, Sectors, Slot};

/// The pages of the address space in which not all is as it should be.
fn wrong_pages(lab: &Lab) -> Vec<u64> {
    let units = lab.shape.units().into_iter().enumerate();
    let wrong = units.filter(|(_, unit)| match unit {
        Unit::Copies(copies) => {
            copies.iter().any(|(disk, page)| lab.page(*disk, *page) != first(lab, copies))
        }
        Unit::Row { page, data, p, q } => {
            let blocks: Vec<_> =
                data.iter().map(|(disk, power)| (lab.page(*disk, *page), *power)).collect();
            let made = parity(&blocks, q.is_some());
            lab.page(*p, *page) != made.0 || q.is_some_and(|q| lab.page(q, *page) != made.1)
        }
    });
    wrong.map(|(n, _)| n as u64).collect()
}

fn first<'a>(lab: &'a Lab, copies: &[(usize, u64)]) -> &'a [u8] {
    lab.page(copies[0].0, copies[0].1)
}

fn pages(found: &[Finding]) -> Vec<u64> {
    let of = |finding: &Finding| finding.range.start.get() / 8..finding.range.end().get() / 8;
    found.iter().flat_map(of).collect()
}

fn decides(shape: Shape) -> bool {
    shape.level == 6 || (shape.level == 1 && shape.disks > 2)
}

#[test]
fn what_agrees_is_found_to_agree() {
    for shape in shapes() {
        let lab = sound(shape, &[]);
        let (report, found) = check(&lab, &mut lab.engine(), &CheckOptions::default()).unwrap();
        assert_eq!((report.outcome, found.len()), (Outcome::Same, 0), "{}", shape.name);
        assert_eq!(report.stats.done.get(), shape.covered() * 4096, "{}", shape.name);
        assert!(report.uncompared.is_zero(), "{}", shape.name);
    }
}

#[test]
fn each_page_that_is_wrong_is_found_and_no_other_and_the_member_where_it_can_be_told() {
    for shape in shapes() {
        for disk in 0..shape.disks {
            for page in 0..shape.pages {
                let mut lab = sound(shape, &[]);
                damage(&mut lab, disk, page);
                let mut engine = lab.engine();
                let (_, found) = check(&lab, &mut engine, &CheckOptions::default()).unwrap();
                let context = format!("{}, page {page} of {disk}: {found:?}", shape.name);
                assert_eq!(pages(&found), wrong_pages(&lab), "{context}");
                let blamed = Verdict::Members(vec![Slot(disk as u16)]);
                let verdict = if decides(shape) { blamed } else { Verdict::Unknown };
                assert!(found.iter().all(|one| one.verdict == verdict), "{context}");
                assert!(engine.log.borrow().is_empty(), "{context}");
                for one in &found {
                    let at = Sectors::new(lab.page_at(page) as u64 / 512);
                    let part = one.parts.iter().find(|part| part.member == disk).unwrap();
                    assert_eq!(part.at, at, "{context}");
                }
            }
        }
    }
}

#[test]
fn two_wrong_members_in_one_row_blame_nobody() {
    for shape in [oracle::RAID6_LS, oracle::RAID6_DDF] {
        let mut lab = sound(shape, &[]);
        damage(&mut lab, 1, 3);
        damage(&mut lab, 3, 3);
        let (_, found) = check(&lab, &mut lab.engine(), &CheckOptions::default()).unwrap();
        assert_eq!(pages(&found), [3]);
        assert_eq!(found[0].verdict, Verdict::Unknown);
        let mut engine = lab.engine();
        let report = repair(&lab, &mut engine).unwrap();
        assert!(report.repaired.is_zero() && report.left.get() == 4096, "{report:?}");
        assert!(engine.disks == lab.disks, "something was written");
    }
}

#[test]
fn neighbours_that_say_the_same_are_one_range() {
    let mut lab = sound(Shape::mirror(3), &[]);
    (4..9).for_each(|page| damage(&mut lab, 2, page));
    damage(&mut lab, 1, 9);
    let (report, found) = check(&lab, &mut lab.engine(), &CheckOptions::default()).unwrap();
    // A chunk of the bitmap is a page there, and none of them is dirty.
    let ranges: Vec<_> = found.iter().map(|f| (f.range.start.get(), f.range.len.get())).collect();
    assert_eq!(ranges, [(32, 40), (72, 8)]);
    let blamed = [(Slot(1), 4096), (Slot(2), 5 * 4096)];
    assert_eq!(report.tally.by_slot.iter().map(|(s, b)| (*s, b.get())).collect::<Vec<_>>(), blamed);
}

#[test]
fn dirty_chunks_are_told_and_may_be_all_that_is_looked_at() {
    let mut lab = sound(oracle::RAID5_LS, &[2, 3]);
    [2, 7].into_iter().for_each(|page| damage(&mut lab, 0, page));
    let (report, found) = check(&lab, &mut lab.engine(), &CheckOptions::default()).unwrap();
    assert_eq!(found.iter().map(|f| f.dirty).collect::<Vec<_>>(), [Some(true), Some(false)]);
    assert_eq!(report.tally.dirty.get(), 4096);
    let only = CheckOptions { dirty_only: true, ..CheckOptions::default() };
    let (report, found) = check(&lab, &mut lab.engine(), &only).unwrap();
    assert_eq!((pages(&found), report.stats.done.get()), (vec![2], 2 * 4096));
    let ranges: Vec<Range> = vec!["12K-32K".parse().unwrap()];
    let part = CheckOptions { ranges: ranges.clone(), ..CheckOptions::default() };
    let (report, found) = check(&lab, &mut lab.engine(), &part).unwrap();
    assert_eq!((pages(&found), report.stats.done.get()), (vec![7], 5 * 4096));
    let both = CheckOptions { ranges, dirty_only: true, ..CheckOptions::default() };
    let (report, found) = check(&lab, &mut lab.engine(), &both).unwrap();
    assert_eq!((pages(&found), report.stats.done.get()), (vec![], 4096));
}

#[test]
fn no_mark_is_set_where_a_copy_has_no_room_for_the_bits() {
    let mut lab = fine(&[CLEAN, CLEAN]);
    damage(&mut lab, 1, 319);
    let options = CheckOptions { mark: Some(Mark::Internal), ..CheckOptions::default() };
    assert_eq!(check(&lab, &mut lab.engine(), &options).unwrap().0.marked, Some(8));
    cramp(&mut lab, 1, 9);
    let mut engine = lab.engine();
    let error = check(&lab, &mut engine, &options).unwrap_err();
    assert!(error.to_string().contains("on 1 there is room for 512 only"), "{error}");
    assert!(engine.log.borrow().is_empty(), "something was written");
}

#[test]
fn marks_are_the_chunks_of_what_differs_in_every_copy() {
    let mut lab = sound(oracle::N2_4, &[5]);
    damage(&mut lab, 2, 0);
    let expected: Vec<u64> = wrong_pages(&lab).iter().map(|page| page / 2).collect();
    let options =
        |dry_run| CheckOptions { mark: Some(Mark::Internal), dry_run, ..CheckOptions::default() };
    let mut engine = lab.engine();
    let (report, _) = check(&lab, &mut engine, &options(true)).unwrap();
    assert_eq!(report.marked, Some(1));
    assert!(engine.log.borrow().is_empty());
    check(&lab, &mut engine, &options(false)).unwrap();
    let after = Lab { disks: engine.disks, ..lab };
    for disk in 0..4 {
        let set = after.bitmap(disk).unwrap().1;
        assert_eq!(set, [&expected[..], &[5]].concat(), "{disk}");
    }
}

#[test]
fn raid6_without_one_member_is_compared_and_nobody_is_blamed() {
    for shape in [oracle::RAID6_LS, oracle::RAID6_DDF] {
        let mut whole = sound(shape, &[]);
        damage(&mut whole, 0, 4);
        let (lab, _) = whole.without_last(shape.disks - 1);
        let (report, found) = check(&lab, &mut lab.engine(), &CheckOptions::default()).unwrap();
        assert_eq!(report.outcome, Outcome::Different);
        // What is left over of one parity is Q, or P where Q is away.
        assert_eq!((pages(&found), &found[0].verdict), (vec![4], &Verdict::Unknown));
        assert_eq!(repair(&lab, &mut lab.engine()).unwrap_err().kind(), Kind::Refused);
        let (two, _) = sound(shape, &[]).without_last(shape.disks - 2);
        let refused = check(&two, &mut two.engine(), &CheckOptions::default()).unwrap_err();
        assert_eq!(refused.kind(), Kind::Refused);
    }
    for shape in [oracle::RAID5_LS, oracle::RAID4, Shape::mirror(2)] {
        let (lab, _) = sound(shape, &[]).without_last(shape.disks - 1);
        let refused = check(&lab, &mut lab.engine(), &CheckOptions::default()).unwrap_err();
        assert_eq!(refused.kind(), Kind::Refused, "{}", shape.name);
    }
}

#[test]
fn a_member_that_is_behind_is_not_compared() {
    const BEHIND: State = State { events: 15, listed: false, clean: true, differs: &[1, 9] };
    let lab = Lab::of(
        Shape::mirror(3),
        crate::format::md::MdVersion::V1_2,
        &[CLEAN, BEHIND, CLEAN],
        &[1],
        false,
    );
    let (report, found) = check(&lab, &mut lab.engine(), &CheckOptions::default()).unwrap();
    assert_eq!((report.outcome, found.len()), (Outcome::Same, 0));
    assert_eq!(report.head.members[1].part, "unused");
    assert!(matches!(report.head.bits, Bits::Trusted { dirty: 1, .. }));
    let mark = CheckOptions { mark: Some(Mark::Internal), ..CheckOptions::default() };
    let refused = check(&lab, &mut lab.engine(), &mark).unwrap_err();
    assert_eq!(refused.kind(), Kind::Refused);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_is_compared() {
    for shape in [Shape::mirror(3), oracle::RAID6_LS, oracle::RAID5_LS] {
        let mut lab = sound(shape, &[]);
        damage(&mut lab, 1, 6);
        let mut engine = lab.engine();
        let bad = lab.page_at(2) as u64;
        engine.faults = Box::new(move |op, dev, at, len| {
            op == OpKind::Read && dev == DevId(0) && at < bad + 4096 && bad < at + len as u64
        });
        let (report, found) = check(&lab, &mut engine, &CheckOptions::default()).unwrap();
        assert_eq!(report.outcome, Outcome::Incomplete);
        assert_eq!((report.failed, report.troubles.len()), (1, 1));
        assert_eq!(report.troubles[0].offset.get(), bad);
        assert_eq!(pages(&found), [6], "{}", shape.name);
        let alone = shape.level == 5;
        assert_eq!(report.uncompared.get(), if alone { 4096 } else { 0 });
    }
}

#[test]
fn repair_is_refused_where_what_differs_may_be_nobodys_fault() {
    let unclean =
        Lab::of(oracle::RAID6_LS, crate::format::md::MdVersion::V1_2, &[DIRTY; 4], &[], false);
    for (lab, why) in [
        (unclean, "not shut down cleanly"),
        (sound(oracle::RAID6_LS, &[1]), "chunks are dirty"),
        (sound(oracle::RAID5_LS, &[]), "nothing tells which member"),
        (sound(Shape::mirror(2), &[]), "nothing tells which member"),
    ] {
        let mut engine = lab.engine();
        let refused = repair(&lab, &mut engine).unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
        assert!(engine.log.borrow().is_empty());
    }
}
