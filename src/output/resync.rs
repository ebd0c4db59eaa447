//! A resync's report, as text and as JSON.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::HumanBytes;
use serde::Serialize;

use super::encode;
use crate::error::printable;
use crate::resync::{Decision, MemberReport, Outcome, Report};

mod bad;

/// Prints `report` for a person.
///
/// # Errors
/// The output failed.
pub fn text(out: &mut dyn Write, report: &Report, width: usize) -> io::Result<()> {
    match report.built {
        true => writeln!(out, "RAID{} without superblocks", report.level)?,
        false => writeln!(out, "RAID{} {}", report.level, report.uuid)?,
    }
    writeln!(out, "{}", member_table(&report.members, report.built, width).trim_fmt())?;
    for slot in &report.missing {
        writeln!(
            out,
            "Slot {slot} is missing: bits stay set, and the array stays degraded. If its member is \
             at hand, name it too."
        )?;
    }
    writeln!(out, "{}", sentence(report))?;
    troubles(out, report)?;
    closing(out, report)
}

/// Members as a table.
pub(super) fn member_table(members: &[MemberReport], built: bool, width: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table.set_header(["Slot", "Member", "State", "Events", "Part", ""]);
    for member in members {
        table.add_row(row(member, built));
    }
    table
}

fn row(member: &MemberReport, built: bool) -> [String; 6] {
    [
        member.slot.map_or_else(|| "-".into(), |slot| slot.to_string()),
        printable(&member.path),
        member.state.into(),
        if built { "-".into() } else { member.events.to_string() },
        member.part.into(),
        member.why.as_deref().map(printable).unwrap_or_default(),
    ]
}

fn sentence(report: &Report) -> String {
    let size = HumanBytes(report.stats.total.get());
    let reason = &report.reason;
    match report.decision {
        Decision::Nothing => format!("Nothing to do: {reason}."),
        Decision::Partial => format!(
            "Partial resync, {} of {} chunks, {size}: {reason}.",
            report.chunks_dirty_before, report.chunks_total
        ),
        Decision::Full => format!("Full resync, {size}: {reason}."),
    }
}

fn troubles(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    for trouble in &report.troubles {
        let (path, at) = (printable(&trouble.path), trouble.offset.get());
        writeln!(out, "{path}: cannot {} at byte {at}: {}", trouble.operation, trouble.message)?;
    }
    if report.troubles_untold > 0 {
        writeln!(out, "{} failures more.", report.troubles_untold)?;
    }
    bad::text(out, report)
}

fn closing(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let synced = report.chunks_synced;
    let left = report.chunks_dirty_after;
    match report.outcome {
        Outcome::Done if report.decision == Decision::Nothing => Ok(()),
        Outcome::Planned => writeln!(out, "Dry run: nothing was written."),
        Outcome::Done => writeln!(
            out,
            "Done: {synced} chunks made equal, {} read, {} written{}, in {:.1} s. {}",
            HumanBytes(report.stats.read.get()),
            HumanBytes(report.stats.written.get()),
            differed(report),
            report.seconds,
            if left == 0 { "The array is clean.".into() } else { format!("{left} bits stay set.") },
        ),
        Outcome::Incomplete => writeln!(
            out,
            "Incomplete: {synced} chunks made equal; {left} stay dirty. Run it again when the \
             trouble is mended."
        ),
        Outcome::Interrupted => writeln!(
            out,
            "Interrupted: {synced} chunks made equal so far, {left} to go. Run it again to go on."
        ),
    }?;
    warning(out, report)
}

/// Without superblocks nothing keeps the kernel from taking a member that is behind for current.
fn warning(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let ended = matches!(report.outcome, Outcome::Planned | Outcome::Done);
    if ended || !report.built || report.members.iter().all(|member| member.state != "behind") {
        return Ok(());
    }
    writeln!(
        out,
        "Until then do not build the array with the member that is behind: the kernel would take \
         it for current."
    )
}

/// How much differed, where that was looked for.
fn differed(report: &Report) -> String {
    let bytes = HumanBytes(report.stats.differed.get());
    if report.compared { format!(", {bytes} differed") } else { String::new() }
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    dry_run: bool,
    outcome: &'static str,
    array: JsonArray<'a>,
    decision: &'static str,
    reason: &'a str,
    chunks_total: u64,
    chunks_dirty_before: u64,
    chunks_synced: u64,
    chunks_dirty_after: u64,
    bytes_total: u64,
    bytes_read: u64,
    bytes_written: u64,
    bytes_differed: Option<u64>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    engine: Option<&'static str>,
    troubles: Vec<JsonTrouble<'a>>,
    troubles_untold: u64,
    unreadable: Vec<bad::JsonUnreadable<'a>>,
    unreadable_untold: u64,
    bad_blocks: Vec<bad::JsonBadBlocks<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<JsonReplaced<'a>>,
}

#[derive(Serialize)]
struct JsonReplaced<'a> {
    slot: u16,
    path: &'a str,
    filled_before_bytes: u64,
    complete: bool,
}

#[derive(Serialize)]
struct JsonArray<'a> {
    uuid: &'a str,
    level: i32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    built: bool,
    missing: &'a [u16],
    members: Vec<JsonMember<'a>>,
}

#[derive(Serialize)]
pub(super) struct JsonMember<'a> {
    path: &'a str,
    role: Option<u16>,
    state: &'static str,
    events: u64,
    part: &'static str,
    why: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct JsonTrouble<'a> {
    path: &'a str,
    operation: &'static str,
    offset_bytes: u64,
    message: &'a str,
}

/// Prints `report` for a program: `schema/resync.schema.json`.
///
/// # Errors
/// The output failed.
pub fn json(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let json = Json {
        schema: 1,
        dry_run: report.dry_run,
        outcome: match report.outcome {
            Outcome::Planned => "planned",
            Outcome::Done => "done",
            Outcome::Incomplete => "incomplete",
            Outcome::Interrupted => "interrupted",
        },
        array: array(report),
        decision: report.decision.as_str(),
        reason: &report.reason,
        chunks_total: report.chunks_total,
        chunks_dirty_before: report.chunks_dirty_before,
        chunks_synced: report.chunks_synced,
        chunks_dirty_after: report.chunks_dirty_after,
        bytes_total: report.stats.total.get(),
        bytes_read: report.stats.read.get(),
        bytes_written: report.stats.written.get(),
        bytes_differed: report.compared.then_some(report.stats.differed.get()),
        seconds: report.seconds,
        engine: report.engine,
        troubles: report.troubles.iter().map(trouble).collect(),
        troubles_untold: report.troubles_untold,
        unreadable_untold: report.unreadable_untold,
        unreadable: report.unreadable.iter().map(bad::unreadable).collect(),
        bad_blocks: report.bad_blocks.iter().map(bad::bad_blocks).collect(),
        replaced: report.replaced.iter().map(replaced).collect(),
    };
    encode::print(out, &json)
}

fn array(report: &Report) -> JsonArray<'_> {
    JsonArray {
        uuid: &report.uuid,
        level: report.level,
        built: report.built,
        missing: &report.missing,
        members: json_members(&report.members),
    }
}

pub(super) fn json_members(members: &[MemberReport]) -> Vec<JsonMember<'_>> {
    let all = members.iter().map(|member| JsonMember {
        path: &member.path,
        role: member.slot,
        state: member.state,
        events: member.events,
        part: member.part,
        why: member.why.as_deref(),
    });
    all.collect()
}

pub(super) fn trouble(trouble: &crate::resync::Trouble) -> JsonTrouble<'_> {
    JsonTrouble {
        path: &trouble.path,
        operation: trouble.operation,
        offset_bytes: trouble.offset.get(),
        message: &trouble.message,
    }
}

fn replaced(replaced: &crate::resync::Replaced) -> JsonReplaced<'_> {
    JsonReplaced {
        slot: replaced.slot,
        path: &replaced.path,
        filled_before_bytes: replaced.filled_before.get(),
        complete: replaced.complete,
    }
}
