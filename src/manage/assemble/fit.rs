//! Whether an array can be started with the members there are, and should be. Pure.
//!
//! What the kernel would refuse is said beforehand. To start with fewer members than the array had
//! last is a decision that only a person can make: whoever is missing falls behind.

use super::cast::{Choice, Part, slot};
use crate::error::{Error, Result};
use crate::format::md::SuperView;
use crate::manage::report::Note;
use crate::units::Slot;

/// What is known before the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    /// The superblock that speaks for the array.
    pub(super) fresh: &'a SuperView,
    /// Whether no resync is due.
    pub(super) clean: bool,
    /// Who is taken as what.
    pub(super) choices: &'a [Choice],
    /// `--force=degraded`.
    pub(super) degraded: bool,
    /// Whether the kernel was told to start what is degraded and not clean.
    pub(super) dirty_degraded: bool,
}

/// Whether it can be started, and what a person should know of it.
///
/// # Errors
/// Refused, with the reason.
pub(super) fn judge(start: &Start<'_>) -> Result<Vec<Note>> {
    let in_sync = start.in_sync();
    enough(start.fresh, &in_sync)?;
    let parity = matches!(start.fresh.level, 4..=6);
    let degraded = in_sync.len() < usize::from(start.fresh.raid_disks);
    if parity && degraded && !start.clean && !start.dirty_degraded {
        return Err(Error::refused(format!(
            "it was not shut down cleanly, and {} not in sync: what was being written there cannot \
             be told from parity, and the kernel refuses to start it",
            slots(&start.missing())
        ))
        .hint("give the member that is missing")
        .more("else `mdadm --assemble --force` calls its parity right; check the data then"));
    }
    let lost = start.lost();
    if !lost.is_empty() && !start.degraded {
        return Err(Error::refused(format!(
            "{} had a member when the array last ran, and has none now; started without, the \
             member falls behind",
            slots(&lost)
        ))
        .unless_forced("degraded")
        .hint("give all members there are"));
    }
    Ok(start.notes(degraded))
}

impl Start<'_> {
    /// The slots of those in sync.
    fn in_sync(&self) -> Vec<Slot> {
        let of = |choice: &Choice| match choice.part {
            Part::InSync(slot) => Some(slot),
            _ => None,
        };
        self.choices.iter().filter_map(of).collect()
    }

    /// Slots without a member in sync.
    fn missing(&self) -> Vec<Slot> {
        let there = self.in_sync();
        (0..self.fresh.raid_disks).map(Slot).filter(|slot| !there.contains(slot)).collect()
    }

    /// Slots that somebody held when the array last ran, and nobody here does.
    pub(super) fn lost(&self) -> Vec<Slot> {
        let there: Vec<Slot> = self.choices.iter().filter_map(|c| slot(&c.part)).collect();
        let all = (0..self.fresh.raid_disks).map(Slot);
        let gone = all.filter(|slot| !there.contains(slot));
        gone.filter(|slot| self.fresh.devices_in(*slot).next().is_some()).collect()
    }

    fn notes(&self, degraded: bool) -> Vec<Note> {
        let mut notes = Vec::new();
        if degraded {
            let message = format!("it is degraded: {} not in sync", slots(&self.missing()));
            notes.push(Note::new("degraded", message));
        }
        notes
    }
}

/// "slot 1 is", "slots 1 and 2 are".
fn slots(slots: &[Slot]) -> String {
    let names: Vec<String> = slots.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [one] => format!("slot {one} is"),
        many => format!("slots {} are", many.join(", ")),
    }
}

/// Whether those in sync hold all of the data.
fn enough(fresh: &SuperView, there: &[Slot]) -> Result<()> {
    let (disks, count) = (usize::from(fresh.raid_disks), there.len());
    let fine = match fresh.level {
        1 => count >= 1,
        4 | 5 => count + 1 >= disks,
        6 => count + 2 >= disks,
        10 => raid10(fresh, there),
        _ => count >= disks,
    };
    match fine {
        true => Ok(()),
        false => Err(Error::refused(format!(
            "only {count} of its {disks} slots have a member in sync: that is not all of the data"
        ))
        .hint("give more of its members")),
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

#[cfg(test)]
mod tests;
