//! What the commands that edit bitmaps at rest have in common: options, and the report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::exit::ExitStatus;
use crate::edit::{self, Allow, Operation, Report};
use crate::guard::System;
use crate::output::edit as render;
use crate::store::create::NewFile;

/// What RANGE means, for the help of commands that take it.
pub(super) const RANGES: &str = "RANGE: START-END (END not included), START+LENGTH, chunk:N, chunk:FIRST-LAST (LAST included), or \
     all. A bare number is bytes; B, s (sectors), K, M, G, T and P may follow: 4M-8M, 4M+1M, \
     100s-200s. Addresses are the bitmap's: of the array for RAID1 and RAID10, of each member's data \
     area for RAID4, 5 and 6.\n";

/// Options of every command that edits.
#[derive(Clone, Copy, Debug, Args)]
pub struct EditArgs {
    /// Check everything and say what would be done, but write nothing
    #[arg(short = 'n', long)]
    pub(super) dry_run: bool,

    /// Print the report as JSON (schema/edit.schema.json)
    #[arg(long)]
    pub(super) json: bool,
}

impl EditArgs {
    pub(super) fn print(
        self,
        report: &Report,
        context: &mut Context,
    ) -> anyhow::Result<ExitStatus> {
        print(report, self.json, context)
    }
}

/// Prints what was done; a difference that was looked for has its own status.
pub(super) fn print(
    report: &Report,
    json: bool,
    context: &mut Context,
) -> anyhow::Result<ExitStatus> {
    match json {
        true => render::json(&mut context.out, report)?,
        false => render::text(&mut context.out, report)?,
    }
    context.finish()?;
    Ok(if report.found { ExitStatus::Found } else { ExitStatus::Done })
}

/// A file that is made.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// The file to make; it appears complete or not at all, with mode 0600
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    pub(super) force: Vec<Force>,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Force {
    /// Replace a file that exists
    Overwrite,
    /// Although the bitmaps are of several arrays
    Uuid,
    /// Although the bitmaps cover several sizes
    Size,
}

impl OutputArgs {
    pub(super) fn new_file(&self, dry_run: bool) -> NewFile {
        let overwrite = self.force.contains(&Force::Overwrite);
        NewFile { path: self.output.clone(), overwrite, dry_run }
    }

    pub(super) fn allow(&self) -> Allow {
        allow(&self.force)
    }
}

pub(super) fn allow(force: &[Force]) -> Allow {
    Allow { uuid: force.contains(&Force::Uuid), size: force.contains(&Force::Size) }
}

/// Makes a new bitmap of others, and prints the report.
pub(super) fn make(
    operation: Operation,
    sources: &[PathBuf],
    output: &OutputArgs,
    args: EditArgs,
    context: &mut Context,
) -> anyhow::Result<ExitStatus> {
    let (new, system) = (output.new_file(args.dry_run), System::default());
    let report = edit::make(operation, sources, &new, output.allow(), &system, &context.stop)?;
    args.print(&report, context)
}
