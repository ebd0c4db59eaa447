//! What members list as bad, and what could be had from nobody.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::printable;
use crate::resync::{BadBlocks, Lost, Report, Unreadable};
use crate::units::{SectorRange, Sectors};

/// How many ranges are printed for a person; a program gets all.
const MOST: usize = 100;

pub(super) fn text(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    report.bad_blocks.iter().try_for_each(|one| listed(out, one, report.dry_run))?;
    report.unreadable.iter().take(MOST).try_for_each(|one| lost(out, one))?;
    let told = report.unreadable.len().saturating_sub(MOST) as u64;
    match told.saturating_add(report.unreadable_untold) {
        0 => Ok(()),
        more => writeln!(out, "{more} ranges more that no member can give: see --json."),
    }
}

fn listed(out: &mut dyn Write, one: &BadBlocks, dry_run: bool) -> io::Result<()> {
    let ranges = one.listed.iter().take(4).map(|r| format!("{}+{}", r.start.get(), r.len.get()));
    let more = if one.listed.len() > 4 { ", ..." } else { "" };
    let ranges = ranges.collect::<Vec<_>>().join(", ") + more;
    write!(out, "{}: bad blocks are listed at sectors {ranges}", printable(&one.path))?;
    match dry_run || one.rewritten.is_zero() {
        true => writeln!(out, "; they are not read."),
        false => writeln!(
            out,
            "; {} were written anew and read back, {} stay listed.",
            one.rewritten, one.left
        ),
    }
}

fn lost(out: &mut dyn Write, one: &Unreadable) -> io::Result<()> {
    let whose: Vec<String> = one.members.iter().map(who).collect();
    let whose = if whose.is_empty() { "nobody has it".into() } else { whose.join(", ") };
    let parts: Vec<String> = one.array.iter().map(part).collect();
    match parts.is_empty() {
        true => writeln!(out, "No member can give {} of parity: {whose}.", one.range.len),
        false => {
            writeln!(out, "No member can give of the array {}: {whose}.", parts.join(", "))
        }
    }
}

fn part(range: &SectorRange) -> String {
    format!("{} at byte {}", range.len, bytes(range.start))
}

fn who(lost: &Lost) -> String {
    let why = if lost.listed { "listed as bad" } else { "cannot be read" };
    format!("{} at sector {} {why}", printable(&lost.path), lost.at.get())
}

fn bytes(sectors: Sectors) -> u64 {
    sectors.to_bytes().unwrap_or_default().get()
}

#[derive(Serialize)]
pub(super) struct JsonRange {
    start_bytes: u64,
    length_bytes: u64,
}

#[derive(Serialize)]
pub(super) struct JsonUnreadable<'a> {
    start_bytes: u64,
    length_bytes: u64,
    array: Vec<JsonRange>,
    members: Vec<JsonLost<'a>>,
}

#[derive(Serialize)]
pub(super) struct JsonLost<'a> {
    path: &'a str,
    start_bytes: u64,
    reason: &'static str,
}

#[derive(Serialize)]
pub(super) struct JsonBadBlocks<'a> {
    path: &'a str,
    listed: Vec<JsonRange>,
    rewritten_bytes: u64,
    left_bytes: u64,
}

pub(super) fn unreadable(one: &Unreadable) -> JsonUnreadable<'_> {
    let JsonRange { start_bytes, length_bytes } = range(&one.range);
    let member = |lost: &'_ Lost| (bytes(lost.at), if lost.listed { "bad-block" } else { "read" });
    let member = |lost| {
        let (start_bytes, reason) = member(lost);
        JsonLost { path: &lost.path, start_bytes, reason }
    };
    let array = one.array.iter().map(range).collect();
    JsonUnreadable {
        start_bytes,
        length_bytes,
        array,
        members: one.members.iter().map(member).collect(),
    }
}

pub(super) fn bad_blocks(one: &BadBlocks) -> JsonBadBlocks<'_> {
    JsonBadBlocks {
        path: &one.path,
        listed: one.listed.iter().map(range).collect(),
        rewritten_bytes: bytes(one.rewritten),
        left_bytes: bytes(one.left),
    }
}

fn range(range: &SectorRange) -> JsonRange {
    JsonRange { start_bytes: bytes(range.start), length_bytes: bytes(range.len) }
}
