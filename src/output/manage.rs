//! What a command did to an array: lines for a person, or one object for a program
//! (`schema/manage.schema.json`; names and units are a promise).

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Map, Value};

use super::encode;
use crate::error::printable;
use crate::manage::{FactValue, Report};

/// Writes the report for a person.
///
/// # Errors
/// The output cannot be written.
pub fn text(out: &mut dyn Write, report: &Report) -> io::Result<()> {
    line(out, "Array", &report.device.display().to_string())?;
    for fact in &report.facts {
        line(out, fact.label, &fact.value.to_string())?;
    }
    for step in &report.steps {
        match report.dry_run {
            true => line(out, "Would", &format!("{} {}", step.would, step.what))?,
            false => line(out, "Done", &format!("{} {}", step.done, step.what))?,
        }
    }
    match (report.steps.is_empty(), report.dry_run) {
        (true, true) if report.looks => {}
        (true, true) => line(out, "Would", "do nothing")?,
        (true, false) => line(out, "Done", "nothing: there was nothing to do")?,
        (false, _) => {}
    }
    for note in &report.notes {
        line(out, "Note", &note.message)?;
    }
    match (report.dry_run && !report.steps.is_empty(), report.looks) {
        (true, true) => line(out, "Next", "nothing was changed; leave --explain out to do it"),
        (true, false) => line(out, "Next", "nothing was changed; leave --dry-run out to do it"),
        (false, _) => Ok(()),
    }
}

fn line(out: &mut dyn Write, label: &str, value: &str) -> io::Result<()> {
    writeln!(out, "{label:>16} : {}", printable(value))
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    command: &'static str,
    array: &'a str,
    device: String,
    dry_run: bool,
    facts: Map<String, Value>,
    steps: Vec<JsonItem<'a>>,
    notes: Vec<JsonItem<'a>>,
}

/// A step or a note.
#[derive(Serialize)]
pub(super) struct JsonItem<'a> {
    pub(super) code: &'a str,
    pub(super) message: String,
}

/// Writes the report for a program: `schema/manage.schema.json`.
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
    let json = Json {
        schema: 1,
        command: report.command,
        array: &report.array,
        device: report.device.display().to_string(),
        dry_run: report.dry_run,
        facts: facts.collect(),
        steps: steps.collect(),
        notes: notes.collect(),
    };
    encode::print(out, &json)
}

pub(super) fn of_json(value: &FactValue) -> Value {
    match value {
        FactValue::Text(text) => text.as_str().into(),
        FactValue::Number(number) => (*number).into(),
        FactValue::Flag(flag) => (*flag).into(),
        FactValue::Unknown => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::manage::{Fact, Step, report::Note};

    fn report(dry_run: bool) -> Report {
        let mut report = Report::of("attach", "md0", PathBuf::from("/dev/md0"), dry_run);
        report.facts.push(Fact::new("chunk_bytes", "Chunk", 65536));
        report.facts.push(Fact::new("bits", "Bits", None::<String>));
        report.steps.push(Step::new("attach", ("attached", "attach"), "a\u{1b}[2Jb"));
        report.notes.push(Note::new("slow", "it will take time"));
        report
    }

    fn printed(report: &Report, json: bool) -> String {
        let mut out = Vec::new();
        match json {
            true => super::json(&mut out, report).unwrap(),
            false => text(&mut out, report).unwrap(),
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_person_reads_what_was_done_or_would_be() {
        let done = printed(&report(false), false);
        assert!(done.contains("            Done : attached a\\u{1b}[2Jb\n"), "{done}");
        assert!(done.contains("            Bits : not known\n"), "{done}");
        let would = printed(&report(true), false);
        assert!(would.contains("           Would : attach a"), "{would}");
        assert!(would.contains("nothing was changed"), "{would}");
    }

    #[test]
    fn a_program_gets_what_the_schema_promises() {
        for dry_run in [false, true] {
            let value: Value = serde_json::from_str(&printed(&report(dry_run), true)).unwrap();
            let schema: Value =
                serde_json::from_str(include_str!("../../schema/manage.schema.json")).unwrap();
            let schema = jsonschema::validator_for(&schema).unwrap();
            assert!(schema.is_valid(&value), "{:?}", schema.iter_errors(&value).next());
            assert_eq!(value["facts"]["chunk_bytes"], 65536);
            assert_eq!(value["dry_run"], dry_run);
        }
    }
}
