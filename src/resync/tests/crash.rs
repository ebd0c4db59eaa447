//! Power cuts, enumerated: after every write of a run, with what was not flushed lost, kept or torn.
//!
//! From the log of a run each possible image is built. On each, what a kernel would assemble must
//! be safe: members it takes as in sync differ only where the array is dirty and the bit is set, in
//! whichever copy it reads. And running again must end as the first run would have.

use std::collections::BTreeSet;

use super::lab::{CHUNKS, DIRTY, EVENTS, Lab, State, V0_90, run};
use crate::format::md::{MdVersion, ResyncPoint, Role, Superblock};
use crate::io::DevId;
use crate::io::mem::Event;
use crate::resync::ResyncOptions;
use crate::units::Events;

/// A way for an array to go down, and the chunks that may change because of it.
struct Case {
    name: &'static str,
    states: Vec<State>,
    dirty: Vec<u64>,
    full: bool,
    stale: bool,
    /// Members that are not at hand when it is resynced.
    away: usize,
}

fn cases() -> Vec<Case> {
    let lost = State { differs: &[1, 5, 6], ..DIRTY };
    let base = Case {
        name: "",
        states: vec![DIRTY, lost],
        dirty: vec![1, 5, 6, 9],
        full: false,
        stale: false,
        away: 0,
    };
    let clean = State { clean: true, ..DIRTY };
    let behind = State { events: EVENTS - 5, listed: false, clean: true, differs: &[1, 9] };
    let all: Vec<u64> = (0..CHUNKS).collect();
    vec![
        Case { name: "unclean", ..base.clone() },
        Case { name: "unclean, three members", states: vec![DIRTY, lost, lost], ..base.clone() },
        Case {
            name: "unclean, one a superblock behind",
            states: vec![DIRTY, State { events: EVENTS - 1, ..lost }, DIRTY],
            ..base.clone()
        },
        Case {
            name: "unclean, the first a superblock behind",
            states: vec![State { events: EVENTS - 1, ..DIRTY }, lost],
            ..base.clone()
        },
        Case { name: "behind", states: vec![clean, behind], ..base.clone() },
        Case { name: "the first behind", states: vec![behind, clean], ..base.clone() },
        Case { name: "unclean and behind", states: vec![DIRTY, behind, lost], ..base.clone() },
        Case { name: "one away", states: vec![DIRTY, lost, lost], away: 1, ..base.clone() },
        Case {
            name: "one away, one behind",
            states: vec![DIRTY, behind, lost],
            away: 1,
            ..base.clone()
        },
        Case {
            name: "clean with dirty bits",
            states: vec![clean, State { clean: true, ..lost }],
            ..base.clone()
        },
        Case {
            name: "full by a stale bitmap",
            dirty: vec![],
            full: true,
            stale: true,
            ..base.clone()
        },
        Case { name: "everything dirty", dirty: all, ..base },
    ]
}

impl Clone for Case {
    fn clone(&self) -> Self {
        Self { states: self.states.clone(), dirty: self.dirty.clone(), ..*self }
    }
}

fn lab(case: &Case, version: MdVersion, file: bool) -> Lab {
    let mut lab = Lab::new(version, &case.states, &case.dirty, file);
    if case.stale {
        lab.patch_bitmap(|raw| raw.set_events(Events::new(EVENTS - 3)));
    }
    lab
}

/// A power cut at any write loses nothing, and a second run finishes.
fn cut_every_run(version: MdVersion) {
    let mut images = 0;
    for case in cases() {
        for file in [false, true] {
            images += cut_everywhere(&case, &lab(&case, version, file));
        }
    }
    assert!(images > 2_500, "only {images} images were tried");
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_0_90() {
    cut_every_run(V0_90);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_1_0() {
    cut_every_run(MdVersion::V1_0);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_1_1() {
    cut_every_run(MdVersion::V1_1);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_1_2() {
    cut_every_run(MdVersion::V1_2);
}

/// Tries every image of one run; gives how many.
fn cut_everywhere(case: &Case, whole: &Lab) -> usize {
    let (here, away) = whole.without_last(whole.members - case.away);
    let options = ResyncOptions { full: case.full, ..here.options() };
    let mut engine = here.engine();
    run(&mut engine, &options).unwrap_or_else(|e| panic!("{}: {e}", case.name));
    let log = engine.log.borrow().clone();
    let mut tried = 0;
    for cut in 0..=log.len() {
        for lost in losses(&log[..cut]) {
            let image = Lab { disks: image(&here.disks, &log[..cut], &lost), ..here.clone() };
            let context = format!("{}, {}, cut {cut}", case.name, whole.version.as_str());
            check_image(&context, case, whole, &image, &away);
            check_rerun(&context, case, whole, &image, &options, &away);
            tried += 1;
        }
    }
    tried
}

/// What may be missing of the writes that no flush has made stable.
#[derive(Clone, Debug)]
enum Loss {
    These(BTreeSet<usize>),
    /// Of this write, only the first sectors; all other writes in whole.
    Torn(usize, usize),
}

fn losses(log: &[Event]) -> Vec<Loss> {
    let volatile = volatile(log);
    let all: BTreeSet<usize> = volatile.iter().copied().collect();
    let mut losses = vec![Loss::These(BTreeSet::new())];
    if !all.is_empty() {
        losses.push(Loss::These(all.clone()));
        for torn in all.iter().filter(|i| can_be_told_when_torn(&log[**i])) {
            losses.extend((1..sectors(&log[*torn])).map(|kept| Loss::Torn(*torn, kept)));
        }
        for one in &all {
            losses.push(Loss::These(BTreeSet::from([*one])));
            losses.push(Loss::These(all.iter().copied().filter(|other| other != one).collect()));
        }
    }
    losses
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

fn image(start: &[Vec<u8>], log: &[Event], loss: &Loss) -> Vec<Vec<u8>> {
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

/// What must hold of every image: nothing else changed, and a kernel may take it.
fn check_image(context: &str, case: &Case, before: &Lab, image: &Lab, away: &[Vec<u8>]) {
    let may_change = |chunk: u64| case.full || case.dirty.contains(&chunk);
    for disk in 0..image.members {
        for chunk in (0..CHUNKS).filter(|chunk| !may_change(*chunk)) {
            let same = before.chunk(disk, chunk) == image.chunk(disk, chunk);
            assert!(same, "{context}: clean chunk {chunk} of member {disk} changed");
        }
    }
    let mut all = image.clone();
    for (i, disk) in away.iter().enumerate() {
        all.disks.insert(image.members + i, disk.clone());
    }
    all.members += away.len();
    for new_rule in [false, true] {
        check_assembly(context, case, &all, new_rule);
    }
}

/// The members a kernel takes as in sync: by their own word if at most one event behind, and since
/// 6.8 by the freshest one's word if behind at all.
fn assembled(lab: &Lab, new_rule: bool) -> Vec<(usize, Superblock)> {
    let all: Vec<_> =
        (0..lab.members).filter_map(|disk| Some((disk, lab.superblock(disk)?))).collect();
    let events = all.iter().map(|(_, sb)| sb.view().events).max().unwrap();
    let fresh = all.iter().find(|(_, sb)| sb.view().events == events).unwrap().1.clone();
    let taken = |(_, sb): &(usize, Superblock)| {
        let view = sb.view();
        let level = view.events == events;
        let listed = fresh.view().roles.get(view.dev_number as usize) == Some(&view.role);
        let by_word = matches!(view.role, Role::Active(_)) && view.recovery_offset.is_none();
        by_word && view.events.next() >= events && (level || !new_rule || listed)
    };
    all.into_iter().filter(taken).collect()
}

fn check_assembly(context: &str, case: &Case, lab: &Lab, new_rule: bool) {
    let taken = assembled(lab, new_rule);
    let Some((first, _)) = taken.first() else { return };
    let events = taken.iter().map(|(_, sb)| sb.view().events).max().unwrap();
    // With equal counts the kernel believes whichever it sees first: any clean one may be it.
    let clean = taken
        .iter()
        .any(|(_, sb)| sb.view().events == events && sb.view().resync == ResyncPoint::Clean);
    let differing: Vec<u64> = (0..CHUNKS)
        .filter(|chunk| {
            taken.iter().any(|(d, _)| lab.chunk(*d, *chunk) != lab.chunk(*first, *chunk))
        })
        .collect();
    let untouched = case.states.iter().all(|state| state.clean);
    if differing.is_empty() || (clean && untouched) {
        return;
    }
    assert!(!clean, "{context}: clean, yet chunks {differing:?} differ");
    let copies: Vec<usize> = match lab.file {
        true => vec![lab.members],
        false => taken.iter().map(|(disk, _)| *disk).collect(),
    };
    for copy in copies {
        let (header, dirty) = lab.bitmap(copy).unwrap_or_else(|| panic!("{context}: bad bitmap"));
        // A bitmap behind the array makes the kernel resync everything.
        let believed = header.events >= events;
        for chunk in differing.iter().filter(|_| believed) {
            assert!(dirty.contains(chunk), "{context}: chunk {chunk} differs, its bit is clear");
        }
    }
}

/// Running again must end as it should: members at hand equal, clean, and nobody else taken.
fn check_rerun(
    context: &str,
    case: &Case,
    before: &Lab,
    image: &Lab,
    options: &ResyncOptions,
    away: &[Vec<u8>],
) {
    let mut engine = image.engine();
    run(&mut engine, options).unwrap_or_else(|e| panic!("{context}: second run: {e}"));
    let after = Lab { disks: engine.disks.clone(), ..image.clone() };
    check_image(context, case, before, &after, away);
    // Level, or one superblock apart, which both rules of the kernel take for in sync.
    for new_rule in [false, true] {
        let taken: BTreeSet<_> = assembled(&after, new_rule).iter().map(|(d, _)| *d).collect();
        let all: BTreeSet<_> = (0..after.members).collect();
        assert_eq!(taken, all, "{context}: not all are in sync after a second run");
    }
    for disk in 0..after.members {
        let view = after.superblock(disk).unwrap().view().clone();
        assert_eq!(view.resync, ResyncPoint::Clean, "{context}: member {disk} is not clean");
        for chunk in 0..CHUNKS {
            let same = after.chunk(disk, chunk) == after.chunk(0, chunk);
            assert!(same, "{context}: chunk {chunk} differs after a second run");
        }
        if let Some((header, dirty)) = after.bitmap(if after.file { after.members } else { disk }) {
            assert!(header.events >= view.events, "{context}: the bitmap is behind");
            assert_eq!(dirty.is_empty(), case.away == 0, "{context}: {dirty:?} left");
        }
    }
}

#[test]
fn the_check_itself_sees_a_bit_that_was_cleared_too_early() {
    let case = &cases()[0];
    let lab = lab(case, V0_90, true);
    let mut broken = lab.clone();
    broken.disks[2][256] = 0;
    let seen = std::panic::catch_unwind(|| check_image("broken", case, &lab, &broken, &[]));
    assert!(seen.is_err(), "a clear bit over a differing chunk went unnoticed");
}
