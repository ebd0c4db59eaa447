//! `mdbitmap set`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::edit::{EditArgs, RANGES};
use super::exit::ExitStatus;
use crate::edit::{self, Change, ChangeOptions};
use crate::guard::System;
use crate::units::Range;

/// Set bits of a bitmap at rest, so that a resync makes the members agree there.
///
/// TARGET is a bitmap file or device, or all members of a stopped array with the bitmap inside: every
/// copy is changed. Whole chunks are set: every chunk that a range touches. Use `mdbitmap dirty` on a
/// running array. `mdbitmap resync` follows the bits whatever the superblocks say; a kernel drops
/// them where those say that the array is clean.
#[derive(Debug, Args)]
#[command(after_help = format!("{RANGES}Exit status: 0 done, 2 usage or beyond the end, 3 refused, \
                                4 damaged metadata, 5 I/O error"))]
pub struct SetArgs {
    /// A bitmap file or device, or all members of a stopped array
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<PathBuf>,

    /// What to set; may be given several times
    #[arg(short, long = "range", required = true, value_name = "RANGE")]
    ranges: Vec<Range>,

    #[command(flatten)]
    edit: EditArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &SetArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = ChangeOptions {
        targets: args.targets.clone(),
        ranges: args.ranges.clone(),
        change: Change::Set,
        dry_run: args.edit.dry_run,
    };
    let report = edit::change(&options, &mut |_| Ok(()), &System::default())?;
    args.edit.print(&report, context)
}
