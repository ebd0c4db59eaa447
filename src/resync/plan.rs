//! What a resync will do, and why: decided from superblocks, bitmap and options alone. Pure.

use super::enough::enough;
use super::trust::{Doubt, cannot_catch_up};
use crate::array::geometry::Geometry;
use crate::array::{Assembly, Away, Candidate, Member, Standing};
use crate::error::{Error, Result};
use crate::units::{Events, Slot};

/// How much is to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing at all; nothing is written.
    Nothing,
    /// The chunks whose bits are set.
    Partial,
    /// Everything.
    Full,
}

impl Decision {
    /// The word used in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }
}

/// What is known of the bitmap before planning.
#[derive(Clone, Debug)]
pub enum BitmapState {
    /// The array has none, or none was given.
    None,
    /// There is one, and why its bits mean nothing.
    Doubtful(Doubt),
    /// There is one, and its bits hold.
    Trusted {
        /// Set bits.
        dirty: u64,
        /// Event count when bits were last cleared.
        cleared: Events,
    },
}

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// Copy everything, whatever the bitmap says.
    pub full: bool,
    /// Take the data from this slot.
    pub source: Option<Slot>,
}

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How much is copied.
    pub decision: Decision,
    /// Why, in a sentence for a person.
    pub reason: String,
    /// Indices of the members to read from, best first.
    pub sources: Vec<usize>,
    /// The slot that somebody wants the data to be taken from.
    pub wanted: Option<Slot>,
    /// Whether the current members themselves are made to agree, and not only who is behind.
    pub renew: bool,
    /// Indices of the members that return to their slots at the end.
    pub returning: Vec<usize>,
    /// Whether bits may be cleared: nobody is missing.
    pub clear_bits: bool,
    /// Whether the superblocks say clean and must be marked dirty before current members are
    /// written, so that a crash in between is noticed.
    pub mark_dirty: bool,
}

/// Decides.
///
/// # Errors
/// Refused where something would have to be assumed; the reason names what.
pub fn plan(
    candidates: &[Candidate<'_>],
    assembly: &Assembly,
    geometry: &Geometry,
    bitmap: &BitmapState,
    wishes: Wishes,
) -> Result<Plan> {
    let parity = matches!(geometry, Geometry::Parity(_));
    if parity && wishes.source.is_some() {
        return Err(Error::usage("--source: with parity no member alone is the source"));
    }
    let sources = sources(candidates, assembly, wishes.source)?;
    enough(geometry, assembly)?;
    if let Some(reason) = nothing_due(assembly, geometry, bitmap, wishes) {
        return Ok(Plan::nothing(reason, sources));
    }
    let decision = match wishes.full {
        true => Decision::Full,
        false => partial(candidates, assembly, bitmap)?,
    };
    let alone = assembly.behind().is_empty();
    // Parity is in use to catch somebody up, or it is made anew; never both.
    let renew = if parity { alone } else { !assembly.clean || alone || wishes.full };
    Ok(Plan {
        decision,
        reason: reason(assembly, bitmap, wishes),
        wanted: wishes.source,
        renew,
        returning: assembly.behind().iter().map(|m| m.index).collect(),
        clear_bits: assembly.missing.is_empty(),
        mark_dirty: assembly.clean && renew && sources.len() > 1,
        sources,
    })
}

impl Plan {
    /// Nothing is to be done, for `reason`.
    pub(super) fn nothing(reason: impl Into<String>, sources: Vec<usize>) -> Self {
        Self {
            decision: Decision::Nothing,
            reason: reason.into(),
            sources,
            wanted: None,
            renew: false,
            returning: Vec::new(),
            clear_bits: false,
            mark_dirty: false,
        }
    }
}

/// Why there is nothing to do at all, if there is nothing.
fn nothing_due(
    assembly: &Assembly,
    geometry: &Geometry,
    bitmap: &BitmapState,
    wishes: Wishes,
) -> Option<String> {
    let alone = assembly.current().len() == 1 && matches!(geometry, Geometry::Mirror(_));
    let short = !assembly.missing.is_empty() && matches!(geometry, Geometry::Parity(_));
    let dirty = matches!(bitmap, BitmapState::Trusted { dirty, .. } if *dirty > 0);
    let why = match () {
        () if !assembly.behind().is_empty() => return None,
        () if alone => {
            "there is one current member only, and nothing to copy it to; the kernel starts it \
             without a resync"
        }
        () if short => {
            "the array was shut down cleanly, and while a member is missing there is nothing that \
             parity could be compared with"
        }
        () if wishes.full || !assembly.clean || dirty => return None,
        () => "the array was shut down cleanly and no chunk is dirty",
    };
    Some(why.into())
}

/// Whether the bits suffice; refused where they do not.
fn partial(
    candidates: &[Candidate<'_>],
    assembly: &Assembly,
    bitmap: &BitmapState,
) -> Result<Decision> {
    let cleared = match bitmap {
        BitmapState::Trusted { cleared, .. } => *cleared,
        BitmapState::Doubtful(doubt) => return Err(needs_full(doubt.to_string())),
        BitmapState::None => {
            let why = "the array has no bitmap, so nobody knows which chunks differ";
            return Err(needs_full(why).hint(
                "give the bitmap with --bitmap PATH if it is in a file or on a device of its own, \
                 or copy everything with --full",
            ));
        }
    };
    for member in assembly.behind() {
        let Standing::Behind(away) = member.standing else { continue };
        let candidate = &candidates[member.index];
        let events = candidate.superblock.view().events;
        if let Some(why) = cannot_catch_up(away, events, cleared) {
            let what = format!("the bitmap cannot catch it up: {why}");
            return Err(needs_full(what).at_path(candidate.name));
        }
    }
    Ok(Decision::Partial)
}

/// Refused, and `--full` is the way.
pub(super) fn needs_full(why: impl Into<String>) -> Error {
    Error::refused(why).hint("copy everything with --full")
}

pub(super) fn reason(assembly: &Assembly, bitmap: &BitmapState, wishes: Wishes) -> String {
    let mut reasons = Vec::new();
    if !assembly.clean {
        reasons.push("the array was not shut down cleanly".to_owned());
    }
    for member in assembly.behind() {
        if let (Some(slot), Standing::Behind(away)) = (member.slot, &member.standing) {
            reasons.push(format!("member {slot} is behind: {away}"));
        }
    }
    match bitmap {
        _ if wishes.full => reasons.push("everything is copied as asked".into()),
        BitmapState::Trusted { dirty: 0, .. } => reasons.push("no chunk is dirty".into()),
        BitmapState::Trusted { dirty: 1, .. } => reasons.push("1 chunk is dirty".into()),
        BitmapState::Trusted { dirty, .. } => reasons.push(format!("{dirty} chunks are dirty")),
        BitmapState::Doubtful(_) | BitmapState::None => {}
    }
    reasons.join("; ")
}

/// Members to read from, best first: as the kernel does, the first in-sync one, write-mostly ones
/// last; `wanted` goes before all.
fn sources(
    candidates: &[Candidate<'_>],
    assembly: &Assembly,
    wanted: Option<Slot>,
) -> Result<Vec<usize>> {
    let mut current = assembly.current();
    current.sort_by_key(|member| (wanted != member.slot, member.write_mostly, member.slot));
    if let (Some(wanted), Some(first)) = (wanted, current.first())
        && first.slot != Some(wanted)
    {
        return Err(not_a_source(candidates, assembly, wanted));
    }
    Ok(current.iter().map(|member| member.index).collect())
}

fn not_a_source(candidates: &[Candidate<'_>], assembly: &Assembly, wanted: Slot) -> Error {
    let holds = |m: &&Member| m.slot == Some(wanted);
    let Some(member) = assembly.members.iter().find(holds) else {
        return Error::refused(format!("no member given holds slot {wanted}"));
    };
    let why = match &member.standing {
        Standing::Behind(Away::UsedApart) => "it was used apart from the others".to_owned(),
        Standing::Behind(away) => away.to_string(),
        Standing::Outside(why) => why.clone(),
        Standing::Current | Standing::Spare => "it holds no data".to_owned(),
    };
    let what = format!("slot {wanted} cannot be the source: {why}");
    Error::refused(what).at_path(candidates[member.index].name)
}

#[cfg(test)]
mod tests;
