//! `mdbitmap detach`: one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::internal;
use crate::sysfs::System;

/// Take the bitmap inside its members away from a running array.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, 2 not an array, 3 refused, 5 the kernel refused")]
pub struct DetachArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    #[command(flatten)]
    manage: ManageArgs,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// Also where members are missing, which then must be copied whole when they come back
    Degraded,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &DetachArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let (degraded, dry_run) = (args.force.contains(&Force::Degraded), args.manage.dry_run);
    let report = internal::detach(&args.array, degraded, dry_run, &System::default())?;
    args.manage.print(&report, context)
}
