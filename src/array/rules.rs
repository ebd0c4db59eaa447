//! What must hold of a set of superblocks before anything may be written by them.
//!
//! Each rule is a refusal with its reason; none of them can be overridden, since behind each one
//! the outcome would be a guess.

use std::collections::HashSet;

use super::membership::{Away, Candidate, Member, Standing, role_of};
use crate::error::{Error, Result};
use crate::format::Severity;
use crate::format::md::{Role, SuperView};

/// All of one array, and readable without doubt.
pub(super) fn one_array(candidates: &[Candidate<'_>]) -> Result<()> {
    let first = candidates.first().ok_or_else(|| Error::usage("no member given"))?;
    for candidate in candidates {
        sound(candidate)?;
        same_array(first, candidate)?;
    }
    Ok(())
}

fn sound(candidate: &Candidate<'_>) -> Result<()> {
    let superblock = candidate.superblock;
    let unknown = superblock.view().features.unknown();
    if unknown != 0 {
        let why = format!("its superblock has feature bits nobody here knows: {unknown:#x}");
        return Err(Error::refused(why).at_path(candidate.name));
    }
    if superblock.is_sound() {
        return Ok(());
    }
    let errors = superblock.findings().iter().filter(|f| f.severity == Severity::Error);
    let why: Vec<_> = errors.map(|f| f.message.as_str()).collect();
    let what = format!("its superblock is damaged: {}", why.join("; "));
    Err(Error::damaged(what).at_path(candidate.name))
}

fn same_array(first: &Candidate<'_>, other: &Candidate<'_>) -> Result<()> {
    let (a, b) = (first.view(), other.view());
    let differs = match () {
        () if a.uuid != b.uuid => "UUIDs differ",
        () if a.version != b.version => "metadata versions differ",
        () if a.level != b.level => "levels differ",
        () => match first.superblock.disagreement(other.superblock) {
            Some(what) => &format!("the kernel takes no two whose {what} differs into one array"),
            None => return Ok(()),
        },
    };
    let why = format!("not a member of the same array as {}: {differs}", first.name);
    Err(Error::refused(why).at_path(other.name))
}

/// What the array is put together for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To be resynced here.
    Resync,
    /// The same, and no node of the cluster it may belong to has it.
    ResyncOfCluster,
    /// To be read or edited where it lies.
    Edit,
    /// To be started by the kernel.
    Start,
}

impl Purpose {
    /// Who knows how to deal with an array that is unfit.
    const fn hint(self) -> &'static str {
        match self {
            Self::Resync | Self::ResyncOfCluster | Self::Edit => {
                "let the kernel assemble it instead"
            }
            Self::Start => "let `mdadm --assemble` start it: it knows how",
        }
    }
}

/// Levels that there are drivers for: linear, and the RAID levels.
const STARTED: [i32; 7] = [-1, 0, 1, 4, 5, 6, 10];

/// The freshest superblock describes an array that is understood.
pub(super) fn is_fit(freshest: &Candidate<'_>, purpose: Purpose) -> Result<()> {
    let view = freshest.view();
    may_be_elsewhere(freshest, purpose)?;
    let why = match unfit(view) {
        Some(why) => Some(why),
        None if has_twins(view) => Some(REPLACING),
        None => None,
    };
    match (why, purpose) {
        (Some(why), _) => Err(left_to_others(why, freshest, purpose)),
        (None, Purpose::Resync | Purpose::ResyncOfCluster | Purpose::Edit) => {
            may_be_resynced(freshest)
        }
        (None, Purpose::Start) if STARTED.contains(&view.level) => Ok(()),
        (None, Purpose::Start) => {
            let why = format!("its level is {}; there is no driver for that", view.level);
            Err(Error::refused(why).at_path(freshest.name))
        }
    }
}

fn may_be_resynced(freshest: &Candidate<'_>) -> Result<()> {
    let view = freshest.view();
    if !matches!(view.level, 1 | 4 | 5 | 6 | 10) {
        let why = format!("its level is {}, which has no redundancy to resync", view.level);
        return Err(Error::refused(why).at_path(freshest.name));
    }
    if view.size.is_zero() {
        let why = "its superblock gives the members no size";
        return Err(left_to_others(why, freshest, Purpose::Resync));
    }
    Ok(())
}

/// So does the superblock of everyone who takes part; a flag may be on one member alone.
pub(super) fn all_are_fit(
    candidates: &[Candidate<'_>],
    members: &[Member],
    purpose: Purpose,
) -> Result<()> {
    for member in members.iter().filter(takes_part) {
        let candidate = &candidates[member.index];
        may_be_elsewhere(candidate, purpose)?;
        if let Some(why) = unfit(candidate.view()) {
            return Err(left_to_others(why, candidate, purpose));
        }
    }
    Ok(())
}

const REPLACING: &str = "a member is being replaced";

fn unfit(view: &SuperView) -> Option<&'static str> {
    match () {
        () if view.reshape => Some("the array is changing its shape"),
        () if view.journal => Some("the array has a journal, which may hold data not yet in place"),
        () if view.ppl => Some("the array has a partial parity log"),
        () if view.replacement => Some(REPLACING),
        () => None,
    }
}

/// Who has an array of a cluster is told by the cluster alone: nothing on the members does.
fn may_be_elsewhere(candidate: &Candidate<'_>, purpose: Purpose) -> Result<()> {
    if !candidate.view().clustered || purpose == Purpose::ResyncOfCluster {
        return Ok(());
    }
    let why = "the array belongs to a cluster; another node may be using it";
    match purpose {
        Purpose::Start => Err(left_to_others(why, candidate, purpose)),
        Purpose::Edit => {
            let hint = "the tools of the cluster know whether one has it";
            Err(Error::refused(why).at_path(candidate.name).hint(hint))
        }
        Purpose::Resync | Purpose::ResyncOfCluster => Err(Error::refused(why)
            .at_path(candidate.name)
            .unless_forced("cluster")
            .hint("stop it on every node first; nothing on the members tells whether one has it")),
    }
}

/// Whether two devices hold one slot: one of them is the other's replacement.
fn has_twins(view: &SuperView) -> bool {
    let mut held = HashSet::new();
    let mut active = view.roles.iter().filter(|role| matches!(role, Role::Active(_)));
    active.any(|role| !held.insert(*role))
}

fn left_to_others(why: &str, candidate: &Candidate<'_>, purpose: Purpose) -> Error {
    Error::refused(why).at_path(candidate.name).hint(purpose.hint())
}

/// Whether `view` says that `fresh` does not hold its slot: nobody does, or another device. It then
/// ran without it, or has been away since before `fresh` came; either way the bitmap of `fresh`
/// need not tell what the two differ in.
pub(super) fn disowns(view: &SuperView, fresh: &SuperView) -> bool {
    role_of(view, fresh.dev_number) != Some(fresh.role)
}

fn takes_part(member: &&Member) -> bool {
    matches!(member.standing, Standing::Current | Standing::Behind(_))
}

/// No two halves that each went on alone to the same event count, or disagree about who is in; and
/// nobody who was being rebuilt from a member fresher than all that are here.
pub(super) fn no_split(
    candidates: &[Candidate<'_>],
    freshest: usize,
    members: &[Member],
) -> Result<()> {
    let fresh = &candidates[freshest];
    for member in members {
        let candidate = &candidates[member.index];
        let (events, newest) = (candidate.view().events, fresh.view().events);
        let level = events >= newest;
        let why = match &member.standing {
            Standing::Behind(Away::UsedApart) if level => "each was used without the other",
            Standing::Behind(Away::Missed { .. }) if level => "they disagree about who is in sync",
            Standing::Outside(why) if level && member.slot.is_some() => why,
            Standing::Behind(Away::Recovering | Away::Rebuilding) if events > newest.next() => {
                let why = format!("newer than {}, the freshest here that is in sync", fresh.name);
                let hint = "give the member it was being rebuilt from";
                return Err(Error::refused(why).at_path(candidate.name).hint(hint));
            }
            _ => continue,
        };
        let what = format!("as fresh as {}, yet {why}: nobody can tell which is right", fresh.name);
        let hint = "leave out the one whose writes are to be lost";
        return Err(Error::refused(what).at_path(candidate.name).hint(hint));
    }
    Ok(())
}

/// No two candidates that claim one slot or are one device.
pub(super) fn no_double_claims(candidates: &[Candidate<'_>], members: &[Member]) -> Result<()> {
    let taking: Vec<_> = members.iter().filter(takes_part).collect();
    for (i, a) in taking.iter().enumerate() {
        for b in &taking[i + 1..] {
            let (one, other) = (&candidates[a.index], &candidates[b.index]);
            let same_number = one.view().dev_number == other.view().dev_number;
            let what = match () {
                () if a.slot == b.slot => "claims the same slot as",
                () if same_number => "has the same device number as",
                () => continue,
            };
            let why = format!("{what} {}", one.name);
            let hint = "give one of the two only; is one a copy of the other?";
            return Err(Error::refused(why).at_path(other.name).hint(hint));
        }
    }
    Ok(())
}
