//! What comparing and repairing found: told as it is found, as text or as JSON.
//!
//! Ranges are printed one by one, so that memory does not grow with what is wrong. Text has a
//! limit and then only counts; JSON has them all.

use std::io::{self, Write};

use indicatif::HumanBytes;

use super::resync::member_table;
use crate::array::geometry::Part;
use crate::error::printable;
use crate::scrub::{
    Bits, Finding, FindingPart, Head, Outcome, RepairReport, Report, Sink, Verdict,
};
use crate::units::{Bytes, Sectors};

mod json;
pub use json::{JsonSink, check_json, repair_json};

/// Prints ranges for a person.
pub struct TextSink<'a> {
    out: &'a mut dyn Write,
    width: usize,
    limit: u64,
    told: u64,
    paths: Vec<String>,
    chunk: Option<u64>,
    failed: Option<io::Error>,
}

impl std::fmt::Debug for TextSink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextSink").field("told", &self.told).finish_non_exhaustive()
    }
}

impl<'a> TextSink<'a> {
    /// Prints to `out`, at most `limit` ranges.
    pub fn new(out: &'a mut dyn Write, width: usize, limit: u64) -> Self {
        Self { out, width, limit, told: 0, paths: Vec::new(), chunk: None, failed: None }
    }

    /// What went wrong with the output, if anything did.
    ///
    /// # Errors
    /// The first failure.
    pub fn end(self) -> io::Result<()> {
        if self.told > self.limit {
            let more = self.told - self.limit;
            writeln!(self.out, "  and {more} more; --list N or --json tells them")?;
        }
        self.failed.map_or(Ok(()), Err)
    }

    fn keep(&mut self, printed: io::Result<()>) {
        if let (Err(error), None) = (printed, &self.failed) {
            self.failed = Some(error);
        }
    }

    fn line(&mut self, finding: &Finding) -> io::Result<()> {
        let len = HumanBytes(bytes(finding.range.len));
        write!(self.out, "  byte {}, {len}", bytes(finding.range.start))?;
        if let Some(chunk) = self.chunk {
            write!(self.out, ", chunk {}", bytes(finding.range.start) / chunk)?;
        }
        let dirty = if finding.dirty == Some(true) { " (dirty)" } else { "" };
        let parts: Vec<_> = match &finding.verdict {
            Verdict::Unknown => finding.parts.iter().collect(),
            Verdict::Members(_) => {
                finding.parts.iter().filter(|part| finding.is_wrong(part) == Some(true)).collect()
            }
        };
        let told: Vec<String> = parts.into_iter().map(|part| self.part(part)).collect();
        let words = match finding.verdict {
            Verdict::Unknown => "who is wrong cannot be told",
            Verdict::Members(_) => "wrong is",
        };
        writeln!(self.out, "{dirty}: {words}: {}", told.join(", "))
    }

    fn part(&self, part: &FindingPart) -> String {
        let path = self.paths.get(part.member).map_or("", String::as_str);
        let what = match part.part {
            Part::Copy(_) => "copy".to_owned(),
            Part::Data { array, .. } => format!("data, byte {} of the array", bytes(array)),
            Part::P => "P".to_owned(),
            Part::Q => "Q".to_owned(),
        };
        format!("slot {} ({} at byte {}, {what})", part.slot, printable(path), bytes(part.at))
    }
}

impl Sink for TextSink<'_> {
    fn start(&mut self, head: &Head) {
        self.paths = head.members.iter().map(|member| member.path.clone()).collect();
        if let Bits::Trusted { chunk, .. } = head.bits {
            self.chunk = Some(chunk.bytes());
        }
        let printed = start(self.out, head, self.width).and_then(|()| self.out.flush());
        self.keep(printed);
    }

    fn found(&mut self, finding: &Finding) {
        self.told += 1;
        if self.told <= self.limit {
            let printed = self.line(finding);
            self.keep(printed);
        }
    }
}

fn bytes(sectors: Sectors) -> u64 {
    sectors.to_bytes().unwrap_or_default().get()
}

fn start(out: &mut dyn Write, head: &Head, width: usize) -> io::Result<()> {
    writeln!(out, "RAID{} {}", head.level, head.uuid)?;
    writeln!(out, "{}", member_table(&head.members, false, width).trim_fmt())?;
    for slot in &head.missing {
        writeln!(out, "Slot {slot} is missing: what it holds is not compared.")?;
    }
    for member in head.members.iter().filter(|member| member.state == "behind") {
        let path = printable(&member.path);
        writeln!(out, "{path} is behind and not compared; a resync brings it up.")?;
    }
    if !head.clean {
        writeln!(out, "It was not shut down cleanly: what was being written may differ.")?;
    }
    if let Bits::Doubtful(why) = &head.bits {
        writeln!(out, "Nothing is known of dirty chunks: {}.", printable(why))?;
    }
    let space = if head.per_member { "the data area of each member" } else { "the array" };
    let decided = match head.decidable {
        true => "",
        false => " Who is wrong cannot be told on it.",
    };
    let total = HumanBytes(head.total.get());
    writeln!(out, "{total} to compare; addresses are those of {space}.{decided}")?;
    if !head.before.is_zero() {
        writeln!(out, "{} were compared before.", HumanBytes(head.before.get()))?;
    }
    Ok(())
}

/// Prints the end of a comparison for a person.
///
/// # Errors
/// The output failed.
pub fn check_text(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    troubles(out, report)?;
    writeln!(out, "{}", sentence(report))?;
    if let Some(marked) = report.marked {
        let would = if report.dry_run { "would be " } else { "" };
        writeln!(out, "{marked} more chunks {would}marked.")?;
    }
    match advice(report) {
        Some(advice) => writeln!(out, "{advice}"),
        None => Ok(()),
    }
}

fn troubles(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    const MOST: usize = 20;
    for trouble in report.troubles.iter().take(MOST) {
        let (path, at) = (printable(&trouble.path), trouble.offset.get());
        writeln!(out, "{path}: cannot {} at byte {at}: {}", trouble.operation, trouble.message)?;
    }
    match report.failed.saturating_sub(MOST as u64) {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more that failed"),
    }
}

fn sentence(report: &Report) -> String {
    let tally = &report.tally;
    let done = HumanBytes(report.stats.done.get());
    let begin = match report.outcome {
        Outcome::Interrupted => "Interrupted",
        Outcome::Incomplete => "Incomplete",
        Outcome::Same | Outcome::Different => "Done",
    };
    let found = match (tally.ranges, report.earlier) {
        (0, 0) => "nothing differs".to_owned(),
        (0, earlier) => format!("{earlier} blocks differ, found by earlier runs"),
        (ranges, earlier) => {
            let more =
                if earlier > 0 { format!(", and {earlier} blocks before") } else { "".into() };
            let differ = if ranges == 1 { "range differs" } else { "ranges differ" };
            format!("{ranges} {differ}, {}{more}{}", HumanBytes(tally.bytes.get()), known(report))
        }
    };
    let mut text = format!("{begin}: {done} compared in {:.1} s; {found}.", report.seconds);
    if !report.uncompared.is_zero() {
        let rest = HumanBytes(report.uncompared.get());
        text += &format!(" {rest} had nothing to be compared with.");
    }
    text
}

/// Where it is, in which parts.
fn known(report: &Report) -> String {
    let mut parts = Vec::new();
    for (slot, bytes) in &report.tally.by_slot {
        parts.push(format!("{} wrong on slot {slot}", HumanBytes(bytes.get())));
    }
    if !report.tally.dirty.is_zero() {
        parts.push(format!("{} in dirty chunks", HumanBytes(report.tally.dirty.get())));
    }
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}

fn advice(report: &Report) -> Option<String> {
    let tally = &report.tally;
    let nothing = tally.ranges == 0 || report.outcome == Outcome::Interrupted;
    match () {
        () if nothing => None,
        () if report.marked.is_some_and(|marked| marked > 0) && !report.dry_run => Some(
            "Resync now, before the array is assembled: a kernel takes a clean array's bits for \
             nothing."
                .into(),
        ),
        () if report.marked.is_some() => None,
        () if tally.dirty >= tally.bytes => {
            Some("All of it is in dirty chunks: a resync makes it equal.".into())
        }
        () if !tally.located.is_zero() => {
            Some("`mdbitmap repair` writes what is wrong where that is known.".into())
        }
        () => Some(
            "`mdbitmap check --mark internal|FILE` marks it, and `mdbitmap resync` then makes it \
             equal."
                .into(),
        ),
    }
}

/// Prints the end of a repair for a person.
///
/// # Errors
/// The output failed.
pub fn repair_text(out: &mut dyn Write, report: &RepairReport) -> io::Result<()> {
    troubles(out, &report.found)?;
    writeln!(out, "{}", sentence(&report.found))?;
    let (repaired, left) = (human(report.repaired), human(report.left));
    let left = match report.left.is_zero() {
        true => String::new(),
        false => {
            format!(" {left} stay as they are: who is wrong cannot be told, or writing failed.")
        }
    };
    match (report.found.dry_run, report.repaired.is_zero() && report.left.is_zero()) {
        (_, true) => Ok(()),
        (true, _) => {
            writeln!(out, "Dry run: nothing was written. {repaired} can be repaired.{left}")
        }
        (false, _) => writeln!(out, "{repaired} repaired, and read back.{left}"),
    }
}

fn human(bytes: Bytes) -> HumanBytes {
    HumanBytes(bytes.get())
}
