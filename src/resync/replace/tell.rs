//! What the report says of who is to join.

use super::super::judge::Judged;
use super::super::plan::Decision;
use super::super::report::{MemberReport, Outcome, Replaced, Report};
use super::super::run::ResyncOptions;
use super::{Joining, members_first};
use crate::array::geometry::Geometry;
use crate::array::replace::Brings;

/// Adds to the report who is to join.
pub(in super::super) fn announce(
    report: &mut Report,
    options: &ResyncOptions,
    judged: &Judged,
    joining: &[Joining],
) {
    if joining.is_empty() {
        return;
    }
    if !members_first(judged, options) {
        report.decision = Decision::Nothing;
        for (index, member) in report.members.iter_mut().enumerate() {
            member.part = part(judged, index);
        }
    }
    let size = judged.geometry.covered().to_bytes().unwrap_or_default();
    let mut reasons: Vec<String> = joining.iter().map(reason).collect();
    if report.decision != Decision::Nothing {
        reasons.insert(0, report.reason.clone());
    }
    report.reason = reasons.join("; ");
    report.stats.total = match report.decision {
        Decision::Nothing => size,
        _ => report.stats.total.saturating_add(size),
    };
    report.decision = Decision::Full;
    report.outcome = Outcome::Planned;
    (report.chunks_dirty_before, report.chunks_dirty_after) =
        (report.chunks_total, report.chunks_total);
    report.missing.retain(|slot| joining.iter().all(|one| one.slot.0 != *slot));
    for one in joining {
        report.members.push(member(one));
        let filled_before = one.filled().to_bytes().unwrap_or_default();
        let (path, slot) = (one.path.display().to_string(), one.slot.0);
        report.replaced.push(Replaced { path, slot, filled_before, complete: false });
    }
}

/// The part of a member that is read only.
fn part(judged: &Judged, index: usize) -> &'static str {
    let sources = &judged.plan.sources;
    let mirror = matches!(judged.geometry, Geometry::Mirror(_));
    match () {
        () if !sources.contains(&index) => "unused",
        () if mirror && sources.first() != Some(&index) => "kept",
        () => "source",
    }
}

fn reason(one: &Joining) -> String {
    let (slot, path) = (one.slot, one.path.display());
    match one.brings {
        Brings::FilledTo(at) if !at.is_zero() => {
            format!("slot {slot} is filled with {path}, on from {at}")
        }
        _ => format!("slot {slot} is filled anew with {path}"),
    }
}

fn member(one: &Joining) -> MemberReport {
    MemberReport {
        path: one.path.display().to_string(),
        slot: Some(one.slot.0),
        state: "new",
        events: 0,
        part: "target",
        why: None,
    }
}
