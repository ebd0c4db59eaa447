//! The answer of `mdbitmap is`, as a line and as JSON.

use std::io::{self, Write};

use serde::Serialize;

use crate::error::printable;
use crate::inspect::Answer;
use crate::output::encode;

/// Prints `answer` for a person.
///
/// # Errors
/// The output failed.
pub fn text(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    let word = if answer.yes { "yes" } else { "no" };
    writeln!(out, "{}: {word}", answer.predicate.as_str())?;
    answer.reasons.iter().try_for_each(|reason| writeln!(out, "  {}", printable(reason)))
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    predicate: &'static str,
    answer: bool,
    reasons: &'a [String],
}

/// Prints `answer` for a program: `schema/is.schema.json`.
///
/// # Errors
/// The output failed.
pub fn json(out: &mut dyn Write, answer: &Answer) -> io::Result<()> {
    let predicate = answer.predicate.as_str();
    let json = Json { schema: 1, predicate, answer: answer.yes, reasons: &answer.reasons };
    encode::print(out, &json)
}
