//! Copies of the bitmap that do not go together: one without room for the bits, two that are sound and
//! say different things.

use super::crash::{image, losses};
use super::lab::{DIRTY, EVENTS, Lab, State, run};
use super::oracle::Shape;
use crate::error::Kind;
use crate::format::bitmap::{RawBitmapSuper, bits};
use crate::format::codec::LittleEndian;
use crate::format::md::MdVersion::V1_2;
use crate::format::md::checksum;
use crate::format::md::super1::sb;
use crate::resync::{Outcome, ResyncOptions};
use crate::units::{ChunkRun, Chunks, Events};

const LOST: State = State { differs: &[1, 5], ..DIRTY };
const BEHIND: State = State { events: EVENTS - 5, listed: false, clean: true, differs: &[1, 5] };

/// What lies where the list of bad blocks is set aside.
const PATTERN: u8 = 0xa5;

/// A mirror with so many bits that they fill more than a sector: each stands for one.
pub(crate) fn fine(states: &[State]) -> Lab {
    let shape = Shape { pages: 320, ..Shape::mirror(states.len()) };
    let mut lab = Lab::of(shape, V1_2, states, &[], false);
    lab.patch_bitmap(|raw| raw.set_chunksize(512));
    for disk in 0..lab.members {
        let at = lab.bitmap_at(disk).unwrap() + 256;
        let run = ChunkRun { first: Chunks::new(8), count: Chunks::new(40) };
        bits::set_run(&mut lab.disks[disk][at..at + 320], run);
    }
    lab
}

/// Sets eight sectors aside for a list of bad blocks, so many sectors behind the superblock.
pub(crate) fn cramp(lab: &mut Lab, disk: usize, offset: u16) {
    let image = &mut lab.disks[disk];
    let log = (8 + usize::from(offset)) * 512;
    image[log..log + 8 * 512].fill(PATTERN);
    let raw = &mut image[4096..8192];
    sb::BBLOG_OFFSET.put::<LittleEndian>(raw, offset.into());
    sb::BBLOG_SIZE.put::<LittleEndian>(raw, 8);
    let covered = 256 + 2 * sb::MAX_DEV.get::<LittleEndian>(raw) as usize;
    let sum = checksum::super1(&raw[..covered]);
    sb::SB_CSUM.put::<LittleEndian>(raw, sum);
}

fn refused(lab: &Lab, why: &str) {
    let mut engine = lab.engine();
    let error = run(&mut engine, &lab.options()).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains(why) && error.to_string().contains("--full"), "{error}");
    assert!(engine.log.borrow().is_empty(), "something was written");
}

/// Everything is equal, and so are the copies of the bitmap, which a kernel believes.
fn ended(context: &str, lab: &Lab) {
    let first = lab.bitmap(0).unwrap();
    assert!(first.1.is_empty(), "{context}: {:?}", first.1);
    for disk in 0..lab.members {
        let (header, dirty) = lab.bitmap(disk).unwrap();
        assert_eq!((header.chunk, &dirty), (first.0.chunk, &first.1), "{context}: {disk}");
        let same = (0..lab.shape.pages).all(|page| lab.page(disk, page) == lab.page(0, page));
        assert!(same, "{context}: member {disk} is not like the first");
    }
}

/// Whatever a power cut leaves of it, a full resync ends it.
fn full_ends_it(lab: &Lab, check: impl Fn(&str, &Lab)) {
    let full = ResyncOptions { full: true, ..lab.options() };
    let mut engine = lab.engine();
    assert_eq!(run(&mut engine, &full).unwrap().outcome, Outcome::Done);
    let log = engine.log.borrow().clone();
    let after = |disks| Lab { disks, ..lab.clone() };
    ended("whole", &after(engine.disks));
    for cut in 0..=log.len() {
        for lost in losses(&log[..cut], false) {
            let context = format!("cut {cut}, {lost:?}");
            let image = after(image(&lab.disks, &log[..cut], &lost));
            check(&context, &image);
            let mut engine = image.engine();
            run(&mut engine, &full).unwrap_or_else(|e| panic!("{context}: {e}"));
            check(&context, &after(engine.disks.clone()));
            ended(&context, &after(engine.disks));
        }
    }
}

#[test]
fn bits_are_written_nowhere_that_has_no_room_for_them() {
    for (states, cramped) in [([DIRTY, LOST], 1), ([DIRTY, LOST], 0), ([DIRTY, BEHIND], 1)] {
        let mut lab = fine(&states);
        assert_eq!(run(&mut lab.engine(), &lab.options()).unwrap().outcome, Outcome::Done);
        // One sector is left to the bitmap.
        cramp(&mut lab, cramped, 9);
        refused(&lab, &format!("needs 576 bytes, and on {cramped} there is room for 512 only"));
        let kept = |context: &str, lab: &Lab| {
            let log = &lab.disks[cramped][17 * 512..25 * 512];
            assert!(log.iter().all(|byte| *byte == PATTERN), "{context}: the list was written");
        };
        full_ends_it(&lab, kept);
        let mut engine = lab.engine();
        run(&mut engine, &ResyncOptions { full: true, ..lab.options() }).unwrap();
        let after = Lab { disks: engine.disks, ..lab };
        assert_eq!(after.bitmap(1 - cramped).unwrap().0.chunk.bytes(), 1024);
    }
}

/// Gives one copy coarser chunks, and dirt that no other has.
fn coarser(lab: &mut Lab, disk: usize) {
    let at = lab.bitmap_at(disk).unwrap();
    let mut raw = RawBitmapSuper::from_prefix(&lab.disks[disk][at..]).unwrap();
    raw.set_chunksize(8192);
    lab.disks[disk][at..at + 256].copy_from_slice(&raw.0);
    lab.disks[disk][at + 256..at + 258].copy_from_slice(&[1 << 4, 0]);
}

#[test]
fn of_two_sound_copies_that_differ_neither_is_believed() {
    for odd in 0..3 {
        let lost = State { differs: &[1, 9], ..DIRTY };
        let mut lab = Lab::new(V1_2, &[DIRTY, lost, DIRTY], &[1], false);
        coarser(&mut lab, odd);
        refused(&lab, "differ in their chunk size");
        full_ends_it(&lab, |_, _| {});
    }
}

#[test]
fn one_copy_is_enough_to_tell_that_bits_were_cleared() {
    let mut lab = Lab::new(V1_2, &[DIRTY, LOST, BEHIND], &[1, 5], false);
    assert_eq!(run(&mut lab.engine(), &lab.options()).unwrap().outcome, Outcome::Done);
    let at = lab.bitmap_at(1).unwrap();
    let mut raw = RawBitmapSuper::from_prefix(&lab.disks[1][at..]).unwrap();
    raw.set_events_cleared(Events::new(EVENTS - 4));
    lab.disks[1][at..at + 256].copy_from_slice(&raw.0);
    refused(&lab, "bits were cleared at event 16");
}
