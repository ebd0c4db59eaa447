//! `mdbitmap check`: arguments to options, one call, ranges as they are found and a report.

use std::io;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::transfer::{TransferArgs, parse_limit};
use crate::error::Result;
use crate::guard::System;
use crate::output::progress;
use crate::output::scrub as render;
use crate::scrub::{CheckOptions, Mark, Outcome, Report, Sink, check};
use crate::units::{Bytes, Range};

/// Compare the members of a stopped array, and tell where they differ.
///
/// Copies are compared with each other, parity with the data: RAID1, 4, 5, 6 and 10 of any layout,
/// by blocks of 4 KiB. Where more than half of three or more copies agree, or one block explains
/// what does not fit in a row of RAID6, the member that is wrong is named. Members that are behind
/// are not compared. Nothing is written but, with --mark, bits of the bitmap.
#[derive(Debug, Args)]
#[command(
    visible_alias = "scrub",
    after_help = "RANGE: START-END (END not included), START+LENGTH, chunk:N or chunk:FIRST-LAST \
                  (LAST included). A bare number is bytes; B, s (sectors), K, M, G, T and P may \
                  follow. Addresses are those of the bitmap: of the array for RAID1 and RAID10, of \
                  the data area of each member for RAID4, 5 and 6; `mdbitmap locate` translates.\n\
                  Exit status: 0 nothing differs, 1 something differs, 2 usage, 3 refused, 4 damaged \
                  metadata, 5 I/O error, 6 some ranges could not be read, 130 interrupted"
)]
pub struct CheckArgs {
    /// Members of the array: block devices or image files
    #[arg(required = true, value_name = "MEMBER")]
    members: Vec<PathBuf>,

    /// The bitmap, if it is in a file or on a device of its own
    #[arg(short, long, value_name = "PATH")]
    bitmap: Option<PathBuf>,

    /// Only chunks whose bits are set
    #[arg(long)]
    dirty_only: bool,

    /// Only this part; may be given more than once
    #[arg(long = "range", value_name = "RANGE")]
    ranges: Vec<Range>,

    /// Keep in this file how far it got, and go on from there
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,

    /// Set the bits of what differs, for `mdbitmap resync`: in this file, or `internal`
    #[arg(long, value_name = "internal|PATH")]
    mark: Option<PathBuf>,

    /// With --mark: only say how many chunks it would be
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// List at most so many ranges; all of them are counted
    #[arg(long, value_name = "N", default_value_t = 40)]
    list: u64,

    /// At most so much a second from each member (KiB if bare; K, M, G)
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    limit: Option<Bytes>,

    #[command(flatten)]
    transfer: TransferArgs,

    /// Print ranges and report as JSON
    #[arg(long)]
    json: bool,
}

impl CheckArgs {
    fn options(&self) -> CheckOptions {
        CheckOptions {
            members: self.members.clone(),
            bitmap: self.bitmap.clone(),
            dirty_only: self.dirty_only,
            ranges: self.ranges.clone(),
            checkpoint: self.checkpoint.clone(),
            mark: self.mark.clone().map(mark),
            dry_run: self.dry_run,
            limit: self.limit,
            engine: self.transfer.engine.into(),
            memory: self.transfer.memory,
        }
    }
}

/// `./internal` is a file of that name.
fn mark(path: PathBuf) -> Mark {
    if path.as_os_str() == "internal" { Mark::Internal } else { Mark::File(path) }
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &CheckArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let (options, stop) = (args.options(), context.stop.clone());
    let mut observer = progress::observer(args.transfer.progress.style(context));
    let (report, printed) = listed(args.json, args.list, context, |sink| {
        check(&options, &System::default(), sink, observer.as_mut(), &stop)
    })?;
    let printed = printed.and_then(|()| match args.json {
        true => render::check_json(&mut context.out, &report),
        false => render::check_text(&mut context.out, &report),
    });
    printed.and_then(|()| context.finish()).context("cannot print the report")?;
    Ok(status(&report))
}

/// Makes a library call that tells what it finds as it goes, and prints that; the second result is
/// whether it could be printed.
pub(super) fn listed<T>(
    json: bool,
    most: u64,
    context: &mut Context,
    call: impl FnOnce(&mut dyn Sink) -> Result<T>,
) -> Result<(T, io::Result<()>)> {
    let width = context.width();
    if json {
        let mut sink = render::JsonSink::new(&mut context.out);
        return Ok((call(&mut sink)?, sink.end()));
    }
    let mut sink = render::TextSink::new(&mut context.out, width, most);
    Ok((call(&mut sink)?, sink.end()))
}

fn status(report: &Report) -> ExitStatus {
    match report.outcome {
        Outcome::Same => ExitStatus::Done,
        Outcome::Different => ExitStatus::Found,
        Outcome::Incomplete => ExitStatus::Incomplete,
        Outcome::Interrupted => ExitStatus::Interrupted,
    }
}
