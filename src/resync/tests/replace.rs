//! A missing member replaced, with the power cut at every write: what a kernel would make of each
//! image, and whether the same command finishes from it.

mod bench;
mod cases;

use std::sync::atomic::AtomicBool;

use super::crash::{image, losses};
use super::lab::{EVENTS, V0_90, run, run_until};
use super::oracle;
use crate::format::md::{MdVersion, ResyncPoint, Role};
use crate::io::mem::Event;
use crate::io::{DevId, OpKind};
use crate::resync::{Decision, Outcome, ResyncOptions};
use crate::units::{Events, Sectors, Slot};
use bench::Bench;
use cases::{BEHIND, CLEAN, Case, case, copies, mirrors, rows};

fn cut_everywhere(case: &Case, version: MdVersion, file: bool) -> usize {
    let bench = Bench::new(case, version, file);
    let place = if file { "file" } else { "internal" };
    let context = format!("{}, {}, {version}, {place}", case.shape.name, case.name);
    bench.check(&format!("{context}: as it was"), &bench.start);
    let mut engine = bench.start.engine();
    let report = run(&mut engine, &bench.options).unwrap_or_else(|e| panic!("{context}: {e}"));
    assert_eq!(report.outcome, Outcome::Done, "{context}");
    let log = engine.log.borrow().clone();
    bench.check_end(&context, &bench.after(engine.disks));
    let mut tried = 0;
    for cut in 0..=log.len() {
        for lost in losses(&log[..cut], false) {
            let context = format!("{context}, cut {cut}, {lost:?}");
            let disks = image(&bench.start.disks, &log[..cut], &lost);
            bench.check(&context, &bench.after(disks.clone()));
            let mut engine = bench.after(disks).engine();
            run(&mut engine, &bench.options).unwrap_or_else(|e| panic!("{context}: again: {e}"));
            bench.check_end(&format!("{context}: again"), &bench.after(engine.disks));
            tried += 1;
        }
    }
    tried
}

/// All cases, each on old and new metadata; the places of a bitmap take turns but for mirrors, which
/// are quick, and with `MDBITMAP_LONG=1`.
fn cut_all(cases: &[Case]) {
    let mut tried = 0;
    let all = cases[0].shape.level == 1 || std::env::var_os("MDBITMAP_LONG").is_some();
    for (n, case) in cases.iter().enumerate() {
        let other = [MdVersion::V1_0, MdVersion::V1_1][n % 2];
        for (m, version) in [V0_90, MdVersion::V1_2, other].into_iter().enumerate() {
            for file in [false, true] {
                let turn = file == (n + m).is_multiple_of(2);
                if all || turn && m < 2 {
                    tried += cut_everywhere(case, version, file);
                }
            }
        }
    }
    println!("{}: {tried} images", cases[0].shape.name);
    assert!(tried > 500, "only {tried} images were tried");
}

#[test]
fn a_power_cut_at_any_write_of_a_replacement_is_survived_by_raid1() {
    cut_all(&mirrors());
}

#[test]
fn a_power_cut_at_any_write_of_a_replacement_is_survived_by_raid10() {
    cut_all(&copies());
}

#[test]
fn a_power_cut_at_any_write_of_a_replacement_is_survived_by_parity() {
    cut_all(&rows());
}

fn bench() -> Bench {
    let case = case("was away", oracle::RAID5_LS, CLEAN, &[(0, BEHIND)], &[0]);
    Bench::new(&case, MdVersion::V1_2, false)
}

#[test]
fn a_stopped_replacement_goes_on_where_it_was() {
    let bench = bench();
    let mut engine = bench.start.engine();
    let newcomer = bench.newcomers().start;
    let page = bench.start.page_at(5) as u64;
    let whole_pages = |log: &[Event]| {
        let data = |event: &&Event| matches!(event, Event::Write(DevId(dev), at, _) if *dev == newcomer && *at >= 32 * 512);
        log.iter().filter(data).count()
    };
    engine.faults = Box::new(move |kind, dev, at, len| {
        kind == OpKind::Write && dev == DevId(newcomer) && at <= page && page < at + len as u64
    });
    let report = run(&mut engine, &bench.options).unwrap();
    assert_eq!((report.decision, report.outcome), (Decision::Full, Outcome::Incomplete));
    assert!(!report.replaced[0].complete);
    engine.faults = Box::new(|_, _, _, _| false);
    engine.log.borrow_mut().clear();
    let report = run(&mut engine, &bench.options).unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(report.replaced[0].filled_before.get(), 5 * 4096);
    assert!(whole_pages(&engine.log.borrow()) > 0);
    let again = engine.log.borrow().iter().any(
        |event| matches!(event, Event::Write(DevId(dev), at, _) if *dev == newcomer && *at == 32 * 512),
    );
    assert!(!again, "the first page was filled twice");
    bench.check_end("gone on", &bench.after(engine.disks));
}

#[test]
fn a_stop_before_anything_leaves_the_slot_missing() {
    let bench = bench();
    let mut engine = bench.start.engine();
    let report = run_until(&mut engine, &bench.options, &AtomicBool::new(true)).unwrap();
    assert_eq!(report.outcome, Outcome::Interrupted);
    bench.check("stopped", &bench.after(engine.disks));
}

#[test]
fn what_nobody_can_give_keeps_the_newcomer_out() {
    let bench = bench();
    let mut engine = bench.start.engine();
    let bad = bench.start.page_at(7) as u64;
    engine.faults = Box::new(move |kind, dev, at, len| {
        kind == OpKind::Read && dev == DevId(1) && at <= bad && bad < at + len as u64
    });
    let report = run(&mut engine, &bench.options).unwrap();
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert_eq!(report.unreadable[0].range.start, Sectors::new(7 * 8));
    let after = bench.after(engine.disks.clone());
    bench.check("unreadable", &after);
    let newcomer = after.superblock(bench.newcomers().start).unwrap();
    assert_eq!(newcomer.view().role, Role::Spare);
    engine.faults = Box::new(|_, _, _, _| false);
    run(&mut engine, &bench.options).unwrap();
    bench.check_end("read again", &bench.after(engine.disks));
}

/// What a source lists as bad never reaches a newcomer: it is computed through what parity is left,
/// and mended, or the newcomer stays out.
#[test]
fn a_newcomer_is_given_nothing_that_is_listed_as_bad() {
    for (shape, outcome) in
        [(oracle::RAID6_LS, Outcome::Done), (oracle::RAID5_LS, Outcome::Incomplete)]
    {
        let case = case("was away", shape, CLEAN, &[(0, BEHIND)], &[0]);
        let bench = Bench::new(&case, MdVersion::V1_2, false);
        let mut lab = bench.start.clone();
        lab.list_bad(1, &[(7 * 8, 8)]);
        let at = lab.page_at(7);
        lab.disks[1][at..at + 4096].fill(0xee);
        let mut engine = lab.engine();
        let report = run(&mut engine, &bench.options).unwrap();
        assert_eq!(report.outcome, outcome, "{}", shape.name);
        let after = bench.after(engine.disks);
        let done = outcome == Outcome::Done;
        assert_eq!((after.listed(1).is_empty(), report.replaced[0].complete), (done, done));
        assert_eq!(report.bad_blocks[0].rewritten.get(), if done { 8 } else { 0 });
        if done {
            bench.check_end(shape.name, &after);
        }
    }
}

#[test]
fn a_write_to_the_array_in_between_makes_it_begin_anew() {
    let bench = bench();
    let mut engine = bench.start.engine();
    run(&mut engine, &bench.options).unwrap();
    let log = engine.log.borrow().clone();
    let newcomer = DevId(bench.newcomers().start);
    let noted = |event: &Event| matches!(event, Event::Write(dev, 4096, _) if *dev == newcomer);
    let third = log.iter().enumerate().filter(|(_, event)| noted(event)).nth(3).unwrap().0;
    let disks = image(&bench.start.disks, &log[..=third], &losses(&[], false)[0]);
    let mut engine = bench.after(disks.clone()).engine();
    let report = run(&mut engine, &bench.options).unwrap();
    assert!(report.replaced[0].filled_before.get() > 0, "premise: it would go on");
    // One event up, as a kernel leaves them that wrote to the array.
    let mut lab = bench.after(disks);
    for disk in 0..bench.options.members.len() {
        let superblock = lab.superblock(disk).unwrap();
        let edit = crate::format::md::SuperEdit {
            freshest: &superblock,
            events: superblock.view().events.next(),
            resync: ResyncPoint::Clean,
            utime: 3,
            joined: &[],
            left: &[],
            own: None,
        };
        let raw = superblock.edited(&edit).unwrap();
        lab.disks[disk][4096..4096 + raw.len()].copy_from_slice(&raw);
    }
    lab.patch_bitmap(|raw| raw.set_events(Events::new(EVENTS + 9)));
    let mut engine = lab.engine();
    let report = run(&mut engine, &bench.options).unwrap();
    assert_eq!(report.replaced[0].filled_before.get(), 0);
    bench.check_end("anew", &bench.after(engine.disks));
}

#[test]
fn without_a_bitmap_a_slot_is_filled_as_well() {
    for version in [V0_90, MdVersion::V1_2] {
        let case = case("no bitmap", oracle::RAID5_LA, CLEAN, &[(1, BEHIND)], &[1]);
        let bench = Bench::new(&case, version, true);
        let options = ResyncOptions { bitmap: None, ..bench.options.clone() };
        let mut engine = bench.start.engine();
        assert_eq!(run(&mut engine, &options).unwrap().outcome, Outcome::Done);
        let after = bench.after(engine.disks);
        let newcomer = bench.newcomers().start;
        assert!(bench.wrong(&after, newcomer, 1, u64::MAX).is_empty());
        assert_eq!(after.superblock(newcomer).unwrap().view().role, Role::Active(Slot(1)));
    }
}

#[test]
fn a_bitmap_that_is_out_of_date_is_begun_anew() {
    for file in [false, true] {
        let case = case("stale", oracle::RAID6_LS, CLEAN, &[(3, BEHIND)], &[3]);
        let mut bench = Bench::new(&case, MdVersion::V1_2, file);
        bench.start.patch_bitmap(|raw| raw.set_events(Events::new(3)));
        let mut engine = bench.start.engine();
        assert_eq!(run(&mut engine, &bench.options).unwrap().outcome, Outcome::Done);
        bench.check_end("stale", &bench.after(engine.disks));
    }
}

#[test]
fn the_check_itself_sees_a_newcomer_that_is_counted_in_too_early() {
    for case in [&mirrors()[0], &copies()[0], &rows()[1]] {
        let bench = Bench::new(case, MdVersion::V1_2, false);
        let mut engine = bench.start.engine();
        run(&mut engine, &bench.options).unwrap();
        let mut broken = bench.after(engine.disks);
        bench.check("whole", &broken);
        let at = broken.page_at(3);
        broken.disks[bench.newcomers().start][at] ^= 1;
        let seen = std::panic::catch_unwind(|| bench.check("broken", &broken));
        assert!(seen.is_err(), "a wrong page of a newcomer went unnoticed: {}", case.shape.name);
    }
}
