//! `mdbitmap clear`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::edit::{EditArgs, RANGES};
use super::exit::ExitStatus;
use crate::edit::{self, Change, ChangeOptions};
use crate::guard::System;
use crate::units::Range;

/// Clear bits of a bitmap at rest, without copying anything. Asks first.
///
/// This calls members equal, and makes nothing equal: where they differ, they go on differing, and no
/// resync mends it. It is for whoever knows that they agree, having compared them. `mdbitmap resync`
/// is what clears bits the safe way. Only chunks that lie in a range whole are cleared.
///
/// Refused where bits mean nothing, and inside members while one is missing or behind, for it needs
/// them.
#[derive(Debug, Args)]
#[command(after_help = format!("{RANGES}Exit status: 0 done, 2 usage or beyond the end, 3 refused or \
                                not confirmed, 4 damaged metadata, 5 I/O error"))]
pub struct ClearArgs {
    /// A bitmap file or device, or all members of a stopped array
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<PathBuf>,

    /// What to clear; may be given several times
    #[arg(short, long = "range", required = true, value_name = "RANGE")]
    ranges: Vec<Range>,

    /// Do not ask; without it, and without a terminal, it is refused
    #[arg(short, long)]
    yes: bool,

    #[command(flatten)]
    edit: EditArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, nobody confirmed it, or standard output failed.
pub fn run(args: &ClearArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = ChangeOptions {
        targets: args.targets.clone(),
        ranges: args.ranges.clone(),
        change: Change::Clear,
        dry_run: args.edit.dry_run,
    };
    let mut ask = |question: &str| if args.yes { Ok(()) } else { context.consent(question) };
    let report = edit::change(&options, &mut ask, &System::default())?;
    args.edit.print(&report, context)
}
