//! `mdbitmap repair`: arguments to options; a look, a question, and the call that writes.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::check::listed;
use super::context::Context;
use super::exit::ExitStatus;
use super::transfer::{TransferArgs, parse_limit};
use crate::error::Error;
use crate::guard::System;
use crate::output::progress;
use crate::output::scrub as render;
use crate::scrub::{Outcome, RepairOptions, RepairReport, repair};
use crate::units::{Bytes, Range};

/// Write what is wrong on members of a stopped array, where it is known who is wrong.
///
/// On RAID6 the two parities tell which one block of a row is wrong; of three or more copies that
/// which is outvoted is. Nothing but these blocks is written, each is computed from the others and
/// read back, and what cannot be decided is left alone and listed. Only on arrays that are clean,
/// complete and without dirty chunks. Shows what it would write and asks, unless --yes is given.
#[derive(Debug, Args)]
#[command(after_help = "RANGE: as for `mdbitmap check`.\n\
                  Exit status: 0 all that differed is repaired, or nothing did; 1 with --dry-run, \
                  something differs; 2 usage, 3 refused, 4 damaged metadata, 5 I/O error, 6 some of \
                  it could not be repaired, 130 interrupted")]
pub struct RepairArgs {
    /// Members of the array: block devices or image files
    #[arg(required = true, value_name = "MEMBER")]
    members: Vec<PathBuf>,

    /// The bitmap, if it is in a file or on a device of its own
    #[arg(short, long, value_name = "PATH")]
    bitmap: Option<PathBuf>,

    /// Only this part; may be given more than once
    #[arg(long = "range", value_name = "RANGE")]
    ranges: Vec<Range>,

    /// Say what would be written, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Do not ask
    #[arg(short, long, conflicts_with = "dry_run")]
    yes: bool,

    /// List at most so many ranges; all of them are counted
    #[arg(long, value_name = "N", default_value_t = 40)]
    list: u64,

    /// At most so much a second from each member (KiB if bare; K, M, G)
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    limit: Option<Bytes>,

    #[command(flatten)]
    transfer: TransferArgs,

    /// Print ranges and report as JSON; takes --yes or --dry-run
    #[arg(long)]
    json: bool,
}

impl RepairArgs {
    fn options(&self, dry_run: bool) -> RepairOptions {
        RepairOptions {
            members: self.members.clone(),
            bitmap: self.bitmap.clone(),
            ranges: self.ranges.clone(),
            dry_run,
            limit: self.limit,
            engine: self.transfer.engine.into(),
            memory: self.transfer.memory,
        }
    }

    fn call(&self, dry_run: bool, context: &mut Context) -> anyhow::Result<RepairReport> {
        let (options, stop) = (self.options(dry_run), context.stop.clone());
        let mut observer = progress::observer(self.transfer.progress.style(context));
        let (report, printed) = listed(self.json, self.list, context, |sink| {
            repair(&options, &System::default(), sink, observer.as_mut(), &stop)
        })?;
        let printed = printed.and_then(|()| match self.json {
            true => render::repair_json(&mut context.out, &report),
            false => render::repair_text(&mut context.out, &report),
        });
        printed.and_then(|()| context.finish()).context("cannot print the report")?;
        Ok(report)
    }
}

/// Runs the command.
///
/// # Errors
/// What the library says, nobody was there to ask, or standard output failed.
pub fn run(args: &RepairArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    if !args.dry_run && !args.yes {
        if args.json || !context.stdin_is_terminal() {
            let what = "nobody is there to be asked";
            return Err(Error::refused(what).hint("give --yes, or --dry-run to look first").into());
        }
        let plan = args.call(true, context)?;
        let nothing = plan.repaired.is_zero() || plan.found.outcome == Outcome::Interrupted;
        if nothing {
            return Ok(status(&plan));
        }
        if !context.ask("Write this?")? {
            return Err(Error::refused("not confirmed: nothing was written").into());
        }
    }
    args.call(args.dry_run, context).map(|report| status(&report))
}

fn status(report: &RepairReport) -> ExitStatus {
    match report.found.outcome {
        Outcome::Interrupted => ExitStatus::Interrupted,
        Outcome::Incomplete => ExitStatus::Incomplete,
        Outcome::Same => ExitStatus::Done,
        Outcome::Different if report.found.dry_run => ExitStatus::Found,
        Outcome::Different if report.left.is_zero() => ExitStatus::Done,
        Outcome::Different => ExitStatus::Incomplete,
    }
}
