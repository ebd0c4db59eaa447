//! Faults on arrays that are striped: what cannot be read, written or flushed, and who vanishes.

use super::lab::{CHUNK, DIRTY, EVENTS, Lab, State, run};
use super::oracle::{self, Shape, Unit};
use crate::error::Kind;
use crate::format::md::{MdVersion::V1_2, ResyncPoint};
use crate::io::mem::{Event, Faults};
use crate::io::{DevId, OpKind};
use crate::resync::{Outcome, ResyncOptions};
use crate::units::Sectors;

const CLEAN: State = State { clean: true, ..DIRTY };
const LOST: State = State { differs: &[1, 5], ..DIRTY };
const BEHIND: State = State { events: EVENTS - 5, listed: false, clean: true, differs: &[1, 5] };
pub(super) const BITS: [u64; 3] = [1, 5, 9];

fn lab(shape: Shape, base: State, others: &[(usize, State)]) -> Lab {
    let mut states = vec![base; shape.disks];
    others.iter().for_each(|(slot, state)| states[*slot] = *state);
    Lab::of(shape, V1_2, &states, &BITS, false)
}

/// What every member should hold of a lab with the same shape.
pub(super) fn truth(shape: Shape) -> Lab {
    lab(shape, CLEAN, &[])
}

/// One that went down while it was written, and one with a member behind.
pub(super) fn labs(shape: Shape) -> [Lab; 2] {
    [lab(shape, DIRTY, &[(0, LOST)]), lab(shape, CLEAN, &[(1, BEHIND)])]
}

/// Reading or writing page `page` of a member fails, whole or in part.
fn fault(kind: OpKind, lab: &Lab, disk: usize, page: u64) -> Faults {
    let bad = lab.page_at(page) as u64;
    Box::new(move |op, dev, at, len| {
        op == kind && dev == DevId(disk) && at < bad + CHUNK && bad < at + len as u64
    })
}

fn row(shape: Shape, n: usize) -> (u64, Vec<usize>, usize, Option<usize>) {
    match &shape.units()[n] {
        Unit::Row { page, data, p, q } => (*page, data.iter().map(|d| d.0).collect(), *p, *q),
        Unit::Copies(_) => panic!("no row"),
    }
}

fn pages_written(log: &[Event], disk: usize, at: usize) -> usize {
    let there = |event: &&Event| matches!(event, Event::Write(DevId(d), o, _) if *d == disk && *o == at as u64);
    log.iter().filter(there).count()
}

#[test]
fn parity_over_a_block_that_cannot_be_read_stays_dirty_and_is_listed() {
    for shape in [oracle::RAID5_LS, oracle::RAID6_LS] {
        let lab = lab(shape, DIRTY, &[(0, LOST)]);
        let (page, data, p, _) = row(shape, 5);
        let mut engine = lab.engine();
        engine.faults = fault(OpKind::Read, &lab, data[0], page);
        let report = run(&mut engine, &lab.options()).unwrap();
        assert_eq!(report.outcome, Outcome::Incomplete);
        assert_eq!((report.chunks_synced, report.chunks_dirty_after), (2, 1));
        assert_eq!(report.unreadable[0].range.start, Sectors::new(5 * 8));
        let after = Lab { disks: engine.disks.clone(), ..lab.clone() };
        assert_eq!(after.bitmap(0).unwrap().1, vec![5]);
        assert_eq!(after.page(p, page), lab.page(p, page));
        let resync = after.superblock(0).unwrap().view().resync;
        assert_ne!(resync, ResyncPoint::Clean);
    }
}

#[test]
fn raid5_cannot_catch_up_over_a_block_that_cannot_be_read() {
    let shape = oracle::RAID5_LS;
    let lab = lab(shape, CLEAN, &[(1, BEHIND)]);
    let mut engine = lab.engine();
    engine.faults = fault(OpKind::Read, &lab, 0, 5);
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Incomplete, 1));
    let after = Lab { disks: engine.disks.clone(), ..lab.clone() };
    assert_eq!(after.bitmap(0).unwrap().1, vec![5]);
    assert_eq!(after.page(1, 1), truth(shape).page(1, 1));
    assert_eq!(after.superblock(1).unwrap().raw(), lab.superblock(1).unwrap().raw());
}

#[test]
fn raid6_reads_round_a_bad_block_while_it_catches_up_and_mends_it() {
    for shape in [oracle::RAID6_LS, Shape { bit: 1, ..oracle::RAID6_DDF }] {
        for bad in (0..shape.disks).filter(|disk| *disk != 1) {
            let lab = lab(shape, CLEAN, &[(1, BEHIND)]);
            let mut engine = lab.engine();
            engine.faults = fault(OpKind::Read, &lab, bad, 5);
            let report = run(&mut engine, &lab.options()).unwrap();
            assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Done, 0));
            // What is not needed is not read: then nothing failed, and nothing was mended.
            let mended = pages_written(&engine.log.borrow(), bad, lab.page_at(5));
            assert_eq!(mended, report.troubles.len(), "{}: {bad}", shape.name);
            let after = Lab { disks: engine.disks.clone(), ..lab };
            for disk in 0..shape.disks {
                for page in 0..shape.covered() {
                    assert_eq!(after.page(disk, page), truth(shape).page(disk, page));
                }
            }
        }
    }
}

#[test]
fn raid6_with_two_behind_has_nothing_to_spare() {
    let shape = oracle::RAID6_LS;
    let lab = lab(shape, CLEAN, &[(1, BEHIND), (2, BEHIND)]);
    let mut engine = lab.engine();
    engine.faults = fault(OpKind::Read, &lab, 0, 5);
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Incomplete, 1));
    let after = Lab { disks: engine.disks.clone(), ..lab };
    assert_eq!(after.bitmap(3).unwrap().1, vec![5]);
    assert_eq!(after.page(2, 1), truth(shape).page(2, 1));
}

#[test]
fn raid6_with_one_behind_and_one_missing_has_nothing_to_spare() {
    let shape = oracle::RAID6_LS;
    let (lab, _) = lab(shape, CLEAN, &[(1, BEHIND)]).without_last(3);
    let mut engine = lab.engine();
    engine.faults = fault(OpKind::Read, &lab, 0, 5);
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Incomplete, 3));
    let after = Lab { disks: engine.disks.clone(), ..lab.clone() };
    assert_eq!(after.bitmap(0).unwrap().1, BITS);
    assert_eq!(after.superblock(1).unwrap().raw(), lab.superblock(1).unwrap().raw());
    assert_eq!(after.page(1, 1), truth(shape).page(1, 1));
}

#[test]
fn the_second_copy_mends_a_first_that_cannot_be_read() {
    for shape in [oracle::N2_3, oracle::F2, Shape { chunk: 1, ..oracle::O2 }] {
        let lab = lab(shape, DIRTY, &[]);
        let Unit::Copies(copies) = &shape.units()[5] else { panic!("no copies") };
        let [(first, page), (second, other)] = copies[..] else { panic!("two copies") };
        let mut engine = lab.engine();
        engine.disks[second][lab.page_at(other)] ^= 0xff;
        engine.faults = fault(OpKind::Read, &lab, first, page);
        let report = run(&mut engine, &lab.options()).unwrap();
        assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Done, 0));
        let after = Lab { disks: engine.disks.clone(), ..lab.clone() };
        assert_ne!(after.page(first, page), lab.page(first, page), "{}", shape.name);
        assert_eq!(after.page(first, page), after.page(second, other), "{}", shape.name);
    }
}

#[test]
fn what_only_an_unreadable_copy_has_stays_dirty_and_its_member_behind() {
    for shape in [oracle::N2_3, oracle::F2] {
        let Unit::Copies(copies) = &shape.units()[5] else { panic!("no copies") };
        let [(first, page), (second, other)] = copies[..] else { panic!("two copies") };
        let lab = lab(shape, CLEAN, &[(second, BEHIND)]);
        let mut engine = lab.engine();
        engine.faults = fault(OpKind::Read, &lab, first, page);
        let report = run(&mut engine, &lab.options()).unwrap();
        assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Incomplete, 1));
        let after = Lab { disks: engine.disks.clone(), ..lab.clone() };
        assert_eq!(after.bitmap(first).unwrap().1, vec![5]);
        assert_eq!(after.page(second, other), lab.page(second, other), "{}", shape.name);
        let (was, is) = (lab.superblock(second).unwrap(), after.superblock(second).unwrap());
        assert_eq!(was.raw(), is.raw(), "{}", shape.name);
    }
}

#[test]
fn who_cannot_be_written_is_not_written_again_and_the_bits_stay() {
    for shape in [oracle::F2, oracle::RAID5_LS, oracle::RAID6_LS] {
        let lab = lab(shape, CLEAN, &[(1, BEHIND)]);
        let mut engine = lab.engine();
        let data = lab.page_at(0) as u64;
        engine.faults =
            Box::new(move |op, dev, at, _| op == OpKind::Write && dev == DevId(1) && at >= data);
        let report = run(&mut engine, &lab.options()).unwrap();
        assert_eq!(report.outcome, Outcome::Incomplete);
        let writes = report.troubles.iter().filter(|trouble| trouble.operation == "write");
        assert!(writes.count() <= 8, "not more than were under way: {}", shape.name);
        let after = Lab { disks: engine.disks.clone(), ..lab };
        (0..shape.disks).for_each(|copy| assert_eq!(after.bitmap(copy).unwrap().1, BITS));
        assert_eq!(after.superblock(0).unwrap().view().resync, ResyncPoint::Clean);
    }
}

/// Whatever fails from the `nth` operation on, on one member: no bit is clear over what is wrong,
/// and a run without faults ends it.
#[test]
fn who_vanishes_midway_leaves_bits_over_all_that_is_undone() {
    for shape in [oracle::N2_4, oracle::RAID5_LS, oracle::RAID6_LS] {
        for lab in labs(shape) {
            for gone in 0..shape.disks {
                (0..40).for_each(|nth| vanish(&lab, gone, nth, None));
                (0..6).for_each(|nth| vanish(&lab, gone, nth, Some(OpKind::Flush)));
            }
        }
    }
}

/// From its `nth` operation of the kind on every one of `gone` fails.
fn vanish(lab: &Lab, gone: usize, nth: usize, kind: Option<OpKind>) {
    let shape = lab.shape;
    let mut engine = lab.engine();
    let count = std::cell::Cell::new(0);
    engine.faults = Box::new(move |op, dev, _, _| {
        let counts = dev == DevId(gone) && kind.is_none_or(|kind| kind == op);
        count.set(count.get() + usize::from(counts));
        counts && count.get() > nth
    });
    match run(&mut engine, &lab.options()) {
        Ok(report) if report.outcome == Outcome::Done => {}
        Ok(report) => assert_eq!(report.outcome, Outcome::Incomplete),
        Err(error) => assert_eq!(error.kind(), Kind::Io, "{error}"),
    }
    let after = Lab { disks: engine.disks.clone(), ..lab.clone() };
    let cleared: Vec<u64> = (0..shape.disks)
        .flat_map(|copy| {
            let (_, dirty) = after.bitmap(copy).unwrap();
            BITS.into_iter()
                .filter(move |chunk| *chunk < lab.shape.chunks() && !dirty.contains(chunk))
        })
        .collect();
    for n in cleared.iter().flat_map(|c| (0..shape.covered()).filter(move |n| n / shape.bit == *c))
    {
        assert!(is_consistent(&after, n as usize), "{}, {gone} at {nth}: {n}", shape.name);
    }
    let mut engine = after.engine();
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!(report.outcome, Outcome::Done, "{}, {gone} at {nth}", shape.name);
    let ended = Lab { disks: engine.disks, ..after };
    (0..shape.covered() as usize).for_each(|n| assert!(is_consistent(&ended, n)));
}

/// Copies equal, or parity that fits.
pub(super) fn is_consistent(lab: &Lab, n: usize) -> bool {
    match &lab.shape.units()[n] {
        Unit::Copies(copies) => {
            copies.iter().all(|(d, p)| lab.page(*d, *p) == lab.page(copies[0].0, copies[0].1))
        }
        Unit::Row { page, data, p, q } => {
            let blocks: Vec<_> = data.iter().map(|(d, e)| (lab.page(*d, *page), *e)).collect();
            let (sum, other) = oracle::parity(&blocks, q.is_some());
            lab.page(*p, *page) == sum && q.is_none_or(|q| lab.page(q, *page) == other)
        }
    }
}

#[test]
fn twenty_seven_members_of_0_90_are_resynced() {
    for level in [5, 6] {
        let shape = Shape { disks: 27, level, layout: 2, ..oracle::RAID5_LS };
        let version = super::lab::V0_90;
        let mut states = vec![CLEAN; 27];
        states[26] = BEHIND;
        let lab = Lab::of(shape, version, &states, &BITS, false);
        let mut engine = lab.engine();
        assert_eq!(run(&mut engine, &lab.options()).unwrap().outcome, Outcome::Done);
        let after = Lab { disks: engine.disks, ..lab };
        (0..12).for_each(|n| assert!(is_consistent(&after, n), "{level}: {n}"));
        assert_eq!(after.superblock(26).unwrap().view().events.get(), EVENTS);
    }
}

#[test]
fn without_a_bitmap_what_could_not_be_read_is_not_counted_as_done() {
    let shape = oracle::RAID5_LS;
    let lab = Lab::of(shape, V1_2, &[DIRTY, LOST, DIRTY], &BITS, true);
    let mut engine = lab.engine();
    engine.faults = fault(OpKind::Read, &lab, row(shape, 5).1[0], 5);
    let options = ResyncOptions { bitmap: None, full: true, ..lab.options() };
    let report = run(&mut engine, &options).unwrap();
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert!(report.chunks_synced < report.chunks_total, "{}", report.chunks_synced);
    assert!(report.chunks_dirty_after > 0);
}
