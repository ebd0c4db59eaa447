//! What must hold of a set of superblocks before anything may be written by them.
//!
//! Each rule is a refusal with its reason; none of them can be overridden, since behind each one
//! the outcome would be a guess.

use super::membership::{Away, Candidate, Member, Standing};
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
        () => return Ok(()),
    };
    let why = format!("not a member of the same array as {}: {differs}", first.name);
    Err(Error::refused(why).at_path(other.name))
}

/// The freshest superblock describes an array that this engine understands.
pub(super) fn may_be_resynced(freshest: &Candidate<'_>) -> Result<()> {
    let view = freshest.view();
    let why = match () {
        () if view.reshape => "the array is changing its shape",
        () if view.journal => "the array has a journal, which may hold data not yet in place",
        () if view.ppl => "the array has a partial parity log",
        () if view.replacement => "a member is being replaced",
        () if view.clustered => "the array belongs to a cluster; another node may be using it",
        () if view.level != 1 => {
            let why = format!("its level is {}; only RAID1 is resynced offline", view.level);
            return Err(Error::refused(why).at_path(freshest.name));
        }
        () if view.size.is_zero() => "its superblock gives the members no size",
        () => return Ok(()),
    };
    Err(Error::refused(why).at_path(freshest.name).hint("let the kernel assemble it instead"))
}

/// Whether `view` says that nobody holds the slot that `fresh` holds: it then ran without it.
pub(super) fn disowns(view: &SuperView, fresh: &SuperView) -> bool {
    match fresh.role {
        Role::Active(slot) => view.devices_in(slot).next().is_none(),
        _ => false,
    }
}

/// No two halves that each went on alone to the same event count, or disagree about who is in.
pub(super) fn no_split(
    candidates: &[Candidate<'_>],
    freshest: usize,
    members: &[Member],
) -> Result<()> {
    let fresh = &candidates[freshest];
    for member in members {
        let candidate = &candidates[member.index];
        let level = candidate.view().events == fresh.view().events;
        let why = match member.standing {
            Standing::Behind(Away::UsedApart) if level => "each was used without the other",
            Standing::Behind(Away::Missed { .. }) if level => "they disagree about who is in sync",
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
    let takes_part = |m: &&Member| matches!(m.standing, Standing::Current | Standing::Behind(_));
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
