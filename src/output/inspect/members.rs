//! What the table says of each member, and words that text and JSON share.

use crate::array::Standing;
use crate::array::cast::Part;
use crate::format::md::{Role, SuperView};
use crate::inspect::{Member, Picture};
use crate::units::Slot;

/// The slot that a member holds, or held.
pub(super) fn slot(member: &Member) -> Option<Slot> {
    match member.view()?.role {
        Role::Active(slot) => Some(slot),
        _ => None,
    }
}

/// The word for what a member is to the array.
pub(super) fn state(picture: &Picture, index: usize) -> &'static str {
    let member = &picture.members[index];
    let judged = picture.assembly.as_ref().map(|assembly| &assembly.members[index].standing);
    match (judged, member.view()) {
        (Some(standing), _) => standing.as_str(),
        (None, Some(view)) => match view.role {
            Role::Active(_) => "active",
            Role::Spare => "spare",
            Role::Faulty => "faulty",
            Role::Journal => "journal",
        },
        (None, None) if member.rest.as_ref().is_some_and(|rest| !rest.broken.is_empty()) => {
            "damaged"
        }
        (None, None) => "no superblock",
    }
}

/// Why it stands so, where that is not plain.
pub(super) fn why(picture: &Picture, index: usize) -> Option<String> {
    match &picture.assembly.as_ref()?.members[index].standing {
        Standing::Behind(away) => Some(away.to_string()),
        Standing::Outside(why) => Some(why.clone()),
        Standing::Current | Standing::Spare => None,
    }
}

/// What is special about a member, as words.
pub(super) fn flags(view: &SuperView) -> Vec<&'static str> {
    let all = [
        (view.write_mostly, "write-mostly"),
        (view.failfast, "failfast"),
        (view.replacement, "replacement"),
        (view.recovery_offset.is_some(), "recovering"),
        (view.recovery_bitmap, "by-bitmap"),
        (view.reshape, "reshape"),
        (view.journal, "journal"),
        (view.ppl, "ppl"),
        (view.clustered, "clustered"),
    ];
    all.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect()
}

/// What the kernel takes it as: a word, and why not where it is none.
pub(super) fn part(picture: &Picture, index: usize) -> Option<(&'static str, Option<&str>)> {
    let verdict = picture.verdict.as_ref()?;
    let choice = verdict.prediction.choices.iter().find(|choice| choice.index == index)?;
    Some(match &choice.part {
        Part::InSync(_) => ("in-sync", None),
        Part::Rebuilding(_) => ("rebuilding", None),
        Part::Spare => ("spare", None),
        Part::Out(why) => ("left-out", Some(why)),
    })
}
