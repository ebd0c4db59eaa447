//! What an editing command did: lines for a person, or one object for a program
//! (`schema/edit.schema.json`; names and units are a promise).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use super::encode;
use super::manage::{JsonItem, of_json};
use crate::edit::Report;
use crate::error::printable;
use crate::units::SectorRange;

/// Writes the report for a person.
///
/// # Errors
/// The output cannot be written.
pub fn text(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    for target in &report.targets {
        line(out, "Of", &target.display().to_string())?;
    }
    for fact in &report.facts {
        line(out, fact.label, &fact.value.to_string())?;
    }
    for range in &report.ranges {
        let (start, end) = bytes(range);
        writeln!(out, "{:>16} : {start}-{end}", "Differs")?;
    }
    for step in &report.steps {
        match report.dry_run {
            true => line(out, "Would", &format!("{} {}", step.would, step.what))?,
            false => line(out, "Done", &format!("{} {}", step.done, step.what))?,
        }
    }
    if report.steps.is_empty() && !report.looks {
        line(out, "Done", "nothing: there was nothing to do")?;
    }
    for note in &report.notes {
        line(out, "Note", &note.message)?;
    }
    match report.dry_run && !report.steps.is_empty() {
        true => line(out, "Next", "nothing was written; leave --dry-run out to do it"),
        false => Ok(()),
    }
}

fn line(out: &mut dyn Write, label: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{label:>16} : {}", printable(value))
}

/// The first byte, and the one behind the last.
fn bytes(range: &SectorRange) -> (u64, u64) {
    let byte = |at: crate::units::Sectors| at.to_bytes().unwrap_or_default().get();
    (byte(range.start), byte(range.end()))
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    command: &'static str,
    targets: Vec<String>,
    output: Option<String>,
    dry_run: bool,
    found: bool,
    facts: Map<String, Value>,
    ranges: Vec<JsonRange>,
    steps: Vec<JsonItem<'a>>,
    notes: Vec<JsonItem<'a>>,
}

#[derive(Serialize)]
struct JsonRange {
    start_bytes: u64,
    end_bytes: u64,
}

/// Writes the report for a program.
///
/// # Errors
/// The output cannot be written.
pub fn json(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    let facts = report.facts.iter().map(|fact| (fact.key.to_owned(), of_json(&fact.value)));
    let steps = report.steps.iter().map(|step| {
        let verb = if report.dry_run { step.would } else { step.done };
        JsonItem { code: step.code, message: format!("{verb} {}", step.what) }
    });
    let notes = report.notes.iter().map(|n| JsonItem { code: n.code, message: n.message.clone() });
    let range = |range: &SectorRange| {
        let (start_bytes, end_bytes) = bytes(range);
        JsonRange { start_bytes, end_bytes }
    };
    let json = Json {
        schema: 1,
        command: report.command,
        targets: report.targets.iter().map(|path| path.display().to_string()).collect(),
        output: report.output.as_ref().map(|path| path.display().to_string()),
        dry_run: report.dry_run && !report.looks,
        found: report.found,
        facts: facts.collect(),
        ranges: report.ranges.iter().map(range).collect(),
        steps: steps.collect(),
        notes: notes.collect(),
    };
    encode::print(out, &json)
}
