//! What a kernel would make of an image of a replacement, and what must hold of it.
//!
//! The judge knows both rules of kernels (a member's role by its own word and, since 6.8, by the
//! freshest one's where it is behind), the device that held the slot before, and a rebuild that goes
//! on where a superblock says it got to. Whoever is taken as in sync must hold every byte right.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::lab::{Lab, State};
use super::super::oracle;
use super::cases::Case;
use crate::format::md::{MdVersion, ResyncPoint, Role, SuperView};
use crate::resync::{Replacement, ResyncOptions};
use crate::units::{Sectors, Slot};

/// More than the array has, so that superblocks at the end lie elsewhere.
const LARGER: usize = 1 << 16;

/// The bench: what is given to the engine, and what is kept aside.
pub(super) struct Bench {
    pub(super) case: Case,
    /// The whole array as it should be, by slot.
    pub(super) truth: Lab,
    /// Members at hand, newcomers, bitmap file.
    pub(super) start: Lab,
    /// Slots of the first disks of `start`.
    pub(super) slots: Vec<usize>,
    /// Disks that held filled or missing slots.
    pub(super) old: Vec<(usize, Vec<u8>)>,
    pub(super) options: ResyncOptions,
}

impl Bench {
    pub(super) fn new(case: &Case, version: MdVersion, file: bool) -> Self {
        let whole = Lab::of(case.shape, version, &case.states, &case.dirty, file);
        let right: Vec<State> =
            case.states.iter().map(|state| State { differs: &[], ..*state }).collect();
        let truth = Lab::of(case.shape, version, &right, &case.dirty, file);
        let lost = |slot: &usize| case.filled.contains(slot) || case.gone.contains(slot);
        let here: Vec<usize> = (0..case.shape.disks).filter(|slot| !lost(slot)).collect();
        let away = (0..case.shape.disks).filter(lost);
        let old = away.map(|slot| (slot, whole.disks[slot].clone())).collect();
        let mut disks: Vec<Vec<u8>> = here.iter().map(|slot| whole.disks[*slot].clone()).collect();
        let len = whole.disks[0].len() + LARGER;
        disks.extend(case.filled.iter().map(|_| vec![0; len]));
        disks.extend(whole.disks.get(case.shape.disks).cloned());
        let name = |n: usize| PathBuf::from(format!("disk{n}"));
        let replace = case.filled.iter().enumerate().map(|(n, slot)| Replacement {
            slot: Slot(u16::try_from(*slot).unwrap()),
            path: name(here.len() + n),
        });
        let options = ResyncOptions {
            members: (0..here.len()).map(name).collect(),
            replace: replace.collect(),
            bitmap: file.then(|| PathBuf::from("bitmap")),
            now: 2,
            ..ResyncOptions::default()
        };
        let slots: Vec<usize> = here.iter().chain(&case.filled).copied().collect();
        let start = Lab { disks, members: slots.len(), ..whole };
        Self { case: case.clone(), truth, start, slots, old, options }
    }

    pub(super) fn newcomers(&self) -> std::ops::Range<usize> {
        self.options.members.len()..self.slots.len()
    }

    pub(super) fn after(&self, disks: Vec<Vec<u8>>) -> Lab {
        Lab { disks, ..self.start.clone() }
    }

    /// Pages of the disk that are not what belongs on its slot, below `end`.
    pub(super) fn wrong(&self, lab: &Lab, disk: usize, slot: usize, end: u64) -> Vec<u64> {
        let pages = self.case.shape.units().into_iter().flat_map(|unit| unit.pages());
        let own = pages.filter(|(holder, page)| *holder == slot && *page < end);
        own.filter(|(_, page)| lab.page(disk, *page) != self.truth.page(slot, *page))
            .map(|(_, page)| page)
            .collect()
    }

    /// The chunks whose bits matter for pages of a slot.
    pub(super) fn chunks_of(&self, slot: usize, pages: &[u64]) -> BTreeSet<u64> {
        let units = self.case.shape.units().into_iter().enumerate();
        let hit = |(n, unit): (usize, oracle::Unit)| {
            let on = unit.pages().iter().any(|(d, page)| *d == slot && pages.contains(page));
            on.then_some(n as u64 / self.case.shape.bit)
        };
        units.filter_map(hit).collect()
    }

    /// Everything a kernel might be given: what is at hand and what was before.
    pub(super) fn all(&self, image: &Lab) -> (Lab, Vec<usize>) {
        let mut lab = image.clone();
        for (n, (_, disk)) in self.old.iter().enumerate() {
            lab.disks.insert(image.members + n, disk.clone());
        }
        lab.members += self.old.len();
        let old = self.old.iter().map(|(slot, _)| *slot);
        (lab, self.slots.iter().copied().chain(old).collect())
    }

    pub(super) fn check(&self, context: &str, image: &Lab) {
        let (all, slots) = self.all(image);
        for new_rule in [false, true] {
            self.check_assembly(&format!("{context}, new rule {new_rule}"), &all, &slots, new_rule);
        }
        self.check_bits(context, image);
    }

    pub(super) fn check_assembly(&self, context: &str, lab: &Lab, slots: &[usize], new_rule: bool) {
        let (taken, fresh) = taken(lab, new_rule);
        let mut held = BTreeSet::new();
        for (disk, slot, so_far) in &taken {
            assert_eq!(*slot, slots[*disk], "{context}: disk {disk} in another slot");
            let end = so_far.map_or(u64::MAX, |at| self.pages_before(at));
            let wrong = self.wrong(lab, *disk, *slot, end);
            let excused = fresh.resync != ResyncPoint::Clean && !self.newcomers().contains(disk);
            let wrong = self.chunks_of(*slot, &wrong);
            let known = wrong.iter().all(|chunk| self.case.dirty.contains(chunk));
            assert!(wrong.is_empty() || excused && known, "{context}: {disk} wrong at {wrong:?}");
            if so_far.is_none() {
                assert!(held.insert(*slot), "{context}: slot {slot} is held twice");
            }
        }
        let short = self.case.shape.disks - held.len();
        if self.case.shape.is_parity() {
            assert!(short <= self.case.shape.parities(), "{context}: only {held:?} are left");
            let clean = fresh.resync == ResyncPoint::Clean;
            assert!(short == 0 || clean, "{context}: degraded and dirty");
        } else {
            let units = self.case.shape.units();
            let lost = units.iter().any(|unit| !unit.pages().iter().any(|(d, _)| held.contains(d)));
            assert!(!lost, "{context}: chunks are lost with {held:?}");
        }
        self.check_left_out(context, lab, slots, &taken);
    }

    /// Pages that a rebuild which got to `at` takes for filled.
    pub(super) fn pages_before(&self, at: Sectors) -> u64 {
        let all = at.get() >= self.case.shape.pages * 8;
        if self.case.shape.level == 10 && !all { 0 } else { at.get() / 8 }
    }

    /// Who was away may be added again, and is then told by the bits what it lacks.
    pub(super) fn check_left_out(
        &self,
        context: &str,
        lab: &Lab,
        slots: &[usize],
        taken: &[(usize, usize, Option<Sectors>)],
    ) {
        let first =
            taken.iter().map(|(disk, ..)| *disk).find(|disk| !self.newcomers().contains(disk));
        let copy = if lab.file { lab.members } else { first.unwrap() };
        let (header, dirty) = lab.bitmap(copy).unwrap_or_else(|| panic!("{context}: no bitmap"));
        for (disk, slot) in slots.iter().enumerate().skip(self.slots.len()) {
            let view = lab.superblock(disk).unwrap().view().clone();
            let out = taken.iter().all(|(taken, ..)| *taken != disk);
            if !out || view.events < header.events_cleared {
                continue;
            }
            let wrong = self.wrong(lab, disk, *slot, u64::MAX);
            let untold: Vec<u64> =
                self.chunks_of(*slot, &wrong).into_iter().filter(|c| !dirty.contains(c)).collect();
            assert!(untold.is_empty(), "{context}: {disk} lacks {untold:?}, and no bit tells it");
        }
    }

    /// No bit is cleared before all are complete, and a copy that could be read is no worse.
    pub(super) fn check_bits(&self, context: &str, image: &Lab) {
        let active = |disk: usize| {
            image.superblock(disk).is_some_and(|s| matches!(s.view().role, Role::Active(_)))
        };
        let complete = self.newcomers().all(active) && self.case.gone.is_empty();
        let copies: Vec<usize> = match image.file {
            true => vec![image.members],
            false => (0..image.members).filter(|disk| active(*disk)).collect(),
        };
        let newest = (0..image.members).filter_map(|disk| image.superblock(disk));
        let newest = newest.map(|s| s.view().events).max().unwrap();
        for copy in copies {
            let (header, dirty) =
                image.bitmap(copy).unwrap_or_else(|| panic!("{context}: no bitmap on {copy}"));
            assert!(header.events >= newest, "{context}: the bitmap on {copy} is out of date");
            let kept = self.case.dirty.iter().all(|chunk| dirty.contains(chunk));
            assert!(complete || kept, "{context}: a bit was cleared on {copy}: {dirty:?}");
        }
    }

    pub(super) fn check_end(&self, context: &str, after: &Lab) {
        self.check(context, after);
        let views: Vec<SuperView> =
            (0..after.members).map(|disk| after.superblock(disk).unwrap().view().clone()).collect();
        for (disk, view) in views.iter().enumerate() {
            let slot = self.slots[disk];
            assert_eq!(view.role, Role::Active(Slot(slot as u16)), "{context}: disk {disk}");
            let state = (view.events, view.resync, view.recovery_offset);
            let wanted = (views[0].events, ResyncPoint::Clean, None);
            assert_eq!(state, wanted, "{context}: disk {disk}");
            let missing: Vec<Slot> = self.case.gone.iter().map(|slot| Slot(*slot as u16)).collect();
            assert_eq!(view.missing_slots(), missing, "{context}: disk {disk}");
            assert!(self.wrong(after, disk, slot, u64::MAX).is_empty(), "{context}: {disk}");
            let copy = if after.file { after.members } else { disk };
            let (_, dirty) = after.bitmap(copy).unwrap();
            assert_eq!(dirty.is_empty(), self.case.gone.is_empty(), "{context}: {dirty:?}");
        }
    }
}

/// Whom a kernel takes into which slot; of those that it goes on to rebuild, from where on. And
/// whose account it goes by.
pub(super) fn taken(
    lab: &Lab,
    new_rule: bool,
) -> (Vec<(usize, usize, Option<Sectors>)>, SuperView) {
    let view = |disk| Some((disk, lab.superblock(disk)?.view().clone()));
    let all: Vec<(usize, SuperView)> = (0..lab.members).filter_map(view).collect();
    let active = |view: &SuperView| matches!(view.role, Role::Active(_));
    let newest = all.iter().map(|(_, view)| view.events).max().unwrap();
    let fresh = all.iter().find(|(_, view)| view.events == newest && active(view));
    let fresh = fresh.expect("no member speaks for the array").1.clone();
    let role = |view: &SuperView| match new_rule && !view.version.is_0_90() && view.events < newest
    {
        true => fresh.roles.get(view.dev_number as usize).copied().unwrap_or(Role::Spare),
        false => view.role,
    };
    let place = |(disk, view): (usize, SuperView)| {
        let kicked = active(&view) && view.events.next() < newest;
        match role(&view) {
            Role::Active(slot) if !kicked => {
                Some((disk, usize::from(slot.0), view.recovery_offset))
            }
            _ => None,
        }
    };
    (all.clone().into_iter().filter_map(place).collect(), fresh)
}
