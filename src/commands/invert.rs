//! `mdbitmap invert`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::edit::{EditArgs, OutputArgs, make};
use super::exit::ExitStatus;
use crate::edit::Operation;

/// Make a bitmap that is dirty where another is not.
///
/// The result is for looking at, not for an array: it calls clean what is dirty.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error or no room"
)]
pub struct InvertArgs {
    /// A bitmap file or device, or a member with a bitmap inside
    #[arg(value_name = "BITMAP")]
    source: PathBuf,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    edit: EditArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &InvertArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let operation = Operation::Invert;
    let sources = std::slice::from_ref(&args.source);
    make(operation, sources, &args.output, args.edit, context)
}
