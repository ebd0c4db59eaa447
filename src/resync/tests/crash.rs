//! Power cuts, enumerated: after every write of a run, with what was not flushed lost, kept or torn.
//!
//! From the log of a run each possible image is built. On each, what a kernel would assemble must
//! be safe (`model`), and running again must end as the first run would have. By default each case
//! of a shape is run on one kind of metadata and bitmap, and data are torn at one place; with
//! `MDBITMAP_LONG=1` on all of them and everywhere.

use std::collections::BTreeSet;

use super::cases::{Case, SHAPES, cases, mirrors};
use super::lab::{Lab, V0_90, run};
use super::model::Model;
use super::oracle::{self, Shape};
use crate::format::md::MdVersion;
use crate::io::DevId;
use crate::io::mem::Event;
use crate::resync::ResyncOptions;

const VERSIONS: [MdVersion; 4] = [V0_90, MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2];

pub(super) fn long() -> bool {
    std::env::var_os("MDBITMAP_LONG").is_some()
}

/// A power cut at any write loses nothing, and a second run finishes.
fn cut_every_mirror(version: MdVersion) {
    let mut images = 0;
    for case in mirrors() {
        for file in [false, true] {
            images += cut_everywhere(&case, version, file, true);
        }
    }
    println!("raid1, {}: {images} images", version.as_str());
    assert!(images > 2_500, "only {images} images were tried");
}

/// The same for all cases of a shape; metadata and kind of bitmap take turns.
fn cut_every_case(shape: Shape) {
    let mut images = 0;
    let nth = SHAPES.iter().position(|other| other.name == shape.name).unwrap();
    for (i, case) in cases(shape).iter().enumerate() {
        let turn = (i + 3 * nth) % 8;
        for (n, version) in VERSIONS.into_iter().enumerate() {
            for (m, file) in [false, true].into_iter().enumerate() {
                if long() || turn == 2 * n + m {
                    images += cut_everywhere(case, version, file, long());
                }
            }
        }
    }
    println!("{}: {images} images", shape.name);
    assert!(images > 800, "only {images} images were tried");
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_0_90() {
    cut_every_mirror(V0_90);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_1_0() {
    cut_every_mirror(MdVersion::V1_0);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_1_1() {
    cut_every_mirror(MdVersion::V1_1);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_1_2() {
    cut_every_mirror(MdVersion::V1_2);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_raid10_near() {
    cut_every_case(oracle::N2_3);
    cut_every_case(oracle::N2_4);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_raid10_far_and_offset() {
    cut_every_case(oracle::F2);
    cut_every_case(oracle::O2);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_raid4() {
    cut_every_case(oracle::RAID4);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_raid5() {
    cut_every_case(oracle::RAID5_LS);
    cut_every_case(oracle::RAID5_LA);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_raid6() {
    cut_every_case(oracle::RAID6_LS);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_raid6_of_ddf() {
    cut_every_case(oracle::RAID6_DDF);
}

/// Tries every image of one run; gives how many.
pub(super) fn cut_everywhere(case: &Case, version: MdVersion, file: bool, torn: bool) -> usize {
    let model = Model::new(case, version, file);
    let (here, away) = model.whole().without_last(case.states.len() - case.away);
    let options = ResyncOptions { full: case.full, ..here.options() };
    let mut engine = here.engine();
    let context = format!("{}, {}, {}", case.shape.name, case.name, version.as_str());
    run(&mut engine, &options).unwrap_or_else(|e| panic!("{context}: {e}"));
    let log = engine.log.borrow().clone();
    if file {
        all_are_flushed_before_a_bit_goes(&context, &here.disks[here.members], &log);
    }
    let mut tried = 0;
    for cut in 0..=log.len() {
        for lost in losses(&log[..cut], torn) {
            let image = Lab { disks: image(&here.disks, &log[..cut], &lost), ..here.clone() };
            let context = format!("{context}, cut {cut}, {lost:?}");
            model.check(&context, &image, &away);
            let mut engine = image.engine();
            run(&mut engine, &options).unwrap_or_else(|e| panic!("{context}: second run: {e}"));
            let after = Lab { disks: engine.disks, ..image };
            model.check_end(&context, &after, &away);
            tried += 1;
        }
    }
    tried
}

/// What an image held before the run was written by somebody else, and may be in a cache still: as
/// long as a bit covers it, that does no harm. `file`: the bitmap, behind all members.
pub(super) fn all_are_flushed_before_a_bit_goes(context: &str, file: &[u8], log: &[Event]) {
    let (mut bitmap, mut flushed) = (file.to_vec(), BTreeSet::new());
    let last = log.iter().map(device).max().unwrap_or_default();
    for event in log {
        let Event::Write(DevId(dev), at, new) = event else {
            flushed.insert(device(event));
            continue;
        };
        let at = usize::try_from(*at).unwrap();
        if *dev == last {
            let old = &mut bitmap[at..at + new.len()];
            let gone = |n: &usize| at + n >= 256 && old[*n] & !new[*n] != 0;
            let gone = (0..new.len()).find(gone);
            let all = (0..last).all(|member| flushed.contains(&member));
            assert!(gone.is_none() || all, "{context}: only {flushed:?} were flushed");
            old.copy_from_slice(new);
        }
    }
}

fn device(event: &Event) -> usize {
    match event {
        Event::Write(dev, ..) | Event::Flush(dev) => dev.0,
    }
}

/// What may be missing of the writes that no flush has made stable.
#[derive(Clone, Debug)]
pub(super) enum Loss {
    These(BTreeSet<usize>),
    /// Of this write, only the first sectors; all other writes in whole.
    Torn(usize, usize),
}

pub(super) fn losses(log: &[Event], everywhere: bool) -> Vec<Loss> {
    let volatile = volatile(log);
    let all: BTreeSet<usize> = volatile.iter().copied().collect();
    let mut losses = vec![Loss::These(BTreeSet::new())];
    if !all.is_empty() {
        losses.push(Loss::These(all.clone()));
        for torn in all.iter().filter(|i| can_be_told_when_torn(&log[**i])) {
            let at = tears(sectors(&log[*torn]), everywhere);
            losses.extend(at.into_iter().map(|kept| Loss::Torn(*torn, kept)));
        }
        for one in &all {
            losses.push(Loss::These(BTreeSet::from([*one])));
            losses.push(Loss::These(all.iter().copied().filter(|other| other != one).collect()));
        }
    }
    losses
}

fn tears(sectors: usize, everywhere: bool) -> Vec<usize> {
    let at = if everywhere { 1..sectors } else { sectors / 2..sectors / 2 + 1 };
    at.filter(|kept| (1..sectors).contains(kept)).collect()
}

fn sectors(event: &Event) -> usize {
    match event {
        Event::Write(_, _, bytes) => bytes.len() / 512,
        Event::Flush(_) => 0,
    }
}

/// A 0.90 superblock is eight sectors under one checksum. Torn, neither the kernel nor we take it,
/// and nothing tells its halves apart: the one write that a second run cannot finish. It lies in
/// one 4 KiB block, which drives of today write as a whole.
fn can_be_told_when_torn(event: &Event) -> bool {
    let magic = crate::format::md::MAGIC.to_le_bytes();
    !matches!(event, Event::Write(_, _, bytes) if bytes.len() == 4096 && bytes.starts_with(&magic))
}

/// Indices of the writes after the last flush of their device.
fn volatile(log: &[Event]) -> Vec<usize> {
    let flushed = |dev: DevId, after: usize| {
        log[after..].iter().any(|event| matches!(event, Event::Flush(d) if *d == dev))
    };
    let write = |(i, event): (usize, &Event)| match event {
        Event::Write(dev, _, _) if !flushed(*dev, i) => Some(i),
        _ => None,
    };
    log.iter().enumerate().filter_map(write).collect()
}

pub(super) fn image(start: &[Vec<u8>], log: &[Event], loss: &Loss) -> Vec<Vec<u8>> {
    let mut disks = start.to_vec();
    for (i, event) in log.iter().enumerate() {
        let Event::Write(dev, at, bytes) = event else { continue };
        let kept = match loss {
            Loss::These(lost) if lost.contains(&i) => 0,
            Loss::Torn(torn, sectors) if *torn == i => 512 * sectors,
            _ => bytes.len(),
        };
        let at = usize::try_from(*at).unwrap();
        disks[dev.0][at..at + kept].copy_from_slice(&bytes[..kept]);
    }
    disks
}

#[test]
fn the_check_itself_sees_a_bit_that_was_cleared_too_early() {
    for shape in [Shape::mirror(2), oracle::F2, oracle::RAID5_LS, oracle::RAID6_DDF] {
        let case = &cases(shape)[0];
        let model = Model::new(case, V0_90, true);
        let mut broken = model.whole().clone();
        model.check("whole", &broken, &[]);
        broken.disks[case.states.len()][256] = 0;
        let seen = std::panic::catch_unwind(|| model.check("broken", &broken, &[]));
        assert!(seen.is_err(), "a clear bit over a wrong chunk went unnoticed: {}", shape.name);
    }
}

#[test]
fn the_check_itself_sees_what_a_member_left_out_lacks() {
    for shape in [Shape::mirror(2), oracle::N2_3, oracle::RAID5_LS, oracle::RAID6_LS] {
        let all = cases(shape);
        let case = all.iter().find(|case| case.name == "behind").unwrap();
        let model = Model::new(case, V0_90, true);
        let mut broken = model.whole().clone();
        model.check("whole", &broken, &[]);
        broken.disks[case.states.len()][256..258].fill(0);
        let seen = std::panic::catch_unwind(|| model.check("broken", &broken, &[]));
        assert!(seen.is_err(), "{}", shape.name);
    }
}
