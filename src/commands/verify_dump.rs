//! `mdbitmap verify-dump`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::edit::print;
use super::exit::ExitStatus;
use crate::edit;
use crate::output::waits;

/// Check that a dump is complete and unchanged, and whether a bitmap is what it tells.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 sound, and the same; 1 the bitmap differs, 3 refused, 4 the dump or the \
                  bitmap is damaged, 5 I/O error"
)]
pub struct VerifyDumpArgs {
    /// The dump: a file or a pipe; - for standard input
    #[arg(value_name = "DUMP")]
    dump: PathBuf,

    /// A bitmap file or device, or a member, to compare with
    #[arg(value_name = "BITMAP")]
    bitmap: Option<PathBuf>,

    /// Print the report as JSON (schema/edit.schema.json)
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &VerifyDumpArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let report = edit::verify(&args.dump, args.bitmap.as_deref(), &context.stop, &mut waits)?;
    print(&report, args.json, context)
}
