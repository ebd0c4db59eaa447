//! Arrays without superblocks: power cuts at every write, and what is refused because nothing tells.

use std::path::PathBuf;

use super::crash::{all_are_flushed_before_a_bit_goes, image, losses};
use super::lab::{CHUNK, bitmap_image, run};
use super::oracle::{self, PAGE, Shape, Unit, content, parity};
use crate::error::Kind;
use crate::format::bitmap::{self, BitmapSuper, RawBitmapSuper, bits};
use crate::io::mem::MemEngine;
use crate::resync::judge::judge;
use crate::resync::run::look;
use crate::resync::{Built, Decision, Outcome, ResyncOptions, Vouched, work};
use crate::units::{Events, Sectors, Slot};

/// An array whose members are nothing but data, with its bitmap on the last disk.
#[derive(Clone)]
struct Bare {
    shape: Shape,
    disks: Vec<Vec<u8>>,
    built: Built,
    full: bool,
}

/// Chunks whose bits are set.
const DIRTY: [u64; 4] = [1, 5, 6, 9];

impl Bare {
    /// `victim` has lost what it was given in every other dirty chunk.
    fn new(shape: Shape, victim: usize) -> Self {
        let mut disks = vec![vec![0; shape.pages as usize * PAGE]; shape.disks];
        for (n, unit) in shape.units().iter().enumerate() {
            let chunk = n as u64 / shape.bit;
            for (disk, page, bytes) in content(unit, n) {
                let lost = disk == victim && DIRTY.contains(&chunk) && chunk % 2 == 1;
                let at = page as usize * PAGE;
                let other = if lost { 0x55 } else { 0 };
                let there = &mut disks[disk][at..at + PAGE];
                there.iter_mut().zip(bytes).for_each(|(to, from)| *to = from ^ other);
            }
        }
        let mut dirty = DIRTY.to_vec();
        dirty.retain(|chunk| *chunk < shape.chunks());
        disks.push(bitmap_image(shape, [0; 16], &dirty));
        let built = Built {
            level: shape.level,
            layout: shape.layout,
            chunk: Sectors::new(shape.chunk * 8),
            slots: shape.disks as u16,
            holders: (0..shape.disks as u16).map(Slot).collect(),
            ..Built::default()
        };
        Self { shape, disks, built, full: false }
    }

    fn with(self, change: impl FnOnce(&mut Built)) -> Self {
        let mut built = self.built.clone();
        change(&mut built);
        Self { built, ..self }
    }

    /// With a bitmap that nobody believes.
    fn stale(mut self) -> Self {
        self.patch(|raw| raw.set_state(bitmap::StateFlags::STALE));
        Self { full: true, ..self }
    }

    fn behind(self, slot: u16) -> Self {
        self.with(|built| {
            built.behind = vec![Slot(slot)];
            built.clean = true;
        })
    }

    /// Without the member in the last slot.
    fn without_last(mut self) -> Self {
        self.disks.remove(self.shape.disks - 1);
        self.with(|built| built.holders.truncate(built.holders.len() - 1))
    }

    fn options(&self) -> ResyncOptions {
        let members = self.built.holders.iter().map(|slot| PathBuf::from(slot.to_string()));
        ResyncOptions {
            members: members.collect(),
            bitmap: Some("bitmap".into()),
            build: Some(self.built.clone()),
            full: self.full,
            ..ResyncOptions::default()
        }
    }

    fn engine(&self) -> MemEngine {
        MemEngine::new(self.disks.clone())
    }

    fn header(&self) -> (BitmapSuper, Vec<u64>) {
        let disk = self.disks.last().unwrap();
        let value = bitmap::decode(&disk[..256]).value.unwrap();
        let set = (0..self.shape.chunks()).filter(|n| bits::is_set(&disk[256..], *n));
        (value, set.collect())
    }

    fn page(&self, disk: usize, page: u64) -> &[u8] {
        &self.disks[disk][page as usize * PAGE..][..PAGE]
    }

    /// Whether copies at hand are equal, or parity fits.
    fn agrees(&self, unit: &Unit) -> bool {
        match unit {
            Unit::Copies(copies) => {
                let here = copies.iter().filter(|(disk, _)| *disk < self.built.holders.len());
                let pages: Vec<_> = here.map(|(disk, page)| self.page(*disk, *page)).collect();
                pages.iter().all(|page| *page == pages[0])
            }
            Unit::Row { page, data, p, q } => {
                let blocks: Vec<_> = data.iter().map(|(d, e)| (self.page(*d, *page), *e)).collect();
                let (sum, second) = parity(&blocks, q.is_some());
                self.page(*p, *page) == sum && q.is_none_or(|q| self.page(q, *page) == second)
            }
        }
    }

    /// What the engine may never change: the source, data, members that are not behind.
    fn kept(&self, unit: &Unit) -> Vec<(usize, u64)> {
        let behind = |disk: usize| self.built.behind.contains(&Slot(disk as u16));
        let here = self.built.holders.len();
        let current = |(disk, _): &(usize, u64)| *disk < here && !behind(*disk);
        match unit {
            Unit::Copies(copies) => copies.iter().copied().find(current).into_iter().collect(),
            Unit::Row { page, data, .. } if self.built.behind.is_empty() => {
                data.iter().map(|(disk, _)| (*disk, *page)).collect()
            }
            Unit::Row { .. } => unit.pages().into_iter().filter(current).collect(),
        }
    }

    fn patch(&mut self, patch: impl FnOnce(&mut RawBitmapSuper)) {
        let disk = self.disks.last_mut().unwrap();
        let mut raw = RawBitmapSuper::from_prefix(disk).unwrap();
        patch(&mut raw);
        disk[..256].copy_from_slice(&raw.0);
    }

    fn refused(&self, why: &str) {
        let mut engine = self.engine();
        let error = run(&mut engine, &self.options()).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_ne!(error.kind(), Kind::Io);
        assert!(engine.log.borrow().is_empty(), "{why}");
    }

    fn done(&self) -> Self {
        let mut engine = self.engine();
        let report = run(&mut engine, &self.options()).unwrap();
        assert_eq!(report.outcome, Outcome::Done);
        Self { disks: engine.disks, ..self.clone() }
    }
}

/// Whatever differs is told by its bit, and what nobody may change is as it was.
fn check(context: &str, before: &Bare, image: &Bare) {
    let (_, dirty) = image.header();
    for (n, unit) in image.shape.units().iter().enumerate() {
        let chunk = n as u64 / image.shape.bit;
        let told = dirty.contains(&chunk);
        assert!(told || image.agrees(unit), "{context}: chunk {chunk} differs, its bit is clear");
        for (disk, page) in before.kept(unit) {
            let same = before.page(disk, page) == image.page(disk, page);
            assert!(same, "{context}: page {page} of member {disk} changed");
        }
    }
}

fn check_end(context: &str, before: &Bare, after: &Bare) {
    check(context, before, after);
    let all = after.shape.units().iter().all(|unit| after.agrees(unit));
    assert!(all, "{context}: members differ at the end");
    let (header, dirty) = after.header();
    assert_eq!((header.events, header.events_cleared), (Events::ZERO, Events::ZERO), "{context}");
    let missing = before.built.holders.len() < before.shape.disks;
    assert_eq!(dirty.is_empty(), !missing, "{context}: {dirty:?}");
}

fn cut_everywhere(before: &Bare) -> usize {
    let mut engine = before.engine();
    run(&mut engine, &before.options()).unwrap_or_else(|e| panic!("{}: {e}", before.shape.name));
    let log = engine.log.borrow().clone();
    all_are_flushed_before_a_bit_goes(before.shape.name, before.disks.last().unwrap(), &log);
    let mut images = 0;
    for cut in 0..=log.len() {
        for lost in losses(&log[..cut], false) {
            let context = format!("{}, cut {cut}, {lost:?}", before.shape.name);
            let disks = image(&before.disks, &log[..cut], &lost);
            let image = Bare { disks, ..before.clone() };
            check(&context, before, &image);
            check_end(&context, before, &image.done());
            images += 1;
        }
    }
    images
}

#[test]
fn a_power_cut_at_any_write_is_survived_without_superblocks() {
    let shapes = [
        Shape::mirror(2),
        Shape::mirror(3),
        oracle::N2_3,
        oracle::F2,
        oracle::O2,
        oracle::RAID4,
        oracle::RAID5_LS,
        oracle::RAID6_DDF,
    ];
    let mut images = 0;
    for shape in shapes {
        let last = shape.disks - 1;
        images += cut_everywhere(&Bare::new(shape, last));
        images += cut_everywhere(&Bare::new(shape, 1).behind(1));
        images += cut_everywhere(&Bare::new(shape, 0).behind(0));
        images += cut_everywhere(&Bare::new(shape, last).stale());
        if !shape.is_parity() && shape.disks > 2 {
            images += cut_everywhere(&Bare::new(shape, 1).without_last());
        }
        if shape.level == 1 && shape.disks > 2 {
            images += cut_everywhere(&Bare::new(shape, 1).behind(1).without_last());
        }
    }
    println!("{images} images");
    assert!(images > 1000, "only {images} images were tried");
}

#[test]
fn the_check_itself_sees_a_bit_that_was_cleared_too_early() {
    let before = Bare::new(oracle::RAID5_LS, 2);
    let mut broken = before.clone();
    check("whole", &before, &broken);
    broken.disks.last_mut().unwrap()[256] = 0;
    std::panic::catch_unwind(|| check("broken", &before, &broken)).unwrap_err();
}

#[test]
fn a_member_that_was_away_gets_what_the_others_have() {
    let before = Bare::new(Shape::mirror(2), 0).behind(0);
    let after = before.done();
    assert_eq!(after.disks[0], before.disks[1]);
    // Without that word the first member is the source, as it is for the kernel.
    let plain = before.with(|built| built.behind.clear());
    assert_eq!(plain.done().disks[1], plain.disks[0]);
}

#[test]
fn write_mostly_members_are_no_source_while_there_is_another() {
    let lagging = Bare::new(Shape::mirror(3), 0).with(|built| built.write_mostly = vec![Slot(0)]);
    let after = lagging.done();
    assert_eq!(after.disks[0], lagging.disks[1]);
    let mut untold = lagging.with(|built| built.write_mostly.clear());
    untold.patch(|raw| raw.set_write_behind(256));
    untold.refused("tells of write-behind");
}

#[test]
fn nothing_is_written_where_no_bit_is_set() {
    let mut bare = Bare::new(oracle::RAID5_LS, 2);
    bare.disks.last_mut().unwrap()[256..].fill(0);
    for bare in [bare.clone(), bare.behind(1)] {
        let mut engine = bare.engine();
        let report = run(&mut engine, &bare.options()).unwrap();
        assert_eq!(
            (report.decision, report.reason.as_str()),
            (Decision::Nothing, "no chunk is dirty")
        );
        assert!(engine.log.borrow().is_empty());
    }
}

#[test]
fn what_parity_cannot_tell_is_refused() {
    let raid5 = Bare::new(oracle::RAID5_LS, 1);
    raid5.clone().behind(1).with(|built| built.clean = false).refused("stopped cleanly");
    raid5.clone().without_last().refused("nobody holds slot 2");
    let both = |built: &mut Built| built.behind = vec![Slot(0), Slot(1)];
    raid5.clone().behind(1).with(both).refused("parity makes up for 1");
    let all = |built: &mut Built| built.behind = (0..3).map(Slot).collect();
    raid5.behind(1).with(all).refused("nobody to take the data from");
}

#[test]
fn a_description_that_is_not_that_of_the_array_is_refused() {
    // 48 pages, most of them clean, so that there is something to tell it by.
    let large = |shape: Shape| Shape { pages: 48, ..shape };
    let why = "do not agree where no bit is set";
    // With one parity all members sum up to zero, whichever of them has it.
    let mut foreign = Bare::new(large(oracle::RAID5_LS), 2);
    foreign.disks[1].fill(7);
    foreign.refused(why);
    let raid6 = Bare::new(large(Shape { bit: 1, ..oracle::RAID6_LS }), 2);
    let mut turned = raid6.clone();
    turned.disks.swap(0, 1);
    turned.refused(why);
    raid6.with(|built| built.layout = 8).refused(why);
    let raid10 = Bare::new(large(oracle::N2_3), 2);
    raid10.clone().with(|built| built.layout = 0x1_0201).refused(why);
    let mut turned = raid10.clone();
    turned.disks.swap(1, 2);
    turned.refused(why);
    turned.with(|built| built.vouched = vec![Vouched::Mismatch]).done();
    raid10.done();
}

#[test]
fn the_bitmap_of_another_array_is_never_written() {
    let bare = Bare::new(Shape::mirror(2), 1);
    type Patch = fn(&mut RawBitmapSuper);
    let patches: [(&str, Patch); 3] = [
        ("belongs to an array that has superblocks", |raw| raw.set_uuid([9; 16])),
        ("the bitmap covers", |raw| raw.set_sync_size(Sectors::new(120))),
        ("the bitmap covers", |raw| raw.set_sync_size(Sectors::new(136))),
    ];
    for (why, patch) in patches {
        let mut other = bare.clone();
        other.patch(patch);
        other.refused(why);
        let mut engine = other.engine();
        let full = ResyncOptions { full: true, ..other.options() };
        assert_eq!(run(&mut engine, &full).unwrap_err().kind(), Kind::Refused, "{why}");
        assert_eq!(engine.disks, other.disks, "{why}");
    }
    let mut own = bare.with(|built| built.vouched = vec![Vouched::Uuid]);
    own.patch(|raw| raw.set_uuid([9; 16]));
    assert_eq!(own.done().header().0.uuid, [9; 16]);
}

#[test]
fn any_event_count_passes_and_none_is_kept_but_stale_bits_are_not_believed() {
    let mut bare = Bare::new(Shape::mirror(2), 1);
    bare.patch(|raw| {
        raw.set_events(Events::new(7));
        raw.set_events_cleared(Events::new(5));
    });
    check_end("events", &bare, &bare.done());
    bare.patch(|raw| raw.set_state(bitmap::StateFlags::STALE));
    bare.refused("marked as out of date");
    let full = Bare { full: true, ..bare };
    check_end("full", &full, &full.done());
}

#[test]
fn a_member_with_a_superblock_is_refused_unless_somebody_knows_better() {
    let mut bare = Bare::new(Shape::mirror(2), 1);
    let magic = crate::format::md::MAGIC.to_le_bytes();
    // Where version 1.2 has its superblock: damaged, and so nobody's data.
    bare.disks[1][4096..4100].copy_from_slice(&magic);
    bare.refused("carries an md superblock");
    bare.with(|built| built.vouched = vec![Vouched::Superblock]).done();
}

#[test]
fn a_size_takes_less_of_each_member() {
    let mut bare = Bare::new(Shape::mirror(2), 1);
    for disk in 0..2 {
        let more = vec![disk as u8 + 1; 3 * PAGE];
        bare.disks[disk].extend(more);
    }
    bare.refused("the bitmap covers");
    let size = bare.shape.pages * CHUNK / 512;
    let told = bare.clone().with(|built| built.size = Some(Sectors::new(size)));
    let after = told.done();
    assert_eq!(after.disks[1][bare.shape.pages as usize * PAGE..], vec![2; 3 * PAGE]);
    bare.with(|built| built.size = Some(Sectors::new(size + 1000))).refused("has 152");
}

/// What a checkpoint of that array is about.
fn account(bare: &Bare) -> u64 {
    let options = ResyncOptions { bitmap: None, full: true, ..bare.options() };
    let mut engine = bare.engine();
    let seen = look(&mut engine, &options).unwrap();
    let judged = judge(&mut engine, &options, &seen).unwrap();
    let seats = work::seats(&options, &seen, &judged.plan);
    let freshest = &seen.superblocks[judged.assembly.freshest];
    work::digest(&judged.geometry, &judged.assembly, &judged.plan, freshest, &seats, &options)
}

/// With another size copies lie elsewhere: all before the position would be passed over unseen.
#[test]
fn a_checkpoint_tells_of_one_size_only() {
    for shape in [Shape::mirror(2), oracle::F2] {
        let vouched = |built: &mut Built| built.vouched = vec![Vouched::Mismatch];
        let bare = Bare::new(shape, 1).with(vouched);
        let size = shape.pages * CHUNK / 512;
        let sized = |size| account(&bare.clone().with(|b| b.size = Some(Sectors::new(size))));
        assert_eq!(sized(size), account(&bare), "{}", shape.name);
        assert_ne!(sized(size - 16), account(&bare), "{}", shape.name);
    }
}

#[test]
fn a_geometry_that_makes_no_sense_is_refused() {
    let chunk = |n| move |built: &mut Built| built.chunk = Sectors::new(n);
    let raid5 = Bare::new(oracle::RAID5_LS, 1);
    raid5.clone().with(chunk(24)).refused("no power of two");
    raid5.with(chunk(1 << 40)).refused("");
    let few = Bare::new(oracle::N2_3, 1).with(|built| built.layout = 0x104);
    few.refused("wants 4 members");
}
