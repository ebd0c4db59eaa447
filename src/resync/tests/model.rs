//! What a kernel would make of an image, and what must hold of it.
//!
//! Nothing changed but what may; what it takes as in sync is right, or the array is dirty and the
//! bit is set in whichever copy it reads; and who is left out is told by the bits what it lacks.

use std::collections::BTreeSet;

use super::cases::Case;
use super::lab::Lab;
use super::oracle::{Unit, parity};
use crate::format::md::{MdVersion, ResyncPoint, Role, SuperView};
use crate::units::Events;

/// The judge of all images of one case.
pub(super) struct Model<'a> {
    case: &'a Case,
    whole: Lab,
    truth: Lab,
    /// Of the chunks that may be wrong, by chunk.
    units: Vec<(u64, Unit)>,
    /// Pages that may change, by member.
    may_change: BTreeSet<(usize, u64)>,
    /// Chunks that a kernel took for right before anything was done, though they are not.
    excused: BTreeSet<u64>,
}

/// A member and what its superblock says.
type Taken = (usize, SuperView);

/// The members whose superblocks hold, and those that a kernel takes as in sync: by their own word
/// if at most one event behind, and since 6.8 by the freshest one's word if behind at all.
fn assembled(lab: &Lab, new_rule: bool) -> Vec<Taken> {
    let view = |disk| Some((disk, lab.superblock(disk)?.view().clone()));
    let all: Vec<Taken> = (0..lab.members).filter_map(view).collect();
    let events = all.iter().map(|(_, view)| view.events).max().unwrap();
    let fresh = all.iter().find(|(_, view)| view.events == events).unwrap().1.clone();
    let taken = |(_, view): &Taken| {
        let level = view.events == events;
        let listed = fresh.roles.get(view.dev_number as usize) == Some(&view.role);
        let by_word = matches!(view.role, Role::Active(_)) && view.recovery_offset.is_none();
        by_word && view.events.next() >= events && (level || !new_rule || listed)
    };
    all.into_iter().filter(taken).collect()
}

impl<'a> Model<'a> {
    pub(super) fn new(case: &'a Case, version: MdVersion, file: bool) -> Self {
        let units = case.shape.units().into_iter().enumerate();
        let touched = |chunk: &u64| case.full || case.dirty.contains(chunk);
        let units = units.map(|(n, unit)| (n as u64 / case.shape.bit, unit));
        let units: Vec<_> = units.filter(|(chunk, _)| touched(chunk)).collect();
        let may_change = units.iter().flat_map(|(_, unit)| may_change(case, unit)).collect();
        let (whole, truth) = (case.lab(version, file), case.truth(version, file));
        let excused = BTreeSet::new();
        let mut model = Self { case, whole, truth, units, may_change, excused };
        model.excused = model.excused();
        model
    }

    pub(super) fn whole(&self) -> &Lab {
        &self.whole
    }

    fn excused(&self) -> BTreeSet<u64> {
        let wrong = |new_rule| {
            let taken = assembled(&self.whole, new_rule);
            let clean = says_clean(&taken).0;
            if clean { self.wrong(&self.whole, &disks(&taken)) } else { vec![] }
        };
        [false, true].into_iter().flat_map(wrong).collect()
    }

    /// What must hold of every image: nothing else changed, and a kernel may take it.
    pub(super) fn check(&self, context: &str, image: &Lab, away: &[Vec<u8>]) {
        self.nothing_else_changed(context, image);
        let mut all = image.clone();
        for (i, disk) in away.iter().enumerate() {
            all.disks.insert(image.members + i, disk.clone());
        }
        all.members += away.len();
        check_agreement(context, &all, away.len());
        let mut seen = BTreeSet::new();
        for new_rule in [false, true] {
            let taken = assembled(&all, new_rule);
            if seen.insert(disks(&taken)) {
                self.check_assembly(context, &all, &taken);
            }
        }
    }

    fn nothing_else_changed(&self, context: &str, image: &Lab) {
        for disk in 0..image.members {
            for page in
                (0..self.case.shape.pages).filter(|p| !self.may_change.contains(&(disk, *p)))
            {
                let same = self.whole.page(disk, page) == image.page(disk, page);
                assert!(same, "{context}: page {page} of member {disk} changed");
            }
        }
    }

    /// Chunks that do not hold what they should on the members in `taken`.
    fn wrong(&self, lab: &Lab, taken: &[usize]) -> Vec<u64> {
        let wrong = self.units.iter().filter(|(_, unit)| !self.is_right(lab, unit, taken));
        let mut chunks: Vec<u64> = wrong.map(|(chunk, _)| *chunk).collect();
        chunks.dedup();
        chunks
    }

    fn is_right(&self, lab: &Lab, unit: &Unit, taken: &[usize]) -> bool {
        let here: Vec<_> =
            unit.pages().into_iter().filter(|(disk, _)| taken.contains(disk)).collect();
        let Unit::Row { page, data, p, q } = unit else {
            return here.iter().all(|(d, at)| lab.page(*d, *at) == lab.page(here[0].0, here[0].1));
        };
        // While somebody is behind nobody doubts what the array holds.
        let as_before =
            |(disk, at): &(usize, u64)| lab.page(*disk, *at) == self.truth.page(*disk, *at);
        if self.case.has_behind() && !here.iter().all(as_before) {
            return false;
        }
        if here.len() < unit.pages().len() {
            return true;
        }
        let blocks: Vec<_> = data.iter().map(|(disk, e)| (lab.page(*disk, *page), *e)).collect();
        let (sum, other) = parity(&blocks, q.is_some());
        lab.page(*p, *page) == sum && q.is_none_or(|q| lab.page(q, *page) == other)
    }

    fn check_assembly(&self, context: &str, lab: &Lab, taken: &[Taken]) {
        let at = disks(taken);
        let (clean, dirty) = says_clean(taken);
        self.check_start(context, &at, dirty);
        let wrong = self.wrong(lab, &at);
        let excused = |chunk: &&u64| clean && self.excused.contains(*chunk);
        let wrong: Vec<u64> = wrong.iter().filter(|c| !excused(c)).copied().collect();
        assert!(!clean || wrong.is_empty(), "{context}: clean, yet chunks {wrong:?} are wrong");
        let events = newest(taken);
        let copies = if lab.file { vec![lab.members] } else { at.clone() };
        for copy in copies {
            let (header, dirty) =
                lab.bitmap(copy).unwrap_or_else(|| panic!("{context}: no bitmap"));
            // A bitmap behind the array makes the kernel resync everything.
            if header.events < events {
                continue;
            }
            for chunk in &wrong {
                assert!(dirty.contains(chunk), "{context}: chunk {chunk} is wrong, its bit clear");
            }
            self.check_left_out(context, lab, &at, header.events_cleared, &dirty);
        }
    }

    /// Whether a kernel starts it: not without all where parity is in doubt.
    fn check_start(&self, context: &str, taken: &[usize], dirty: bool) {
        let short = self.case.shape.disks - taken.len();
        match self.case.shape.is_parity() {
            true => {
                assert!(short <= self.case.shape.parities(), "{context}: only {taken:?} are left");
                assert!(short == 0 || !dirty, "{context}: degraded and dirty");
            }
            false => {
                let lost = |unit: &Unit| !unit.pages().iter().any(|(d, _)| taken.contains(d));
                let any = self.units.iter().any(|(_, unit)| lost(unit));
                assert!(!any, "{context}: chunks are lost with {taken:?}");
            }
        }
    }

    /// A member that is left out may be added again, and is then told by the bits what it lacks.
    fn check_left_out(
        &self,
        context: &str,
        lab: &Lab,
        taken: &[usize],
        cleared: Events,
        dirty: &[u64],
    ) {
        let out = (0..lab.members).filter(|disk| !taken.contains(disk));
        for disk in out {
            let Some(superblock) = lab.superblock(disk) else { continue };
            let view = superblock.view();
            if view.events < cleared || !matches!(view.role, Role::Active(_)) {
                continue;
            }
            for (chunk, unit) in self.units.iter().filter(|(chunk, _)| !dirty.contains(chunk)) {
                let right = self.lacks_nothing(lab, unit, taken, disk);
                assert!(right, "{context}: {disk} lacks chunk {chunk}, and no bit tells it");
            }
        }
    }

    fn lacks_nothing(&self, lab: &Lab, unit: &Unit, taken: &[usize], disk: usize) -> bool {
        let pages = unit.pages();
        let Some((_, own)) = pages.iter().find(|(d, _)| *d == disk) else { return true };
        let expected = match unit {
            Unit::Row { .. } => self.truth.page(disk, *own),
            Unit::Copies(_) => {
                let (d, page) = pages.iter().find(|(d, _)| taken.contains(d)).unwrap();
                lab.page(*d, *page)
            }
        };
        lab.page(disk, *own) == expected
    }

    /// How a run must end: members at hand right, clean, and nobody else taken.
    pub(super) fn check_end(&self, context: &str, after: &Lab, away: &[Vec<u8>]) {
        self.check(context, after, away);
        let all: Vec<usize> = (0..after.members).collect();
        // Level, or one superblock apart, which both rules of the kernel take for in sync.
        for new_rule in [false, true] {
            let taken = disks(&assembled(after, new_rule));
            assert_eq!(taken, all, "{context}: not all are in sync at the end");
        }
        let wrong = self.wrong(after, &all);
        assert!(wrong.is_empty(), "{context}: chunks {wrong:?} are wrong at the end");
        for disk in all {
            let view = after.superblock(disk).unwrap().view().clone();
            assert_eq!(view.resync, ResyncPoint::Clean, "{context}: member {disk} is not clean");
            let copy = if after.file { after.members } else { disk };
            let (header, dirty) = after.bitmap(copy).unwrap();
            assert!(header.events >= view.events, "{context}: the bitmap is behind");
            assert_eq!(dirty.is_empty(), self.case.away == 0, "{context}: {dirty:?} left");
        }
    }
}

/// Superblocks with the highest count agree who is in sync, and whom they count in is one event
/// behind at most: else it depends on the order of probing what a kernel makes of them. With
/// somebody away one that returns may be two behind for a moment: it is then left out as before,
/// and all its bits are set.
fn check_agreement(context: &str, lab: &Lab, away: usize) {
    let views: Vec<SuperView> =
        (0..lab.members).filter_map(|disk| Some(lab.superblock(disk)?.view().clone())).collect();
    let newest = views.iter().map(|view| view.events).max().unwrap();
    for by in views.iter().filter(|view| view.events == newest) {
        for view in &views {
            let listed = by.roles.get(view.dev_number as usize) == Some(&view.role);
            let near = away > 0 || view.events.next() >= newest;
            assert!(near || !listed, "{context}: {:?} is counted in, and too old", view.role);
            let level = view.events == newest;
            assert!(listed || !level, "{context}: {:?} is level, and not counted in", view.role);
        }
    }
}

fn disks(taken: &[Taken]) -> Vec<usize> {
    taken.iter().map(|(disk, _)| *disk).collect()
}

fn newest(taken: &[Taken]) -> Events {
    taken.iter().map(|(_, view)| view.events).max().unwrap()
}

/// Whether any says clean, and whether any says that it is not. With equal counts the kernel
/// believes whichever it sees first.
fn says_clean(taken: &[Taken]) -> (bool, bool) {
    let newest = newest(taken);
    let fresh = || taken.iter().filter(|(_, view)| view.events == newest);
    let clean = |(_, view): &Taken| view.resync == ResyncPoint::Clean;
    (fresh().any(clean), !fresh().all(clean))
}

/// Pages of a unit that a resync may write: copies but for the one that has authority, parity, and
/// whatever a member that is behind has.
fn may_change(case: &Case, unit: &Unit) -> Vec<(usize, u64)> {
    let at_hand = |disk: &usize| *disk < case.states.len() - case.away;
    let pages = unit.pages().into_iter().filter(|(disk, _)| at_hand(disk));
    let kept: Vec<usize> = match unit {
        _ if !case.renews() => {
            pages.clone().map(|(d, _)| d).filter(|d| case.is_current(*d)).collect()
        }
        Unit::Row { data, .. } => data.iter().map(|(disk, _)| *disk).collect(),
        Unit::Copies(_) => {
            pages.clone().map(|(d, _)| d).find(|d| case.is_current(*d)).into_iter().collect()
        }
    };
    pages.filter(|(disk, _)| !kept.contains(disk)).collect()
}
