//! `mdbitmap dump`: one call, the bitmap as text or JSON.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use crate::edit::Dump;
use crate::output::dump as render;

/// Print a bitmap as text that diff can compare, and from which `mdbitmap restore` makes it again.
///
/// A line for each field of the superblock, its bytes, a line for each run of dirty chunks (first, how
/// many), and a checksum. docs/on-disk-format.md tells the format.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, 3 refused, 4 damaged metadata, 5 I/O error")]
pub struct DumpArgs {
    /// A bitmap file or device, or a member with a bitmap inside
    #[arg(value_name = "BITMAP")]
    path: PathBuf,

    /// Print JSON (schema/dump.schema.json); restore reads the text only
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &DumpArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let dump = Dump::open(&args.path, &context.stop)?;
    match args.json {
        true => render::json(&mut context.out, &dump)?,
        false => dump.text(&mut context.out)?,
    }
    context.finish()?;
    Ok(ExitStatus::Done)
}
