//! `mdbitmap examine`: shows bitmaps and says whether any chunk is dirty.

use std::env;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;

use super::context::Context;
use super::exit::{self, ExitStatus};
use crate::error::{Error, Kind};
use crate::format::finding::any_error;
use crate::output::examine::{json, map::Map, text};
use crate::store::{BitmapAtRest, Report};
use crate::units::ChunkRun;

/// Show a bitmap: in a file, on a block device, or inside a member of an array.
///
/// Exit status: 0 shown; 1 with --test, a chunk is dirty; 4 damaged, not a bitmap, or such that
/// the kernel would refuse it; 5 cannot be read.
#[derive(Debug, Args)]
pub struct ExamineArgs {
    /// Files, block devices or members (device or image) to look at
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// List every run of dirty chunks with the bytes it stands for
    #[arg(long)]
    pub ranges: bool,

    /// Draw the whole bitmap as one line
    #[arg(long, conflicts_with = "json")]
    pub map: bool,

    /// Exit with status 1 if any chunk is dirty
    #[arg(long)]
    pub test: bool,

    /// Print one JSON object (schema/examine.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// Shows every path; one that fails does not keep the others from being shown.
///
/// # Errors
/// The output cannot be written, or a signal asked to stop.
pub fn run(args: &ExamineArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let (mut worst, mut opened) = (ExitStatus::Done, Vec::new());
    for (n, path) in args.paths.iter().enumerate() {
        let status = match BitmapAtRest::open(path, &context.stop) {
            Ok(bitmap) => {
                let status = status(bitmap.report(), args.test);
                if args.json {
                    opened.push(bitmap);
                } else {
                    show(args, context, &bitmap, n > 0)?;
                }
                status
            }
            Err(error) => {
                context.finish()?;
                exit::report(&error.into())
            }
        };
        worst = if status as u8 > worst as u8 { status } else { worst };
        if worst == ExitStatus::Interrupted {
            return Ok(worst);
        }
    }
    if args.json {
        let written = json::write(&mut context.out, &opened, args.ranges, &context.stop);
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            return Err(Error::new(Kind::Interrupted, "stopped while reading the bitmap").into());
        }
        written?;
    }
    context.finish()?;
    Ok(worst)
}

fn status(report: &Report, test: bool) -> ExitStatus {
    match any_error(&report.findings) {
        true => ExitStatus::Damaged,
        false if test && report.is_dirty() => ExitStatus::Found,
        false => ExitStatus::Done,
    }
}

fn show(
    args: &ExamineArgs,
    context: &mut Context,
    bitmap: &BitmapAtRest,
    apart: bool,
) -> anyhow::Result<()> {
    let width = context.width();
    let out = &mut context.out;
    if apart {
        io::Write::write_all(out, b"\n")?;
    }
    text::report(out, bitmap.report())?;
    let Some(coverage) = bitmap.report().coverage else { return Ok(()) };
    if args.map {
        let mut map = Map::new(coverage.chunks(), width);
        bitmap.dirty_runs(&context.stop, &mut |run| map.add(run))?;
        map.draw(out, speaks_unicode())?;
    }
    if args.ranges {
        text::ranges_head(out)?;
        let mut failed = None;
        let stop = &context.stop;
        let done = bitmap.dirty_runs(stop, &mut |run: ChunkRun| {
            if failed.is_none() {
                failed = text::range(out, coverage, run).err();
                // Nobody reads on: no need to go through the rest.
                stop.fetch_or(failed.is_some(), Ordering::Relaxed);
            }
        });
        failed.map_or(Ok(()), Err)?;
        done?;
    }
    Ok(())
}

/// Whether the terminal is set up for more than ASCII.
fn speaks_unicode() -> bool {
    let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    locale.is_some_and(|locale| locale.to_ascii_lowercase().replace('-', "").contains("utf8"))
}
