//! Who is a current member, who is behind and why: decided as the kernel decides at assembly.
//!
//! The superblock with the highest event count speaks for the array. A member one event behind is
//! still current (a crash between two superblock writes leaves that), unless the freshest one no
//! longer counts it in. Where two superblocks each say the other has failed, both may hold writes
//! the other lacks: nobody but a person can choose.

use std::fmt;

use super::rules::{self, Purpose};
use crate::error::{Error, Result};
use crate::format::md::{ResyncPoint, Role, SuperView, Superblock};
use crate::units::{Events, Slot};

/// A superblock and the name it goes by in messages.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Path of the member.
    pub name: &'a str,
    /// What it says.
    pub superblock: &'a Superblock,
}

impl Candidate<'_> {
    pub(super) fn view(&self) -> &SuperView {
        self.superblock.view()
    }
}

/// Why a member with a slot is not current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// It missed updates since its own event count.
    Missed {
        /// Its count.
        events: Events,
    },
    /// A rebuild that follows the bitmap had begun.
    Recovering,
    /// A rebuild of the whole member had begun.
    Rebuilding,
    /// It says that the freshest member failed: it was used apart from it.
    UsedApart,
    /// Nothing on it tells; somebody does.
    Told,
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missed { events } => write!(f, "it was away: its event count is {events}"),
            Self::Recovering => f.write_str("its recovery from the bitmap was interrupted"),
            Self::Rebuilding => f.write_str("its rebuild was interrupted"),
            Self::UsedApart => f.write_str("it was used apart from the others"),
            Self::Told => f.write_str("it was away, as you say"),
        }
    }
}

/// What a candidate is to the array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In sync with the array, but for dirty chunks.
    Current,
    /// Has a slot and a past, and lacks what was written since.
    Behind(Away),
    /// Has no slot and waits for one.
    Spare,
    /// Cannot take part; why.
    Outside(String),
}

impl Standing {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Behind(_) => "behind",
            Self::Spare => "spare",
            Self::Outside(_) => "outside",
        }
    }
}

/// A candidate, judged.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its place in the list of candidates.
    pub index: usize,
    /// What it is to the array.
    pub standing: Standing,
    /// Its slot, where it has one.
    pub slot: Option<Slot>,
    /// Whether reads avoid it.
    pub write_mostly: bool,
}

/// An array put together from its superblocks.
#[derive(Clone, Debug)]
pub struct Assembly {
    /// Index of the candidate that speaks for the array.
    pub freshest: usize,
    /// The array's event count.
    pub events: Events,
    /// Every candidate, in the order given.
    pub members: Vec<Member>,
    /// Slots that no current or lagging candidate holds.
    pub missing: Vec<Slot>,
    /// Whether the array was shut down cleanly: no resync is due.
    pub clean: bool,
}

impl Assembly {
    /// The current members, by slot.
    #[must_use]
    pub fn current(&self) -> Vec<&Member> {
        self.with(|standing| *standing == Standing::Current)
    }

    /// The members that are behind, by slot.
    #[must_use]
    pub fn behind(&self) -> Vec<&Member> {
        self.with(|standing| matches!(standing, Standing::Behind(_)))
    }

    fn with(&self, wanted: impl Fn(&Standing) -> bool) -> Vec<&Member> {
        let mut found: Vec<_> = self.members.iter().filter(|m| wanted(&m.standing)).collect();
        found.sort_by_key(|member| member.slot);
        found
    }
}

/// Puts an array together from `candidates`, to be read or edited where it lies.
///
/// # Errors
/// Refused where they are no one array, or one whose state makes it a guess what it holds.
pub fn assemble(candidates: &[Candidate<'_>]) -> Result<Assembly> {
    put_together(candidates, Purpose::Edit)
}

/// Puts an array together as [`assemble`] does, to be resynced here; one of a cluster too, where
/// somebody has stated that no node has it.
///
/// # Errors
/// As [`assemble`].
pub fn assemble_to_resync(candidates: &[Candidate<'_>], cluster_is_down: bool) -> Result<Assembly> {
    let purpose = if cluster_is_down { Purpose::ResyncOfCluster } else { Purpose::Resync };
    put_together(candidates, purpose)
}

/// Puts an array of any level together from `candidates`, for the kernel to start: the same members
/// count as for [`assemble`].
///
/// # Errors
/// Refused where they are no one array, or one that it takes more than its members to start.
pub fn muster(candidates: &[Candidate<'_>]) -> Result<Assembly> {
    put_together(candidates, Purpose::Start)
}

fn put_together(candidates: &[Candidate<'_>], purpose: Purpose) -> Result<Assembly> {
    rules::one_array(candidates)?;
    let freshest = freshest(candidates)?;
    rules::is_fit(&candidates[freshest], purpose)?;
    let members: Vec<_> = (0..candidates.len()).map(|i| judge(candidates, freshest, i)).collect();
    rules::all_are_fit(candidates, &members, purpose)?;
    rules::no_split(candidates, freshest, &members)?;
    rules::no_double_claims(candidates, &members)?;
    let view = candidates[freshest].view();
    Ok(Assembly {
        freshest,
        events: view.events,
        missing: missing(view.raid_disks, &members),
        clean: is_clean(candidates, view.events, &members),
        members,
    })
}

/// The member that speaks for the array: an active one with the highest event count, the one in the
/// lowest slot among equals.
fn freshest(candidates: &[Candidate<'_>]) -> Result<usize> {
    let active = candidates.iter().enumerate().filter_map(|(i, candidate)| {
        let view = candidate.view();
        match (view.role, view.recovery_offset) {
            (Role::Active(slot), None) => Some((view.events, std::cmp::Reverse(slot), i)),
            _ => None,
        }
    });
    active.max().map(|(_, _, i)| i).ok_or_else(|| {
        Error::refused("none of these is an active member of the array")
            .hint("give at least one member that was in sync; spares hold no data")
    })
}

fn judge(candidates: &[Candidate<'_>], freshest: usize, index: usize) -> Member {
    let view = candidates[index].view();
    let slot = match view.role {
        Role::Active(slot) => Some(slot),
        _ => None,
    };
    let standing = standing(candidates, freshest, index);
    Member { index, standing, slot, write_mostly: view.write_mostly }
}

fn standing(candidates: &[Candidate<'_>], freshest: usize, index: usize) -> Standing {
    let (view, fresh) = (candidates[index].view(), candidates[freshest].view());
    let slot = match view.role {
        Role::Active(slot) => slot,
        Role::Spare => return Standing::Spare,
        Role::Faulty => return Standing::Outside("it says of itself that it failed".into()),
        Role::Journal => return Standing::Outside("it is a journal".into()),
    };
    if index == freshest {
        return Standing::Current;
    }
    if let Some(why) = no_way_back(candidates, view, fresh, slot) {
        return Standing::Outside(why);
    }
    // Before all else: whatever it recovered from is then not what is here.
    if rules::disowns(view, fresh) {
        return Standing::Behind(Away::UsedApart);
    }
    if view.recovery_offset.is_some() {
        let kind = if view.recovery_bitmap { Away::Recovering } else { Away::Rebuilding };
        return Standing::Behind(kind);
    }
    match counted_in(view, fresh, slot) {
        true => Standing::Current,
        false => Standing::Behind(Away::Missed { events: view.events }),
    }
}

/// Whether the kernel takes it as in sync: equal events, or one less and the freshest still counts
/// it in.
fn counted_in(view: &SuperView, fresh: &SuperView, slot: Slot) -> bool {
    let listed = role_of(fresh, view.dev_number) == Some(Role::Active(slot));
    view.events.next() >= fresh.events && listed
}

pub(super) fn role_of(by: &SuperView, dev_number: u32) -> Option<Role> {
    by.roles.get(usize::try_from(dev_number).ok()?).copied()
}

/// Why the slot is not its own any more.
fn no_way_back(
    candidates: &[Candidate<'_>],
    view: &SuperView,
    fresh: &SuperView,
    slot: Slot,
) -> Option<String> {
    if slot.0 >= fresh.raid_disks {
        return Some(format!("its slot {slot} is gone: the array has {} now", fresh.raid_disks));
    }
    let number = usize::try_from(view.dev_number).ok();
    if let Some(other) = fresh.devices_in(slot).find(|other| Some(*other) != number) {
        return Some(format!("its slot {slot} was given to device {other}"));
    }
    if let Some(Role::Active(other)) = role_of(fresh, view.dev_number)
        && other != slot
    {
        return Some(format!("its device number {} holds slot {other} now", view.dev_number));
    }
    if view.data_size < fresh.size {
        return Some("it is smaller than the array's members are now".into());
    }
    let newer = |other: &&Candidate<'_>| {
        let other = other.view();
        other.dev_number == view.dev_number && other.events > view.events
    };
    let other = candidates.iter().find(newer)?;
    Some(format!("its device number {} is now that of {}", view.dev_number, other.name))
}

fn missing(raid_disks: u16, members: &[Member]) -> Vec<Slot> {
    let takes_part = |m: &&Member| matches!(m.standing, Standing::Current | Standing::Behind(_));
    let held: Vec<_> = members.iter().filter(takes_part).filter_map(|m| m.slot).collect();
    (0..raid_disks).map(Slot).filter(|slot| !held.contains(slot)).collect()
}

/// Clean only if every current member with the highest event count says so: with equal counts the
/// kernel believes whichever it sees first.
fn is_clean(candidates: &[Candidate<'_>], events: Events, members: &[Member]) -> bool {
    let says = |m: &Member| candidates[m.index].view();
    let mut fresh = members.iter().filter(|m| m.standing == Standing::Current).map(says);
    fresh.all(|view| view.events < events || view.resync == ResyncPoint::Clean)
}

#[cfg(test)]
mod tests;
