//! Whole runs on devices in memory: what is copied from where, what fails, what is refused.

use std::sync::atomic::AtomicBool;

use super::lab::{CHUNK, CHUNKS, DIRTY, EVENTS, Lab, State, V0_90, run, run_until};
use super::oracle::RAID5_LS;
use crate::error::Kind;
use crate::format::bitmap::StateFlags;
use crate::format::codec::LittleEndian;
use crate::format::md::MdVersion::V1_2;
use crate::format::md::{checksum, super090};
use crate::io::mem::Event;
use crate::io::{DevId, OpKind};
use crate::resync::{Decision, Outcome, ResyncOptions, Source};
use crate::units::{Bytes, Events, Sectors, Slot};

const LOST: State = State { differs: &[1, 5], ..DIRTY };
const BEHIND: State = State { events: EVENTS - 5, listed: false, clean: true, differs: &[1, 5] };

fn unclean() -> Lab {
    Lab::new(V1_2, &[DIRTY, LOST], &[1, 5, 9], false)
}

#[test]
fn only_dirty_chunks_are_read_and_written() {
    let lab = unclean();
    let mut engine = lab.engine();
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!((report.decision, report.outcome), (Decision::Partial, Outcome::Done));
    assert_eq!((report.chunks_synced, report.chunks_dirty_after), (3, 0));
    assert_eq!((report.stats.read.get(), report.stats.written.get()), (3 * CHUNK, 3 * CHUNK));
    let after = Lab { disks: engine.disks.clone(), ..lab };
    assert_eq!(after.chunk(1, 5), after.chunk(0, 5));
    let (header, dirty) = after.bitmap(1).unwrap();
    assert!(dirty.is_empty());
    assert_eq!(header.events_cleared, after.superblock(0).unwrap().view().events);
}

/// The kernel goes by pages whatever a bit stands for.
#[test]
fn chunks_smaller_than_a_block_are_copied_with_their_neighbours() {
    let mut lab = Lab::new(V1_2, &[DIRTY, LOST], &[], true);
    lab.patch_bitmap(|raw| raw.set_chunksize(1024));
    // Four of them are page 1; of page 5 only the second is dirty.
    lab.disks[2][256..264].copy_from_slice(&[0xf0, 0, 0x20, 0, 0, 0, 0, 0]);
    let mut engine = lab.engine().in_blocks(&[512, 4096]);
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!((report.decision, report.outcome), (Decision::Partial, Outcome::Done));
    assert_eq!((report.chunks_dirty_before, report.chunks_synced), (5, 5));
    let moved = [report.stats.total, report.stats.done, report.stats.written];
    assert_eq!(moved.map(Bytes::get), [2 * CHUNK; 3]);
    let after = Lab { disks: engine.disks, ..lab };
    assert!([1, 5].iter().all(|page| after.chunk(1, *page) == after.chunk(0, *page)));
    assert!(after.disks[2][256..264].iter().all(|byte| *byte == 0));
}

#[test]
fn the_source_can_be_chosen() {
    let lab = unclean();
    let mut engine = lab.engine();
    let options = ResyncOptions { source: Some(Source::Slot(Slot(1))), ..lab.options() };
    run(&mut engine, &options).unwrap();
    let after = Lab { disks: engine.disks.clone(), ..lab.clone() };
    assert_eq!(after.chunk(0, 5), lab.chunk(1, 5));
}

#[test]
fn a_member_that_is_behind_is_no_source() {
    let lab = Lab::new(V1_2, &[DIRTY, BEHIND], &[1, 5], false);
    let options = ResyncOptions { source: Some(Source::Slot(Slot(1))), ..lab.options() };
    let error = run(&mut lab.engine(), &options).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("slot 1 cannot be the source"), "{error}");
}

#[test]
fn a_member_that_left_before_bits_were_cleared_is_refused() {
    let mut lab = Lab::new(V1_2, &[DIRTY, BEHIND], &[1, 5], false);
    lab.patch_bitmap(|raw| raw.set_events_cleared(Events::new(EVENTS - 4)));
    let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("bits were cleared at event 16"), "{error}");
    lab.patch_bitmap(|raw| raw.set_events_cleared(Events::new(EVENTS - 5)));
    assert_eq!(run(&mut lab.engine(), &lab.options()).unwrap().outcome, Outcome::Done);
}

#[test]
fn a_bitmap_that_may_not_be_trusted_is_refused_and_full_is_the_way() {
    type Patch = fn(&mut crate::format::bitmap::RawBitmapSuper);
    let doubts: [(&str, Patch); 4] = [
        ("out of date", |raw| raw.set_events(Events::new(EVENTS - 1))),
        ("marked as out of date", |raw| raw.set_state(StateFlags::STALE)),
        ("covers 120 sectors", |raw| raw.set_sync_size(Sectors::new(120))),
        ("damaged", |raw| raw.set_daemon_sleep(0)),
    ];
    for (what, patch) in doubts {
        let mut lab = unclean();
        lab.patch_bitmap(patch);
        let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{what}");
        assert!(error.to_string().contains(what), "{error}");
        let mut engine = lab.engine();
        let full = ResyncOptions { full: true, ..lab.options() };
        let report = run(&mut engine, &full).unwrap();
        assert_eq!(report.outcome, Outcome::Done, "{what}");
        assert_eq!(report.chunks_synced, report.chunks_total, "{what}");
        assert_eq!(report.stats.written.get(), CHUNKS * CHUNK, "{what}");
        let after = Lab { disks: engine.disks.clone(), ..lab };
        let (header, dirty) = after.bitmap(0).unwrap();
        assert!(dirty.is_empty() && header.events >= Events::new(EVENTS), "{what}");
    }
}

#[test]
fn the_bitmap_of_another_array_is_never_written() {
    let mut lab = Lab::new(V1_2, &[DIRTY, LOST], &[1, 5], true);
    lab.patch_bitmap(|raw| raw.set_uuid([9; 16]));
    for full in [false, true] {
        let mut engine = lab.engine();
        let options = ResyncOptions { full, ..lab.options() };
        assert_eq!(run(&mut engine, &options).unwrap_err().kind(), Kind::Refused);
        assert_eq!(engine.disks, lab.disks);
    }
}

#[test]
fn an_unreadable_source_is_replaced_by_another_and_mended() {
    let lab = Lab::new(V1_2, &[DIRTY, DIRTY, LOST], &[1, 5, 9], false);
    let mut engine = lab.engine();
    let bad = 32 * 512 + 5 * CHUNK;
    engine.faults = Box::new(move |kind, dev, at, len| {
        kind == OpKind::Read && dev == DevId(0) && at <= bad && bad < at + len as u64
    });
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!(report.outcome, Outcome::Done);
    assert_eq!(report.troubles[0].operation, "read");
    let rewritten = |event: &Event| matches!(event, Event::Write(DevId(0), at, _) if *at == bad);
    assert!(engine.log.borrow().iter().any(rewritten));
    let after = Lab { disks: engine.disks.clone(), ..lab };
    assert_eq!(after.chunk(2, 5), after.chunk(1, 5));
}

#[test]
fn what_nobody_can_read_stays_dirty_and_is_listed() {
    let lab = unclean();
    let mut engine = lab.engine();
    let start = 32 * 512;
    engine.faults = Box::new(move |kind, dev, at, len| {
        let chunk = start + 5 * CHUNK;
        kind == OpKind::Read
            && dev.0 < 2
            && at < chunk + CHUNK
            && chunk < at + len as u64
            && at >= start
    });
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!(report.outcome, Outcome::Incomplete);
    assert_eq!((report.chunks_synced, report.chunks_dirty_after), (2, 1));
    assert_eq!(report.unreadable[0].range.start, Sectors::new(40));
    let after = Lab { disks: engine.disks.clone(), ..lab };
    assert_eq!(after.bitmap(0).unwrap().1, vec![5]);
    assert_eq!(after.superblock(0).unwrap().view().events, Events::new(EVENTS));
    assert_ne!(
        after.superblock(0).unwrap().view().resync,
        crate::format::md::ResyncPoint::Clean,
        "an array with a dirty chunk may not be called clean"
    );
}

#[test]
fn a_target_that_cannot_be_written_or_flushed_keeps_its_bits() {
    for failing in [OpKind::Write, OpKind::Flush] {
        let lab = unclean();
        let mut engine = lab.engine();
        // Bitmap and superblock are at the front; only the data fails.
        engine.faults = Box::new(move |kind, dev, at, _| {
            kind == failing && dev == DevId(1) && (kind == OpKind::Flush || at >= 32 * 512)
        });
        let result = run(&mut engine, &lab.options());
        let after = Lab { disks: engine.disks.clone(), ..lab };
        for copy in [0, 1] {
            assert_eq!(after.bitmap(copy).unwrap().1, vec![1, 5, 9], "{failing:?}");
        }
        match result {
            Ok(report) => assert_eq!(report.outcome, Outcome::Incomplete),
            Err(error) => assert_eq!(error.kind(), Kind::Io),
        }
    }
}

#[test]
fn a_stop_leaves_what_is_left_dirty_and_the_next_run_goes_on() {
    let lab = unclean();
    let mut engine = lab.engine();
    let report = run_until(&mut engine, &lab.options(), &AtomicBool::new(true)).unwrap();
    assert_eq!((report.outcome, report.chunks_synced), (Outcome::Interrupted, 0));
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!((report.outcome, report.chunks_synced), (Outcome::Done, 3));
}

#[test]
fn without_a_bitmap_full_is_the_only_way() {
    let lab = Lab::new(V1_2, &[DIRTY, LOST], &[], true);
    let options = ResyncOptions { bitmap: None, ..lab.options() };
    let error = run(&mut lab.engine(), &options).unwrap_err();
    assert!(error.to_string().contains("--bitmap PATH"), "{error}");
    let mut engine = lab.engine();
    let report = run(&mut engine, &ResyncOptions { full: true, ..options }).unwrap();
    assert_eq!((report.decision, report.outcome), (Decision::Full, Outcome::Done));
    let after = Lab { disks: engine.disks.clone(), ..lab };
    assert_eq!(after.chunk(1, 5), after.chunk(0, 5));
}

#[test]
fn without_a_bitmap_members_are_flushed_before_anything_is_written() {
    let lab = Lab::of(RAID5_LS, V1_2, &[DIRTY, LOST, DIRTY], &[], true);
    let mut engine = lab.engine();
    let options = ResyncOptions { bitmap: None, full: true, ..lab.options() };
    assert_eq!(run(&mut engine, &options).unwrap().outcome, Outcome::Done);
    let log = engine.log.borrow();
    let first: Vec<_> = log.iter().take_while(|one| matches!(one, Event::Flush(_))).collect();
    for member in 0..3 {
        let its = |one: &&Event| matches!(one, Event::Flush(dev) if *dev == DevId(member));
        assert!(first.iter().any(its), "member {member}");
    }
}

#[test]
fn nothing_is_written_when_nothing_is_due() {
    let clean = State { clean: true, ..DIRTY };
    let lab = Lab::new(V1_2, &[clean, clean], &[], false);
    let mut engine = lab.engine();
    let report = run(&mut engine, &lab.options()).unwrap();
    assert_eq!((report.decision, report.outcome), (Decision::Nothing, Outcome::Done));
    assert!(engine.log.borrow().is_empty());
}

#[test]
fn an_internal_bitmap_and_one_in_a_file_are_one_too_many() {
    let lab = unclean();
    let mut with_file = Lab { file: true, ..lab.clone() };
    with_file.disks.push(vec![0; 512]);
    let error = run(&mut with_file.engine(), &with_file.options()).unwrap_err();
    assert!(error.to_string().contains("has an internal bitmap"), "{error}");
}

#[test]
fn a_clean_array_whose_repair_broke_off_is_no_longer_called_clean() {
    let clean = State { clean: true, ..DIRTY };
    let lab = Lab::new(V1_2, &[clean, State { clean: true, ..LOST }], &[1, 5], false);
    let mut engine = lab.engine();
    engine.faults =
        Box::new(|kind, dev, at, _| kind == OpKind::Write && dev == DevId(1) && at >= 32 * 512);
    assert_eq!(run(&mut engine, &lab.options()).unwrap().outcome, Outcome::Incomplete);
    let after = Lab { disks: engine.disks.clone(), ..lab };
    for member in [0, 1] {
        let resync = after.superblock(member).unwrap().view().resync;
        assert_ne!(resync, crate::format::md::ResyncPoint::Clean, "member {member}");
        assert_eq!(after.bitmap(member).unwrap().1, vec![1, 5]);
    }
}

/// Found by fuzzing: it was refused when the data had been copied, and no dry run had told.
#[test]
fn what_superblocks_will_refuse_is_refused_before_anything_is_written() {
    let mut lab = Lab::new(V0_90, &[DIRTY, LOST], &[1, 5], false);
    let at = lab.superblock(0).unwrap().view().super_offset.get() * 512;
    let raw = &mut lab.disks[0][usize::try_from(at).unwrap()..][..4096];
    // The line of member 1 in the table calls itself another number, which the kernel overlooks.
    super090::disk::NUMBER.put::<LittleEndian>(&mut raw[512 + 128..], 99);
    let sum = checksum::super090::<LittleEndian>(raw);
    super090::sb::SB_CSUM.put::<LittleEndian>(raw, sum);
    let mut engine = lab.engine();
    let error = run(&mut engine, &lab.options()).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("descriptor 1 says that it is number 99"), "{error}");
    assert!(engine.log.borrow().is_empty(), "something was written");
}
