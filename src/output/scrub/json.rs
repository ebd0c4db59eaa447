//! The same for programs: one JSON object, its ranges written as they are found.
//! `schema/check.schema.json`, `schema/repair.schema.json`.

use std::io::{self, Write};

use serde::Serialize;

use crate::array::geometry::Part;
use crate::output::encode;
use crate::output::resync::{JsonMember, JsonTrouble, json_members, trouble};
use crate::scrub::{Bits, Finding, FindingPart, Head, Outcome, RepairReport, Report, Sink};
use crate::units::{SectorRange, Sectors};

/// Writes the beginning and the ranges of the object.
pub struct JsonSink<'a> {
    out: &'a mut dyn Write,
    paths: Vec<String>,
    chunk: Option<u64>,
    told: u64,
    failed: Option<io::Error>,
}

impl std::fmt::Debug for JsonSink<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonSink").field("told", &self.told).finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct JsonHead<'a> {
    schema: u32,
    array: JsonArray<'a>,
    addresses: &'static str,
    bitmap: JsonBits<'a>,
    decidable: bool,
    bytes_total: u64,
    bytes_before: u64,
}

#[derive(Serialize)]
struct JsonArray<'a> {
    uuid: &'a str,
    level: i32,
    clean: bool,
    missing: &'a [u16],
    members: Vec<JsonMember<'a>>,
}

#[derive(Serialize)]
struct JsonBits<'a> {
    state: &'static str,
    why: Option<&'a str>,
    chunk_bytes: Option<u64>,
    chunks_dirty: Option<u64>,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    start_bytes: u64,
    length_bytes: u64,
    chunk: Option<u64>,
    dirty: Option<bool>,
    located: bool,
    array: Vec<JsonRange>,
    members: Vec<JsonPart<'a>>,
}

#[derive(Serialize)]
struct JsonRange {
    start_bytes: u64,
    length_bytes: u64,
}

#[derive(Serialize)]
struct JsonPart<'a> {
    slot: u16,
    path: &'a str,
    offset_bytes: u64,
    part: &'static str,
    wrong: Option<bool>,
}

impl<'a> JsonSink<'a> {
    /// Writes to `out`.
    pub fn new(out: &'a mut dyn Write) -> Self {
        Self { out, paths: Vec::new(), chunk: None, told: 0, failed: None }
    }

    /// What went wrong with the output, if anything did.
    ///
    /// # Errors
    /// The first failure.
    pub fn end(self) -> io::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    fn keep(&mut self, printed: io::Result<()>) {
        if let (Err(error), None) = (printed, &self.failed) {
            self.failed = Some(error);
        }
    }

    fn begin(&mut self, head: &Head) -> io::Result<()> {
        let text = encode::line(&json_head(head))?;
        // The object goes on with what is found.
        write!(self.out, "{}", text.strip_suffix('}').unwrap_or(&text))?;
        write!(self.out, ",\"ranges\":[")
    }

    fn range(&mut self, finding: &Finding) -> io::Result<()> {
        self.out.write_all(if self.told > 1 { b",\n" } else { b"\n" })?;
        let start = bytes(finding.range.start);
        let json = JsonFinding {
            start_bytes: start,
            length_bytes: bytes(finding.range.len),
            chunk: self.chunk.and_then(|chunk| start.checked_div(chunk)),
            dirty: finding.dirty,
            located: finding.parts.iter().any(|part| finding.is_wrong(part) == Some(true)),
            array: finding.array_ranges().into_iter().map(json_range).collect(),
            members: parts(&self.paths, finding),
        };
        self.out.write_all(encode::line(&json)?.as_bytes())
    }
}

fn parts<'a>(paths: &'a [String], finding: &Finding) -> Vec<JsonPart<'a>> {
    let part = |part: &FindingPart| JsonPart {
        slot: part.slot.0,
        path: paths.get(part.member).map_or("", String::as_str),
        offset_bytes: bytes(part.at),
        part: part_name(part.part),
        wrong: finding.is_wrong(part),
    };
    finding.parts.iter().map(part).collect()
}

fn part_name(part: Part) -> &'static str {
    match part {
        Part::Copy(_) => "copy",
        Part::Data { .. } => "data",
        Part::P => "p",
        Part::Q => "q",
    }
}

impl Sink for JsonSink<'_> {
    fn start(&mut self, head: &Head) {
        self.paths = head.members.iter().map(|member| member.path.clone()).collect();
        if let Bits::Trusted { chunk, .. } = head.bits {
            self.chunk = Some(chunk.bytes());
        }
        let printed = self.begin(head);
        self.keep(printed);
    }

    fn found(&mut self, finding: &Finding) {
        self.told += 1;
        let printed = self.range(finding);
        self.keep(printed);
    }
}

fn json_head(head: &Head) -> JsonHead<'_> {
    let none = JsonBits { state: "none", why: None, chunk_bytes: None, chunks_dirty: None };
    JsonHead {
        schema: 1,
        array: JsonArray {
            uuid: &head.uuid,
            level: head.level,
            clean: head.clean,
            missing: &head.missing,
            members: json_members(&head.members),
        },
        addresses: if head.per_member { "member" } else { "array" },
        bitmap: match &head.bits {
            Bits::None => none,
            Bits::Doubtful(why) => JsonBits { state: "doubtful", why: Some(why), ..none },
            Bits::Trusted { chunk, dirty } => JsonBits {
                state: "trusted",
                chunk_bytes: Some(chunk.bytes()),
                chunks_dirty: Some(*dirty),
                ..none
            },
        },
        decidable: head.decidable,
        bytes_total: head.total.get(),
        bytes_before: head.before.get(),
    }
}

#[derive(Serialize)]
struct JsonEnd<'a> {
    outcome: &'static str,
    dry_run: bool,
    ranges_total: u64,
    bytes_different: u64,
    bytes_located: u64,
    bytes_dirty: u64,
    wrong: Vec<JsonWrong>,
    blocks_earlier: u64,
    bytes_done: u64,
    bytes_uncompared: u64,
    bytes_read: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_repaired: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_left: Option<u64>,
    chunks_marked: Option<u64>,
    seconds: f64,
    engine: &'static str,
    troubles: Vec<JsonTrouble<'a>>,
    troubles_total: u64,
}

#[derive(Serialize)]
struct JsonWrong {
    slot: u16,
    bytes: u64,
}

/// Writes the end of a comparison.
///
/// # Errors
/// The output failed.
pub fn check_json(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    end(out, &json_end(report))
}

/// Writes the end of a repair.
///
/// # Errors
/// The output failed.
pub fn repair_json(out: &mut dyn Write, report: &RepairReport) -> io::Result<()> {
    let json = JsonEnd {
        bytes_written: Some(report.found.stats.written.get()),
        bytes_repaired: Some(report.repaired.get()),
        bytes_left: Some(report.left.get()),
        ..json_end(&report.found)
    };
    end(out, &json)
}

fn end(out: &mut dyn Write, json: &JsonEnd<'_>) -> io::Result<()> {
    let text = encode::line(json)?;
    writeln!(out, "],{}", text.strip_prefix('{').unwrap_or(&text))
}

fn json_end(report: &Report) -> JsonEnd<'_> {
    let wrong = report.tally.by_slot.iter();
    JsonEnd {
        outcome: match report.outcome {
            Outcome::Same => "same",
            Outcome::Different => "different",
            Outcome::Incomplete => "incomplete",
            Outcome::Interrupted => "interrupted",
        },
        dry_run: report.dry_run,
        ranges_total: report.tally.ranges,
        bytes_different: report.tally.bytes.get(),
        bytes_located: report.tally.located.get(),
        bytes_dirty: report.tally.dirty.get(),
        wrong: wrong.map(|(slot, bytes)| JsonWrong { slot: slot.0, bytes: bytes.get() }).collect(),
        blocks_earlier: report.earlier,
        bytes_done: report.stats.done.get(),
        bytes_uncompared: report.uncompared.get(),
        bytes_read: report.stats.read.get(),
        bytes_written: None,
        bytes_repaired: None,
        bytes_left: None,
        chunks_marked: report.marked,
        seconds: report.seconds,
        engine: report.engine,
        troubles: report.troubles.iter().map(trouble).collect(),
        troubles_total: report.failed,
    }
}

fn bytes(sectors: Sectors) -> u64 {
    sectors.to_bytes().unwrap_or_default().get()
}

fn json_range(range: SectorRange) -> JsonRange {
    JsonRange { start_bytes: bytes(range.start), length_bytes: bytes(range.len) }
}
