//! `mdbitmap wait`: until nothing runs on the arrays any more.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::transfer::ProgressArg;
use crate::output::wait::{self as render, Meter};
use crate::running::wait::Waited;
use crate::running::{self, Ended};
use crate::sysfs::System;

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// Wait until no resync, recovery, check or reshape runs on these arrays.
///
/// Interrupting the waiting does not touch what the kernel does.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 idle, whether or not there was anything to wait for; 2 not \
                        an array; 5 no such device, or cannot be read; 6 frozen, or stopped \
                        meanwhile; 130 interrupted"
)]
pub struct WaitArgs {
    /// Arrays: /dev/md0 or md0
    #[arg(required = true, value_name = "ARRAY")]
    arrays: Vec<PathBuf>,

    /// How to show progress on standard error
    #[arg(long, value_enum, default_value_t = ProgressArg::Auto, value_name = "HOW")]
    progress: ProgressArg,

    /// Print the result as JSON (schema/wait.schema.json)
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &WaitArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let system = System::default();
    let names: Result<Vec<_>, _> = args.arrays.iter().map(|p| running::find(p, &system)).collect();
    let mut all = Vec::new();
    for name in names? {
        let waited = wait_for(&name, args, context, &system)?;
        let go_on = waited.ended != Ended::Interrupted;
        all.push(waited);
        if !go_on {
            break;
        }
    }
    match args.json {
        true => render::json(&mut context.out, &all)?,
        false => render::text(&mut context.out, &all)?,
    }
    context.finish()?;
    Ok(status(&all))
}

fn wait_for(
    name: &str,
    args: &WaitArgs,
    context: &Context,
    system: &System,
) -> crate::error::Result<Waited> {
    let mut meter = Meter::new(name, args.progress.style(context));
    let look = &mut || running::look(name, system);
    let waited = running::wait(name, look, &mut |s| meter.show(s), &mut || context.nap(PERIOD));
    meter.finish();
    waited
}

fn status(all: &[Waited]) -> ExitStatus {
    match all.iter().find(|waited| waited.ended != Ended::Idle) {
        None => ExitStatus::Done,
        _ if all.iter().any(|w| w.ended == Ended::Interrupted) => ExitStatus::Interrupted,
        Some(_) => ExitStatus::Incomplete,
    }
}
