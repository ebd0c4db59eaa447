//! `mdbitmap fail`: one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::members;
use crate::sysfs::System;

/// Declare a member of a running array failed.
///
/// Refused where the array would lose data, before the kernel is asked: newer kernels would call
/// the array broken and fail every write to it.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, or it had failed already; 2 not a member, 3 refused: \
                        the array cannot do without it, or you are not root; 5 the kernel refused"
)]
pub struct FailArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// The member: its node, its name in the kernel, or MAJOR:MINOR
    #[arg(value_name = "DEVICE")]
    device: PathBuf,

    #[command(flatten)]
    manage: ManageArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &FailArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let system = System::default();
    let report = members::fail(&args.array, &args.device, args.manage.dry_run, &system)?;
    args.manage.print(&report, context)
}
