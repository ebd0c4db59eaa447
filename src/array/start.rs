//! Whether the members that are taken suffice to start an array, and what stands in the way. Pure.
//!
//! The kernel's rules (all of the data there, no array with parity that is both degraded and not
//! clean), and the one that mdadm adds: nobody is left behind without being told so.

use std::fmt;

use super::cast::{Choice, Part, slot};
use crate::format::md::SuperView;
use crate::units::Slot;

/// What is known before the start.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The superblock that speaks for the array.
    pub fresh: &'a SuperView,
    /// Whether no resync is due.
    pub clean: bool,
    /// Who is taken as what.
    pub choices: &'a [Choice],
}

/// What keeps an array from being started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Not all of the data is there.
    TooFew {
        /// Slots with a member in sync.
        there: usize,
        /// Slots there are.
        disks: u16,
    },
    /// It has parity, was not shut down cleanly, and these slots are not in sync.
    DirtyDegraded(Vec<Slot>),
    /// These slots had a member when it last ran, and have none now.
    Fewer(Vec<Slot>),
}

impl Obstacle {
    /// A stable name for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooFew { .. } => "too-few-members",
            Self::DirtyDegraded(_) => "dirty-degraded",
            Self::Fewer(_) => "fewer-than-before",
        }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { there, disks } => write!(
                f,
                "only {there} of its {disks} slots have a member in sync: that is not all of the \
                 data"
            ),
            Self::DirtyDegraded(missing) => write!(
                f,
                "it was not shut down cleanly, and {} {} not in sync: what was being written there \
                 cannot be told from parity, and the kernel refuses to start it",
                named(missing),
                if missing.len() == 1 { "is" } else { "are" }
            ),
            Self::Fewer(lost) => write!(
                f,
                "{} had a member when the array last ran, and none is given now; started without, \
                 the member falls behind",
                named(lost)
            ),
        }
    }
}

impl Start<'_> {
    /// All that stands in the way, the worst first.
    #[must_use]
    pub fn obstacles(&self) -> Vec<Obstacle> {
        let in_sync = self.in_sync();
        let disks = self.fresh.raid_disks;
        let mut found = Vec::new();
        if !enough(self.fresh, &in_sync) {
            found.push(Obstacle::TooFew { there: in_sync.len(), disks });
        }
        let parity = matches!(self.fresh.level, 4..=6);
        if parity && !self.clean && in_sync.len() < usize::from(disks) {
            found.push(Obstacle::DirtyDegraded(self.missing()));
        }
        let lost = self.lost();
        if !lost.is_empty() {
            found.push(Obstacle::Fewer(lost));
        }
        found
    }

    /// The slots of those in sync.
    #[must_use]
    pub fn in_sync(&self) -> Vec<Slot> {
        let of = |choice: &Choice| match choice.part {
            Part::InSync(slot) => Some(slot),
            _ => None,
        };
        self.choices.iter().filter_map(of).collect()
    }

    /// Slots without a member in sync.
    #[must_use]
    pub fn missing(&self) -> Vec<Slot> {
        let there = self.in_sync();
        (0..self.fresh.raid_disks).map(Slot).filter(|slot| !there.contains(slot)).collect()
    }

    /// Slots that somebody held when the array last ran, and nobody here does.
    #[must_use]
    pub fn lost(&self) -> Vec<Slot> {
        let mut gone = self.vacant();
        gone.retain(|slot| self.fresh.devices_in(*slot).next().is_some());
        gone
    }

    /// Slots that nobody is taken for.
    #[must_use]
    pub fn vacant(&self) -> Vec<Slot> {
        let there: Vec<Slot> = self.choices.iter().filter_map(|c| slot(&c.part)).collect();
        (0..self.fresh.raid_disks).map(Slot).filter(|slot| !there.contains(slot)).collect()
    }
}

/// "slot 1", "slots 1, 2".
#[must_use]
pub fn named(slots: &[Slot]) -> String {
    let names: Vec<String> = slots.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [one] => format!("slot {one}"),
        many => format!("slots {}", many.join(", ")),
    }
}

/// Whether those in sync hold all of the data.
fn enough(fresh: &SuperView, there: &[Slot]) -> bool {
    let (disks, count) = (usize::from(fresh.raid_disks), there.len());
    match fresh.level {
        1 => count >= 1,
        4 | 5 => count + 1 >= disks,
        6 => count + 2 >= disks,
        10 => raid10(fresh, there),
        _ => count >= disks,
    }
}

/// Of every set of slots that hold the same data, one is there.
fn raid10(fresh: &SuperView, there: &[Slot]) -> bool {
    let (near, far) = (fresh.layout & 0xff, fresh.layout >> 8 & 0xff);
    let disks = u32::from(fresh.raid_disks);
    let has = |slot: u32| there.iter().any(|one| u32::from(one.0) == slot % disks);
    let sets = (0..disks).map(|index| index * near % disks);
    disks > 0 && sets.into_iter().all(|first| (0..near * far).any(|copy| has(first + copy)))
}
