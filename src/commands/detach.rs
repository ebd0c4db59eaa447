//! `mdbitmap detach`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::{self, DetachOptions};
use crate::sysfs::System;

/// Take the bitmap away from a running array.
///
/// A bitmap file stays where it is, marked stale: the array is written to without it from now on.
/// While members are away only the bitmap tells what they missed, so that needs --force=degraded.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 detached, 2 usage, 3 refused, 5 the kernel refused")]
pub struct DetachArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// Before that, write the bits as they are now to this new file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    #[command(flatten)]
    manage: ManageArgs,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// Although members are away, which then need full rebuilds
    Degraded,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &DetachArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = DetachOptions {
        array: args.array.clone(),
        save: args.save.clone(),
        degraded: args.force.contains(&Force::Degraded),
        dry_run: args.manage.dry_run,
    };
    let report = manage::detach(&options, &System::default(), &context.stop)?;
    args.manage.print(&report, context)
}
