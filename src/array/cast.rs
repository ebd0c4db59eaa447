//! Which devices the kernel is given, in which order, and as what. Pure.
//!
//! The members that are current are given, and those whose rebuild can go on; spares, too. What is
//! behind is left out: the kernel would throw it out again, or worse. The device that is added
//! *last* defines the array for the kernel among those with the highest event count (its list
//! grows at the head; mdadm adds the freshest last, too). Where those disagree whether the array is
//! clean, that is one which says it is not.

use super::{Assembly, Away, Candidate, Member, Standing};
use crate::format::md::{ResyncPoint, Role, SuperView};
use crate::units::Slot;

/// What a device is taken as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// In sync.
    InSync(Slot),
    /// To be rebuilt further.
    Rebuilding(Slot),
    /// A spare.
    Spare,
    /// Not taken, and why.
    Out(String),
}

/// A device and its part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Its place in the list of candidates.
    pub index: usize,
    /// What it is taken as.
    pub part: Part,
}

/// Every device with its part, in the order in which the kernel gets them; those left out last.
pub fn cast(candidates: &[Candidate<'_>], assembly: &Assembly) -> Vec<Choice> {
    let fresh = candidates[assembly.freshest].superblock.view();
    let mut choices: Vec<Choice> = assembly
        .members
        .iter()
        .map(|member| {
            let view = candidates[member.index].superblock.view();
            Choice { index: member.index, part: part(member, view, fresh) }
        })
        .collect();
    let defining = defining(candidates, assembly);
    choices.sort_by_key(|choice| (rank(choice, defining), slot(&choice.part), choice.index));
    choices
}

fn part(member: &Member, view: &SuperView, fresh: &SuperView) -> Part {
    match (&member.standing, member.slot) {
        (Standing::Current, Some(slot)) => Part::InSync(slot),
        (Standing::Behind(Away::Recovering | Away::Rebuilding), Some(slot))
            if goes_on(view, fresh, slot) =>
        {
            Part::Rebuilding(slot)
        }
        (Standing::Behind(away), _) => Part::Out(away.to_string()),
        (Standing::Spare, _) => Part::Spare,
        (Standing::Outside(why), _) => Part::Out(why.clone()),
        (Standing::Current, None) => Part::Out("it holds no slot".into()),
    }
}

/// Whether the freshest still counts on it, and it missed nothing.
fn goes_on(view: &SuperView, fresh: &SuperView, slot: Slot) -> bool {
    let number = usize::try_from(view.dev_number).ok();
    let listed = number.and_then(|number| fresh.roles.get(number));
    view.events.next() >= fresh.events && listed == Some(&Role::Active(slot))
}

/// The device that is to speak for the array.
fn defining(candidates: &[Candidate<'_>], assembly: &Assembly) -> usize {
    let view = |member: &&Member| candidates[member.index].superblock.view();
    let current = assembly.current();
    let mut equals = current.iter().filter(|member| view(member).events == assembly.events);
    let dirty = equals.find(|member| view(member).resync != ResyncPoint::Clean);
    dirty.map_or(assembly.freshest, |member| member.index)
}

fn rank(choice: &Choice, defining: usize) -> u8 {
    match choice.part {
        Part::Spare => 0,
        Part::Rebuilding(_) => 1,
        Part::InSync(_) if choice.index != defining => 2,
        Part::InSync(_) => 3,
        Part::Out(_) => 4,
    }
}

/// The slot that a device is taken for.
pub fn slot(part: &Part) -> Option<Slot> {
    match part {
        Part::InSync(slot) | Part::Rebuilding(slot) => Some(*slot),
        Part::Spare | Part::Out(_) => None,
    }
}

#[cfg(test)]
mod tests;
