//! Whether a device may take a missing member's place, and what it brings with it.
//!
//! Whoever may hold something that the array lacks is refused: a member that was away is caught up
//! instead, a current one is in use. A newcomer is a spare by its own superblock until it is whole;
//! how far it was filled counts only for the very state of the array that it was noted for. A
//! degraded array never counts its events down, so equal counts mean that nobody wrote since.

use super::membership::{Assembly, Candidate, Standing, assemble};
use crate::error::{Error, Result};
use crate::format::md::{Role, SuperView, Superblock};
use crate::units::{Sectors, Slot};

/// More numbers than any array has.
const MOST_NUMBERS: u32 = 1920;

/// Descriptors in a superblock of version 0.90.
const MOST_NUMBERS_0_90: u32 = 27;

/// A device that is to take a slot.
#[derive(Clone, Copy, Debug)]
pub struct Applicant<'a> {
    /// Its path.
    pub name: &'a str,
    /// The slot.
    pub slot: Slot,
    /// Its superblock, where it has a sound one of this array.
    pub superblock: Option<&'a Superblock>,
    /// What else it carries, as far as anybody can tell.
    pub carries: Option<&'static str>,
}

/// What an applicant that is accepted brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brings {
    /// Nothing: it is filled from the start.
    Nothing,
    /// What an earlier run filled: all before this address of what a bitmap's bits cover.
    FilledTo(Sectors),
}

/// Refuses a slot that needs nobody.
///
/// # Errors
/// Usage where there is no such slot, refused where somebody holds it.
pub fn slot_is_free(candidates: &[Candidate<'_>], assembly: &Assembly, slot: Slot) -> Result<()> {
    let view = candidates[assembly.freshest].view();
    if slot.0 >= view.raid_disks {
        let why = format!("--replace: the array has no slot {slot}, its last is {}", last(view));
        return Err(Error::usage(why));
    }
    let holds = |m: &&super::Member| {
        m.slot == Some(slot) && matches!(m.standing, Standing::Current | Standing::Behind(_))
    };
    let Some(holder) = assembly.members.iter().find(holds) else { return Ok(()) };
    let name = candidates[holder.index].name;
    let (why, hint) = match holder.standing {
        Standing::Behind(_) => (
            format!("slot {slot} is not missing: this member holds it, and is behind"),
            "without --replace it is caught up; to give it up, leave it out",
        ),
        _ => (
            format!("slot {slot} is not missing: this member holds it, and is in sync"),
            "a member that is to be taken out is left out here; mind that all others are needed",
        ),
    };
    Err(Error::refused(why).at_path(name).hint(hint))
}

fn last(view: &SuperView) -> u16 {
    view.raid_disks.saturating_sub(1)
}

/// Whether the applicant took its place already, by its own word and by that of the others.
#[must_use]
pub fn has_arrived(candidates: &[Candidate<'_>], applicant: &Applicant<'_>) -> bool {
    let Some(superblock) = applicant.superblock else { return false };
    if superblock.view().role != Role::Active(applicant.slot) {
        return false;
    }
    let mut all = candidates.to_vec();
    all.push(Candidate { name: applicant.name, superblock });
    let current = |assembly: Assembly| {
        assembly.members.last().is_some_and(|member| member.standing == Standing::Current)
    };
    assemble(&all).is_ok_and(current)
}

/// Whether it may be written over, and what of it need not be.
///
/// # Errors
/// Refused where it may hold something; `overwrite` lets go of what nobody else needs.
pub fn admit(fresh: &SuperView, applicant: &Applicant<'_>, overwrite: bool) -> Result<Brings> {
    match (applicant.superblock, applicant.carries) {
        (Some(superblock), _) => relative(fresh, applicant, superblock.view(), overwrite),
        (None, Some(what)) if !overwrite => Err(Error::refused(format!("it carries {what}"))
            .at_path(applicant.name)
            .unless_forced("overwrite")),
        (None, _) => Ok(Brings::Nothing),
    }
}

/// One with a superblock of this very array.
fn relative(
    fresh: &SuperView,
    applicant: &Applicant<'_>,
    own: &SuperView,
    overwrite: bool,
) -> Result<Brings> {
    let number = usize::try_from(own.dev_number).unwrap_or(usize::MAX);
    let counted_in = fresh.roles.get(number) == Some(&own.role);
    let why = match own.role {
        Role::Spare => return Ok(filled_before(fresh, own)),
        // Whatever it was rebuilt from has all of it.
        Role::Active(slot) if own.recovery_offset.is_some() && slot == applicant.slot => {
            return Ok(Brings::Nothing);
        }
        Role::Active(slot) if counted_in && own.events.next() >= fresh.events => {
            let why = format!("it is a member of this array, in slot {slot}, and may be in sync");
            let hint = "name it as a member, without --replace";
            return Err(Error::refused(why).at_path(applicant.name).hint(hint));
        }
        Role::Active(slot) => format!("it was a member of this array, in slot {slot}"),
        other => format!("it was a member of this array, and is {other}"),
    };
    if overwrite {
        return Ok(Brings::Nothing);
    }
    let hint = "name it as a member, without --replace: it is then caught up from the bitmap";
    Err(Error::refused(why).at_path(applicant.name).unless_forced("overwrite").hint(hint))
}

fn filled_before(fresh: &SuperView, own: &SuperView) -> Brings {
    let same = (own.events, own.utime, own.data_offset, own.size, own.raid_disks, own.layout)
        == (
            fresh.events,
            fresh.utime,
            fresh.data_offset,
            fresh.size,
            fresh.raid_disks,
            fresh.layout,
        );
    let number = usize::try_from(own.dev_number).unwrap_or(usize::MAX);
    let unused = !matches!(fresh.roles.get(number), Some(Role::Active(_) | Role::Journal));
    match own.recovery_offset {
        Some(reached) if same && unused && own.data_size >= fresh.size => Brings::FilledTo(reached),
        _ => Brings::Nothing,
    }
}

/// The lowest number behind the slots that no device has: none of the array's own account, none of
/// `candidates`, none of `taken`.
///
/// # Errors
/// Refused where there is none.
pub fn free_number(
    candidates: &[Candidate<'_>],
    assembly: &Assembly,
    taken: &[u32],
) -> Result<u32> {
    let fresh = candidates[assembly.freshest].view();
    let old = fresh.version.is_0_90();
    let most = if old { MOST_NUMBERS_0_90 } else { MOST_NUMBERS };
    let listed = |number: u32| {
        let role = usize::try_from(number).ok().and_then(|number| fresh.roles.get(number));
        match role {
            Some(Role::Active(_) | Role::Journal) => true,
            Some(Role::Spare) => old,
            _ => false,
        }
    };
    let has = |number: u32| candidates.iter().any(|c| c.view().dev_number == number);
    (u32::from(fresh.raid_disks)..most)
        .find(|number| !listed(*number) && !has(*number) && !taken.contains(number))
        .ok_or_else(|| Error::refused("the array has no room for another device"))
}

/// Refuses a device whose blocks do not fit the array's: direct writes must begin and end at them.
///
/// # Errors
/// Refused, naming what does not fit.
pub fn blocks_fit(name: &str, block: u64, made: &SuperView) -> Result<()> {
    let whole = |sectors: Sectors| {
        sectors
            .to_bytes()
            .is_some_and(|bytes| bytes.get().checked_rem(block).is_none_or(|r| r == 0))
    };
    let recorded = made.logical_block_size.map(u64::from);
    let what = match () {
        () if recorded.is_some_and(|size| size < block) => "the array has smaller logical blocks",
        () if !whole(made.data_offset) => "the array's data would begin between two of them",
        () if !whole(made.size) => "the array's data would end between two of them",
        () if !whole(made.chunk) => "the array's chunks would end between two of them",
        () => return Ok(()),
    };
    let why = format!("its logical blocks have {block} bytes, and {what}");
    Err(Error::refused(why).at_path(name).hint("give a device with smaller logical blocks"))
}

#[cfg(test)]
mod tests;
