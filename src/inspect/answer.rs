//! Yes or no, for scripts: `mdbitmap is`. Pure.
//!
//! A no is as sure as a yes: where something that decides cannot be read or relied on there is
//! neither, but an error. `docs/exit-status.md` and `mdbitmap is --help` define the words.

use super::picture::{Picture, Sort};
use crate::array::Standing;
use crate::array::coverage::covered;
use crate::error::{Error, Kind, Result};
use crate::format::bitmap::RawBitmapSuper;
use crate::format::md::SuperView;
use crate::format::{Finding, Severity};
use crate::running::Action;
use crate::store::{BitmapAtRest, Report};

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// Is a resync due, or a bit set?
    Dirty,
    /// The opposite.
    Clean,
    /// Is all metadata readable and consistent?
    Intact,
    /// Is every slot held by a current member?
    Current,
}

impl Predicate {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dirty => "dirty",
            Self::Clean => "clean",
            Self::Intact => "intact",
            Self::Current => "current",
        }
    }
}

/// The answer, and what decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked.
    pub predicate: Predicate,
    /// The answer.
    pub yes: bool,
    /// Why; empty where there is nothing to name.
    pub reasons: Vec<String>,
}

/// Answers `predicate` about what is in `picture`.
///
/// # Errors
/// It cannot be told: usage where it makes no sense, refused where the members are no one array,
/// damaged where what decides is.
pub fn answer(picture: &Picture, predicate: Predicate) -> Result<Answer> {
    let (reasons, yes_by_reason) = match predicate {
        Predicate::Dirty => (dirty(picture), true),
        Predicate::Clean => (dirty(picture), false),
        Predicate::Intact => (flaws(picture), false),
        Predicate::Current => (lacking(picture)?, false),
    };
    match predicate {
        // What nobody could read may be intact or not.
        Predicate::Intact if picture.is_unreadable() => known(picture)?,
        Predicate::Intact => {}
        _ if reasons.is_empty() => known(picture)?,
        _ => {}
    }
    Ok(Answer { predicate, yes: reasons.is_empty() != yes_by_reason, reasons })
}

/// Why something may differ.
fn dirty(picture: &Picture) -> Vec<String> {
    let mut reasons = Vec::new();
    if picture.assembly.as_ref().is_some_and(|assembly| !assembly.clean) {
        reasons.push("the array was not shut down cleanly".to_owned());
    }
    if let Sort::Running(array) = &picture.sort
        && matches!(array.sync.action, Action::Resync | Action::Recover | Action::Repair)
    {
        reasons.push(format!("it is being made to agree: {}", array.sync.action.as_str()));
    }
    for report in counting(picture).filter(|report| report.is_dirty()) {
        let dirty = report.survey.as_ref().map_or(0, |survey| survey.dirty.get());
        let path = report.path.display();
        reasons.push(match report.is_stale() {
            true => format!("{path}: the bitmap is marked as out of date: every chunk is dirty"),
            false => format!("{path}: {dirty} chunks are dirty"),
        });
    }
    reasons
}

/// The bitmaps that count: the one in a file, and the copies on members that are current.
fn counting(picture: &Picture) -> impl Iterator<Item = &Report> {
    let current = |index: usize| match &picture.assembly {
        Some(assembly) => assembly.members[index].standing == Standing::Current,
        None => true,
    };
    let inside = picture.members.iter().enumerate().filter(move |(index, _)| current(*index));
    let inside = inside.filter_map(|(_, member)| member.bitmap.as_ref());
    picture.file.iter().chain(inside).map(BitmapAtRest::report)
}

/// All that is wrong or odd.
fn flaws(picture: &Picture) -> Vec<String> {
    let mut reasons: Vec<String> = picture.unclear.iter().cloned().collect();
    for member in &picture.members {
        reasons.extend(told(&member.path.display().to_string(), &member.findings));
    }
    for bitmap in picture.bitmaps() {
        let report = bitmap.report();
        reasons.extend(told(&report.path.display().to_string(), &report.findings));
    }
    if let (Some(file), Some(fresh)) = (&picture.file, picture.fresh()) {
        reasons.extend(
            file.report()
                .raw
                .as_ref()
                .and_then(|raw| misfit(raw, fresh))
                .map(|why| format!("{}: {why}", file.report().path.display())),
        );
    }
    reasons
}

/// Why a bitmap by itself does not go with the array that `fresh` speaks for.
fn misfit(raw: &RawBitmapSuper, fresh: &SuperView) -> Option<&'static str> {
    // mdadm rounds the size of striped arrays otherwise than the kernel.
    let short = covered(fresh).is_ok_and(|covered| raw.sync_size() < covered);
    match () {
        () if raw.uuid() != fresh.uuid.bytes() => {
            Some("the bitmap belongs to another array: UUIDs differ")
        }
        () if raw.events() < fresh.events => Some("the array was updated without the bitmap"),
        () if short => Some("the bitmap covers less than the array"),
        () => None,
    }
}

fn told<'a>(path: &str, findings: &'a [Finding]) -> impl Iterator<Item = String> + use<'a> {
    let path = path.to_owned();
    let matter = findings.iter().filter(|finding| finding.severity >= Severity::Warning);
    matter.map(move |finding| format!("{path}: {}", finding.message))
}

/// Who is behind or missing.
fn lacking(picture: &Picture) -> Result<Vec<String>> {
    if matches!(picture.sort, Sort::Bitmap | Sort::Built) {
        let what = "nothing here has an md superblock: there are no members to ask about";
        return Err(Error::usage(what).hint("name the members of an array"));
    }
    let mut reasons = Vec::new();
    if let Sort::Running(array) = &picture.sort {
        let failed = array.members.iter().filter(|m| m.states.iter().any(|s| s == "faulty"));
        reasons.extend(failed.map(|member| format!("{} failed", member.name)));
        let degraded = array.degraded.unwrap_or(0);
        if degraded > 0 {
            reasons.push(format!("{degraded} slots have no member in sync"));
        }
    }
    let Some(assembly) = &picture.assembly else { return Ok(reasons) };
    for member in &assembly.members {
        let path = picture.members[member.index].path.display();
        match &member.standing {
            Standing::Behind(away) => reasons.push(format!("{path} is behind: {away}")),
            Standing::Outside(why) => reasons.push(format!("{path} is no current member: {why}")),
            Standing::Current | Standing::Spare => {}
        }
    }
    reasons.extend(assembly.missing.iter().map(|slot| format!("nobody holds slot {slot}")));
    Ok(reasons)
}

/// Fails where "nothing was found" does not mean that there is nothing.
fn known(picture: &Picture) -> Result<()> {
    if picture.is_damaged() {
        let findings = flaws(picture);
        let worst = findings.first().cloned().unwrap_or_default();
        let kind = if picture.is_unreadable() { Kind::Io } else { Kind::Damaged };
        return Err(Error::new(kind, format!("it cannot be told: {worst}")));
    }
    match &picture.unclear {
        Some(why) => Err(Error::refused(format!("it cannot be told: {why}"))),
        None => Ok(()),
    }
}
