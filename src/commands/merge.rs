//! `mdbitmap merge`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::edit::{EditArgs, OutputArgs, make};
use super::exit::ExitStatus;
use crate::edit::Operation;

/// Make a bitmap that is dirty where any of several is.
///
/// Of different chunks the coarsest is taken, and dirt is rounded outwards. The event count is the
/// lowest of all: where one bitmap is out of date, so is the result.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error or no room"
)]
pub struct MergeArgs {
    /// Bitmap files or devices, or members with a bitmap inside
    #[arg(required = true, num_args = 2.., value_name = "BITMAP")]
    sources: Vec<PathBuf>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    edit: EditArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &MergeArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let operation = Operation::Merge;
    let sources = &args.sources;
    make(operation, sources, &args.output, args.edit, context)
}
