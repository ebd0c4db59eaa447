//! Lists of bad blocks: what is on them is never believed, and they are shortened only for what is
//! right again, whenever the power fails.

use super::crash::{image, losses};
use super::lab::{DIRTY, EVENTS, Lab, State, run};
use super::oracle::{self, PAGE, Shape, Unit};
use crate::error::Kind;
use crate::format::md::MdVersion::V1_2;
use crate::format::md::ResyncPoint;
use crate::io::mem::{Effect, Fault};
use crate::io::{DevId, OpKind};
use crate::resync::{Outcome, Report};

const CLEAN: State = State { clean: true, ..DIRTY };
const LOST: State = State { differs: &[1, 5], ..DIRTY };
const BEHIND: State = State { events: EVENTS - 5, listed: false, clean: true, differs: &[1, 5] };
const BITS: [u64; 3] = [1, 5, 9];

/// Sectors of a page.
const SECTORS: u64 = 8;

/// An array in which the sectors listed as bad hold something else.
fn lab(
    shape: Shape,
    base: State,
    others: &[(usize, State)],
    bad: &[(usize, &[(u64, u64)])],
) -> Lab {
    let mut states = vec![base; shape.disks];
    others.iter().for_each(|(slot, state)| states[*slot] = *state);
    let mut lab = Lab::of(shape, V1_2, &states, &BITS, false);
    for (disk, ranges) in bad {
        lab.list_bad(*disk, ranges);
        for (start, len) in *ranges {
            let at = lab.page_at(0) + *start as usize * 512;
            lab.disks[*disk][at..at + *len as usize * 512].fill(0xee);
        }
    }
    lab
}

pub(super) fn resynced(lab: &Lab) -> (Report, Lab) {
    let mut engine = lab.engine();
    let report = run(&mut engine, &lab.options()).unwrap();
    (report, Lab { disks: engine.disks, ..lab.clone() })
}

fn sector(lab: &Lab, disk: usize, sector: u64) -> &[u8] {
    let at = lab.page_at(0) + sector as usize * 512;
    &lab.disks[disk][at..at + 512]
}

#[test]
fn only_the_bad_sectors_come_from_elsewhere_and_are_mended_and_struck() {
    // Of page 5 sectors 2 to 4 are bad on the first member; page 7 is not dirty.
    let bad: &[(u64, u64)] = &[(42, 3), (56, 1)];
    let lab = lab(Shape::mirror(3), DIRTY, &[(1, LOST), (2, LOST)], &[(0, bad)]);
    let (report, after) = resynced(&lab);
    assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Done, 0));
    for n in 40..48 {
        let from = usize::from((42..45).contains(&n));
        for disk in 0..3 {
            assert_eq!(sector(&after, disk, n), sector(&lab, from, n), "{n} of {disk}");
        }
    }
    assert_eq!(after.listed(0), [56], "what was not due stays");
    assert_eq!(sector(&after, 0, 56), sector(&lab, 0, 56));
    let [told] = &report.bad_blocks[..] else { panic!("{:?}", report.bad_blocks) };
    assert_eq!((told.path.as_str(), told.rewritten.get(), told.left.get()), ("0", 3, 1));
    assert!(report.troubles.is_empty());
}

#[test]
fn what_all_copies_list_as_bad_stays_dirty_and_is_listed() {
    let (one, other): (&[_], &[_]) = (&[(40, 4)], &[(42, 4)]);
    let lab = lab(Shape::mirror(2), DIRTY, &[(1, LOST)], &[(0, one), (1, other)]);
    let (report, after) = resynced(&lab);
    assert_eq!((report.outcome, report.chunks_synced), (Outcome::Incomplete, 2));
    let [lost] = &report.unreadable[..] else { panic!("{:?}", report.unreadable) };
    assert_eq!((lost.range.start.get(), lost.range.len.get()), (42, 2));
    assert_eq!(lost.array, [lost.range]);
    let who: Vec<_> =
        lost.members.iter().map(|m| (m.path.as_str(), m.at.get(), m.listed)).collect();
    assert_eq!(who, [("0", 74, true), ("1", 74, true)]);
    assert_eq!(after.bitmap(0).unwrap().1, [5]);
    assert_ne!(after.superblock(0).unwrap().view().resync, ResyncPoint::Clean);
    // What one of them could give is mended on the other.
    assert_eq!((after.listed(0), after.listed(1)), (vec![42, 43], vec![42, 43]));
    assert_eq!(sector(&after, 0, 40), sector(&lab, 1, 40));
    assert_eq!(sector(&after, 1, 44), sector(&lab, 0, 44));
}

fn row(shape: Shape, n: usize) -> (Vec<usize>, usize) {
    match &shape.units()[n] {
        Unit::Row { data, p, .. } => (data.iter().map(|d| d.0).collect(), *p),
        Unit::Copies(_) => panic!("no row"),
    }
}

#[test]
fn parity_in_doubt_gives_no_bad_data_but_is_mended_itself() {
    for shape in [oracle::RAID5_LS, oracle::RAID6_LS] {
        let (data, p) = row(shape, 5);
        let differs = lab(shape, DIRTY, &[(0, LOST)], &[(data[1], &[(40, 1)])]);
        let (report, after) = resynced(&differs);
        assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Incomplete, 1));
        let [lost] = &report.unreadable[..] else { panic!("{:?}", report.unreadable) };
        // The second block of row 5, where each row has so many blocks.
        assert_eq!(lost.array[0].start.get(), (5 * data.len() as u64 + 1) * SECTORS);
        assert_eq!(
            (lost.members[0].path.clone(), lost.members[0].listed),
            (data[1].to_string(), true)
        );
        assert_eq!((after.listed(data[1]), after.bitmap(0).unwrap().1), (vec![40], vec![5]));
        let differs = lab(shape, DIRTY, &[(0, LOST)], &[(p, &[(40, 8)])]);
        let (report, after) = resynced(&differs);
        assert_eq!((report.outcome, after.listed(p)), (Outcome::Done, vec![]));
        check(&after, "parity listed as bad");
    }
}

#[test]
fn what_parity_can_make_up_for_is_computed_where_somebody_is_behind() {
    let lost = lab(oracle::RAID5_LS, CLEAN, &[(1, BEHIND)], &[(0, &[(40, 8)])]);
    let (report, after) = resynced(&lost);
    assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Incomplete, 1));
    assert_eq!((after.listed(0).len(), after.bitmap(0).unwrap().1), (8, vec![5]));
    let shape = oracle::RAID6_LS;
    let truth = lab(shape, CLEAN, &[], &[]);
    let found = lab(shape, CLEAN, &[(1, BEHIND)], &[(0, &[(42, 2)]), (1, &[(8, 8), (47, 1)])]);
    let (report, after) = resynced(&found);
    assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Done, 0));
    for disk in 0..shape.disks {
        assert!(after.listed(disk).is_empty(), "{disk}");
        (0..shape.covered()).for_each(|n| assert_eq!(after.page(disk, n), truth.page(disk, n)));
    }
}

#[test]
fn nothing_is_touched_that_is_not_due() {
    let lab = lab(Shape::mirror(2), CLEAN, &[], &[(0, &[(16, 8)])]);
    let mut clean = Lab::of(Shape::mirror(2), V1_2, &[CLEAN; 2], &[], false);
    clean.disks[0][24 * 512..32 * 512].copy_from_slice(&lab.disks[0][24 * 512..32 * 512]);
    clean.list_bad(0, &[(16, 8)]);
    let (report, after) = resynced(&clean);
    assert_eq!((report.outcome, report.bad_blocks.len()), (Outcome::Done, 1));
    assert_eq!(after.disks, clean.disks);
}

#[test]
fn what_cannot_be_written_where_it_is_bad_stays_listed_and_nobody_fails() {
    for effect in [OpKind::Write, OpKind::Read] {
        let lab = lab(Shape::mirror(3), DIRTY, &[(2, LOST)], &[(0, &[(40, 2)])]);
        let at = lab.page_at(5) as u64;
        let fault = Fault::of(DevId(0), Effect::Eio).kind(effect).range(at..at + 1024);
        let mut engine = lab.engine().with(&[fault]);
        let report = run(&mut engine, &lab.options()).unwrap();
        assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Done, 0));
        assert_eq!((report.bad_blocks[0].rewritten.get(), report.bad_blocks[0].left.get()), (0, 2));
        let after = Lab { disks: engine.disks, ..lab };
        assert_eq!(after.listed(0), [40, 41]);
        check(&after, "a bad block that stays bad");
    }
}

/// The other member has larger blocks, so that whole pages are written: what lies beside a bad sector
/// is in nobody's list.
#[test]
fn what_lies_beside_a_bad_sector_keeps_its_bit_where_it_cannot_be_written() {
    let lab = lab(Shape::mirror(2), DIRTY, &[(1, LOST)], &[(0, &[(41, 1)])]);
    let engine = || lab.engine().in_blocks(&[512, 4096]);
    for kind in [OpKind::Write, OpKind::Read] {
        let at = lab.page_at(0) as u64 + 41 * 512;
        let fault = Fault::of(DevId(0), Effect::Eio).kind(kind).range(at..at + 512);
        let mut engine = engine().with(&[fault]);
        let report = run(&mut engine, &lab.options()).unwrap();
        assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Incomplete, 1));
        assert_eq!((report.troubles.len(), report.troubles[0].path.as_str()), (1, "0"));
        let after = Lab { disks: engine.disks, ..lab.clone() };
        assert_eq!((after.listed(0), after.bitmap(0).unwrap().1), (vec![41], vec![5]));
        check(&after, "a bad sector that stays bad");
    }
    let mut engine = engine();
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Done, 0));
    assert_eq!((report.bad_blocks[0].rewritten.get(), report.bad_blocks[0].left.get()), (1, 0));
    let after = Lab { disks: engine.disks, ..lab };
    assert!(after.listed(0).is_empty());
    check(&after, "a bad sector that was mended");
}

#[test]
fn a_damaged_list_is_refused() {
    let mut lab = lab(Shape::mirror(2), DIRTY, &[(1, LOST)], &[(0, &[(40, 2)])]);
    lab.disks[0][24 * 512 + 8..24 * 512 + 16].fill(0xfe);
    let before = lab.disks.clone();
    let mut engine = lab.engine();
    let error = run(&mut engine, &lab.options()).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("list of bad blocks is damaged"), "{error}");
    assert_eq!(engine.disks, before);
}

/// In all that is not dirty the members fit together, but for what they list as bad.
fn check(lab: &Lab, context: &str) {
    let dirty: Vec<u64> = (0..lab.members).flat_map(|copy| lab.bitmap(copy).unwrap().1).collect();
    let listed: Vec<Vec<u64>> = (0..lab.members).map(|disk| lab.listed(disk)).collect();
    for (n, unit) in lab.shape.units().iter().enumerate() {
        if dirty.contains(&(n as u64 / lab.shape.bit)) {
            continue;
        }
        for s in 0..SECTORS {
            let bad = |(disk, page): &(usize, u64)| listed[*disk].contains(&(page * SECTORS + s));
            assert!(fits(lab, unit, s, &bad), "{context}: sector {s} of {n}");
        }
    }
}

fn fits(lab: &Lab, unit: &Unit, s: u64, bad: &dyn Fn(&(usize, u64)) -> bool) -> bool {
    let part = |place: &(usize, u64)| sector(lab, place.0, place.1 * SECTORS + s);
    match unit {
        Unit::Copies(copies) => {
            let good: Vec<_> = copies.iter().filter(|c| !bad(c)).map(part).collect();
            good.windows(2).all(|two| two[0] == two[1])
        }
        Unit::Row { page, data, p, q } => {
            if unit.pages().iter().any(bad) {
                return true;
            }
            let pages: Vec<_> = data.iter().map(|(d, e)| (lab.page(*d, *page), *e)).collect();
            let (sum, other) = oracle::parity(&pages, q.is_some());
            let at = s as usize * 512;
            let same = |disk: usize, all: &[u8]| part(&(disk, *page)) == &all[at..at + 512];
            assert_eq!(sum.len(), PAGE);
            same(*p, &sum) && q.is_none_or(|q| same(q, &other))
        }
    }
}

/// Arrays of every kind with lists of bad blocks.
pub(super) fn cases() -> Vec<Lab> {
    let mirror = Shape::mirror(3);
    let raid6: &[(usize, &[(u64, u64)])] = &[(0, &[(42, 2), (8, 1)]), (1, &[(8, 8), (47, 1)])];
    vec![
        lab(mirror, DIRTY, &[(1, LOST), (2, LOST)], &[(0, &[(42, 3), (56, 1)]), (1, &[(9, 2)])]),
        lab(mirror, CLEAN, &[(1, BEHIND)], &[(0, &[(42, 3)]), (1, &[(9, 2)])]),
        lab(mirror, DIRTY, &[(1, LOST)], &[(0, &[(40, 8)]), (1, &[(44, 1)]), (2, &[(44, 2)])]),
        lab(oracle::F2, DIRTY, &[(1, LOST)], &[(0, &[(8, 8)]), (2, &[(0, 16), (40, 4)])]),
        lab(oracle::RAID5_LS, DIRTY, &[(0, LOST)], &[(row(oracle::RAID5_LS, 5).1, &[(41, 4)])]),
        lab(oracle::RAID6_LS, CLEAN, &[(1, BEHIND)], raid6),
    ]
}

#[test]
fn a_power_cut_leaves_every_list_true() {
    let mut images = 0;
    for (i, lab) in cases().iter().enumerate() {
        images += cut_everywhere(lab, &format!("case {i}"));
    }
    println!("bad blocks: {images} images");
    assert!(images > 300, "only {images} images were tried");
}

fn cut_everywhere(lab: &Lab, context: &str) -> usize {
    let mut engine = lab.engine();
    let report = run(&mut engine, &lab.options()).unwrap();
    let log = engine.log.borrow().clone();
    let whole = (report, Lab { disks: engine.disks, ..lab.clone() });
    let mut tried = 0;
    for cut in 0..=log.len() {
        for lost in losses(&log[..cut], false) {
            let context = format!("{context}, cut {cut}, {lost:?}");
            let cut = Lab { disks: image(&lab.disks, &log[..cut], &lost), ..lab.clone() };
            still_true(lab, &cut, &whole, &context);
            tried += 1;
        }
    }
    tried
}

/// Whatever was cut short has left every list true, and the next run ends as one that was not.
pub(super) fn still_true(before: &Lab, cut: &Lab, whole: &(Report, Lab), context: &str) {
    check(cut, context);
    struck_is_right(before, cut, &whole.1, context);
    let (report, after) = resynced(cut);
    assert_eq!(report.outcome, whole.0.outcome, "{context}");
    check(&after, context);
    for disk in 0..before.members {
        // A list that could not be written when its bits were cleared says too much for good.
        let (here, there) = (after.listed(disk), whole.1.listed(disk));
        assert!(there.iter().all(|sector| here.contains(sector)), "{context}: {disk}");
    }
}

/// What is no longer listed holds what the whole run puts there, or while an array is not clean
/// what some other copy had; and nothing new is listed.
fn struck_is_right(before: &Lab, cut: &Lab, whole: &Lab, context: &str) {
    let clean = before.superblock(0).unwrap().view().resync == ResyncPoint::Clean;
    for disk in 0..before.members {
        let (old, new) = (before.listed(disk), cut.listed(disk));
        assert!(new.iter().all(|sector| old.contains(sector)), "{context}: {disk}");
        for n in old.iter().filter(|sector| !new.contains(sector)) {
            let found = sector(cut, disk, *n);
            let other = || copies(before, disk, *n).contains(&found);
            let right = found == sector(whole, disk, *n) || (!clean && other());
            assert!(right, "{context}: {n} of {disk}");
        }
    }
}

/// What copies of a sector of `disk` hold that do not list it as bad.
fn copies(lab: &Lab, disk: usize, n: u64) -> Vec<&[u8]> {
    let page = (disk, n / SECTORS);
    let units = lab.shape.units();
    let Some(Unit::Copies(all)) = units.iter().find(|unit| unit.pages().contains(&page)) else {
        return Vec::new();
    };
    let there = all.iter().map(|(other, at)| (*other, at * SECTORS + n % SECTORS));
    let good = there.filter(|(other, at)| !lab.listed(*other).contains(at));
    good.map(|(other, at)| sector(lab, other, at)).collect()
}
