//! The report: what it went by, what is done in which order, and what a person should know. Pure but
//! for the kernel's release.

use std::fs;

use super::members::Member;
use super::{AssembleOptions, Decided};
use crate::array::cast::{Choice, Part};
use crate::manage::report::{Fact, Note, Report, Step};
use crate::sysfs::System;

/// The first release that takes no bitmap files.
const WITHOUT_FILES: (u32, u32) = (6, 18);

/// All that is known before anything is done.
pub(super) fn before(decided: &Decided<'_>, options: &AssembleOptions) -> Report {
    let place = decided.place;
    let kernel = &place.name.kernel;
    let mut report = Report::of("assemble", kernel, place.node.clone(), options.dry_run);
    report.facts = facts(decided);
    report.steps = steps(decided, options);
    report.notes.clone_from(&decided.notes);
    report.notes.extend(resync_note(decided, options));
    report.notes.extend(header_note(decided, options));
    report
}

fn facts(decided: &Decided<'_>) -> Vec<Fact> {
    let fresh = decided.fresh();
    let count = |wanted: fn(&Part) -> bool| {
        let found = decided.choices.iter().filter(|choice| wanted(&choice.part)).count();
        u64::try_from(found).unwrap_or(u64::MAX)
    };
    let mut facts = vec![
        Fact::new("level", "Level", level(fresh.level)),
        Fact::new("uuid", "UUID", fresh.uuid.display_for(fresh.version)),
        Fact::new("events", "Events", fresh.events.get()),
        Fact::new("clean", "Clean", decided.assembly.clean),
        Fact::new("raid_disks", "Slots", u64::from(fresh.raid_disks)),
        Fact::new("members_in_sync", "In sync", count(|part| matches!(part, Part::InSync(_)))),
        Fact::new("spares", "Spares", count(|part| matches!(part, Part::Spare))),
        Fact::new("left_out", "Left out", count(|part| matches!(part, Part::Out(_)))),
    ];
    if let Some(bitmap) = &decided.bitmap {
        let dirty = bitmap.dirty;
        let path = bitmap.path.display().to_string();
        facts.push(Fact::new("bitmap_file", "Bitmap file", path));
        facts.push(Fact::new("chunks", "Chunks", dirty.map(|dirty| dirty.total.get())));
        facts.push(Fact::new("dirty_chunks", "Dirty chunks", dirty.map(|dirty| dirty.dirty.get())));
    }
    facts
}

fn level(level: i32) -> String {
    if level < 0 { "linear".into() } else { format!("raid{level}") }
}

fn steps(decided: &Decided<'_>, options: &AssembleOptions) -> Vec<Step> {
    let place = decided.place;
    let mut steps = Vec::new();
    if !place.there {
        steps.push(Step::new("create-device", ("created", "create"), &place.name.kernel));
    }
    for (member, part) in decided.taken() {
        let what = format!("{} ({})", member.name, words(member, part));
        steps.push(Step::new("add-member", ("added", "add"), what));
    }
    if let Some(bitmap) = &decided.bitmap {
        let what = bitmap.path.display().to_string();
        steps.push(Step::new("attach-bitmap", ("attached", "attach"), what));
    }
    let how = if options.readonly { ", read-only" } else { "" };
    let what = format!("{}{how}", place.node.display());
    steps.push(Step::new("start", ("started", "start"), what));
    steps
}

fn words(member: &Member, part: &Part) -> String {
    let events = member.superblock.view().events;
    match part {
        Part::InSync(slot) => format!("slot {slot}, events {events}"),
        Part::Rebuilding(slot) => format!("slot {slot}, to be rebuilt further"),
        Part::Spare => "spare".into(),
        Part::Out(why) => why.clone(),
    }
}

/// A note for each device that is not taken.
pub(super) fn left_out(choices: &[Choice], members: &[Member]) -> Vec<Note> {
    let out = |choice: &Choice| match &choice.part {
        Part::Out(why) => {
            let message = format!(
                "{} is left out: {why}; add it again when the array runs",
                members[choice.index].name
            );
            Some(Note::new("left-out", message))
        }
        _ => None,
    };
    choices.iter().filter_map(out).collect()
}

/// What the kernel will resync.
fn resync_note(decided: &Decided<'_>, options: &AssembleOptions) -> Option<Note> {
    let fresh = decided.fresh();
    if !decided.sync_is_due() || decided.assembly.clean {
        return None;
    }
    let what = match (&decided.bitmap, fresh.bitmap_at) {
        (None, None) => "the kernel resyncs all of it: it has no bitmap",
        _ => "the kernel resyncs what its bitmap calls dirty",
    };
    let when = if options.readonly { ", once it is made writable" } else { "" };
    let message = format!("it was not shut down cleanly; {what}{when}");
    Some(Note::new("resync", message))
}

/// What read-only does not keep the kernel from.
fn header_note(decided: &Decided<'_>, options: &AssembleOptions) -> Option<Note> {
    let has_bitmap = decided.bitmap.is_some() || decided.fresh().bitmap_at.is_some();
    (options.readonly && has_bitmap).then(|| {
        let message = "no data and no superblock of the array is written; the kernel rewrites the \
                       header of its bitmap even so";
        Note::new("bitmap-header", message)
    })
}

/// What a dry run cannot find out, because only the driver can tell.
pub(super) fn unasked(decided: &Decided<'_>, system: &System) -> Option<Note> {
    decided.bitmap.as_ref()?;
    let release = fs::read_to_string(system.proc.join("sys/kernel/osrelease")).ok()?;
    let release = release.trim();
    (numbers(release)? >= WITHOUT_FILES).then(|| {
        let message = format!(
            "this is kernel {release}, and none from 6.18 on is known to take bitmap files; the \
             driver is asked before anything is begun"
        );
        Note::new("kernel", message)
    })
}

/// The first two numbers of a release.
fn numbers(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        assert_eq!(numbers("6.12.101+deb13"), Some((6, 12)));
        assert!(numbers("7.2.7-cloud").unwrap() >= WITHOUT_FILES);
        assert!(numbers("6.9.0").unwrap() < WITHOUT_FILES);
        assert_eq!(numbers("six"), None);
    }

    #[test]
    fn levels_have_the_kernel_s_names() {
        assert_eq!(level(-1), "linear");
        assert_eq!(level(10), "raid10");
    }
}
