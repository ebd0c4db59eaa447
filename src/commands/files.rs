//! `mdbitmap files`: one call, a rendered report.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use crate::guard::System;
use crate::output::{places as render, waits};
use crate::places::{FilesOptions, files};
use crate::units::Range;

/// Tell which files of an ext4 or XFS file system lie under parts of an array.
///
/// Under the dirty chunks, or under what `check` found, or under ranges. Only reads, through the
/// file system's own tools: debugfs or xfs_db. On a running array, mounted or not; of a stopped one
/// only where each member holds all of it (RAID1). While it is written to, the answer may be that
/// of a moment ago.
#[derive(Debug, Args)]
#[command(
    after_help = "RANGE: START-END (END not included), START+LENGTH, chunk:N, chunk:FIRST-LAST (LAST \
                  included), in addresses of the bitmap: of the array for RAID1 and RAID10, of the \
                  data area of each member for RAID4, 5 and 6.\n\
                  Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error, or a \
                  tool that failed"
)]
pub struct FilesArgs {
    /// The array if it runs, else its members
    #[arg(required = true, value_name = "ARRAY|MEMBER")]
    targets: Vec<PathBuf>,

    /// Not the dirty chunks but this part; may be given more than once
    #[arg(long = "range", value_name = "RANGE", conflicts_with = "report")]
    ranges: Vec<Range>,

    /// Not the dirty chunks but what `mdbitmap check --json` printed: a file or a pipe; - for
    /// standard input
    #[arg(long = "ranges", value_name = "FILE")]
    report: Option<PathBuf>,

    /// The bitmap, if it is in a file or on a device of its own
    #[arg(short, long, value_name = "PATH")]
    bitmap: Option<PathBuf>,

    /// List at most so many parts
    #[arg(long, value_name = "N", default_value_t = 200)]
    list: usize,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &FilesArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = FilesOptions {
        targets: args.targets.clone(),
        bitmap: args.bitmap.clone(),
        ranges: args.ranges.clone(),
        report: args.report.clone(),
    };
    let report = files(&options, &System::default(), &context.stop, &mut waits)?;
    let printed = match args.json {
        true => render::files_json(&mut context.out, &report),
        false => render::files_text(&mut context.out, &report, args.list),
    };
    printed.and_then(|()| context.finish()).context("cannot print the report")?;
    Ok(ExitStatus::Done)
}
