//! `mdbitmap stop`: one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage;
use crate::sysfs::System;

/// Stop a running array. Its members can then be resynced offline, or assembled again.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 stopped, 2 not an array, 3 refused: it is in use, or you \
                        are not root; 5 the kernel refused")]
pub struct StopArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    #[command(flatten)]
    manage: ManageArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &StopArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let report = manage::stop(&args.array, args.manage.dry_run, &System::default())?;
    args.manage.print(&report, context)
}
