//! Findings that need more than the bitmap's own superblock: does it fit, can it be read, does it
//! belong to the member it lies in.

use super::{Location, MemberOf, Report};
use crate::format::Finding;
use crate::format::bitmap::{BitmapVersion, RawBitmapSuper};
use crate::format::llbitmap::StateCounts;
use crate::store::reader::Trouble;
use crate::units::{SectorRange, Sectors};

/// Adds to `report` what its surroundings have to say.
pub(super) fn check(report: &mut Report) {
    let mut findings = Vec::new();
    check_fit(report, &mut findings);
    if let Some(survey) = &report.survey {
        check_trouble(&survey.trouble, &mut findings);
        check_states(survey.states.as_ref(), &mut findings);
    }
    if let (Some(raw), Some(member)) = (&report.raw, &report.member) {
        check_member(raw, member, &mut findings);
    }
    report.findings.append(&mut findings);
}

fn check_fit(report: &Report, findings: &mut Vec<Finding>) {
    let Some(needed) = report.needed() else { return };
    if report.location == Location::Internal && needed > report.room {
        let message = format!(
            "the bitmap needs {needed} and the member has room for {}: it runs into what follows",
            report.room
        );
        findings.push(Finding::error("no-room", message));
    }
    if report.location != Location::Internal && needed > report.room {
        let message = format!(
            "the bitmap needs {needed} and there are {}: the missing part counts as dirty, and \
             the kernel refuses it (ENOSPC)",
            report.room
        );
        findings.push(Finding::error("too-short", message));
    }
    let lockless = report.version == Some(BitmapVersion::Lockless6);
    let clear = report.member.as_ref().and_then(|member| member.bitmap_room.to_bytes());
    if lockless && clear.is_some_and(|clear| clear < needed && needed <= report.room) {
        let message = "it lies over the place of the member's bad-block log, as mdadm puts it: the \
                       first bad block that the kernel records there damages it";
        findings.push(Finding::warning("over-bad-block-log", message));
    }
    if lockless && report.location != Location::Internal {
        let message = "a lockless bitmap by itself: the kernel knows them inside members only";
        findings.push(Finding::warning("lockless-not-internal", message));
    }
}

fn check_trouble(trouble: &Trouble, findings: &mut Vec<Finding>) {
    if trouble.unreadable_sectors == 0 {
        return;
    }
    let shown: Vec<String> = trouble.unreadable.iter().take(8).map(show).collect();
    let more = if trouble.unreadable.len() > shown.len() { " and more" } else { "" };
    let message = format!(
        "{} cannot be read (sectors {}{more}): their chunks count as dirty",
        Sectors::new(trouble.unreadable_sectors),
        shown.join(", ")
    );
    findings.push(Finding::error("unreadable", message));
}

fn show(range: &SectorRange) -> String {
    format!("{}-{}", range.start.get(), range.end().get().saturating_sub(1))
}

fn check_states(states: Option<&StateCounts>, findings: &mut Vec<Finding>) {
    let unknown = states.map_or(0, StateCounts::unknown);
    if unknown > 0 {
        let message = format!("{unknown} chunks are in no known state: they count as need-sync");
        findings.push(Finding::warning("unknown-chunk-states", message));
    }
}

/// What the kernel compares when it starts the array.
fn check_member(raw: &RawBitmapSuper, member: &MemberOf, findings: &mut Vec<Finding>) {
    if raw.uuid() != member.uuid.bytes() {
        let message = format!(
            "the bitmap belongs to another array: the member's is {}",
            member.uuid.display_for(member.version)
        );
        findings.push(Finding::error("uuid-mismatch", message));
    }
    if raw.nodes() == 0 && raw.events() < member.events {
        let message = format!(
            "its event count {} is behind the member's {}: the kernel takes every chunk as dirty",
            raw.events(),
            member.events
        );
        findings.push(Finding::warning("events-behind", message));
    }
    // For RAID10 the bits cover the array, whose size takes more than this member to know.
    if matches!(member.level, 1 | 4..=6) && raw.sync_size() != covered(member) {
        let message = format!(
            "it covers {}, the array has {} to cover: the kernel goes by the latter",
            raw.sync_size(),
            covered(member)
        );
        findings.push(Finding::warning("size-differs", message));
    }
}

/// Sectors of each member that the bits of a mirror or a parity array cover.
fn covered(member: &MemberOf) -> Sectors {
    match (member.level, member.chunk.get()) {
        (4..=6, chunk) if chunk > 0 => Sectors::new(member.size.get() / chunk * chunk),
        _ => member.size,
    }
}
