//! `mdbitmap diff`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::edit::{Force, allow, print};
use super::exit::ExitStatus;
use crate::edit;

/// Show where two bitmaps differ: what is dirty in one and not in the other.
///
/// They may have different chunks: bytes are compared, not bits. Different headers are told, and count
/// for no difference.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 no difference, 1 they differ, 2 usage, 3 refused, 4 damaged metadata, \
                  5 I/O error"
)]
pub struct DiffArgs {
    /// A bitmap file or device, or a member with a bitmap inside
    #[arg(value_name = "BITMAP")]
    one: PathBuf,

    /// Another one
    #[arg(value_name = "OTHER")]
    other: PathBuf,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    /// Print the report as JSON (schema/edit.schema.json)
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &DiffArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let (one, other) = (args.one.clone(), args.other.clone());
    let report = edit::diff(one, other, allow(&args.force), &context.stop)?;
    print(&report, args.json, context)
}
