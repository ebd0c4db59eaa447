//! `mdbitmap dirty`: one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage;
use crate::sysfs::System;
use crate::units::Range;

/// Mark parts of a running array as dirty, to have them resynced.
///
/// For instance after a member lost writes that its disk had confirmed. Whole chunks are marked:
/// every chunk that a range touches. Addresses are the bitmap's: of the array for RAID1 and RAID10,
/// of the members' data areas for RAID4, 5 and 6. The kernel resyncs what is marked at once, and
/// goes on after a stop or a power cut.
#[derive(Debug, Args)]
#[command(
    after_help = "RANGE: START-END (END not included), START+LENGTH, chunk:N, chunk:FIRST-LAST (LAST \
                  included), or all. A bare number is bytes; B, s (sectors), K, M, G, T and P may \
                  follow: 4M-8M, 4M+1M, 100s-200s.\n\
                  Exit status: 0 marked, 2 usage or beyond the end, 3 refused, 5 the kernel refused"
)]
pub struct DirtyArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// What to mark
    #[arg(required = true, value_name = "RANGE")]
    ranges: Vec<Range>,

    #[command(flatten)]
    manage: ManageArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &DirtyArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let dry_run = args.manage.dry_run;
    let report = manage::dirty(&args.array, &args.ranges, dry_run, &System::default())?;
    args.manage.print(&report, context)
}
