//! `mdbitmap remove`: one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::members::{self, Which};
use crate::sysfs::System;

/// Take a failed member or a spare out of a running array.
///
/// A device that is gone from the machine can be named by what the kernel called it: sdb1.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, or there was none; 2 not a member, 3 refused: it is \
                        active, or you are not root; 5 the kernel refused")]
pub struct RemoveArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// The member: its node, its name in the kernel, or MAJOR:MINOR; `failed`: all that failed;
    /// `detached`: all whose device is gone
    #[arg(value_name = "DEVICE|failed|detached")]
    which: PathBuf,

    #[command(flatten)]
    manage: ManageArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &RemoveArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let which = match args.which.to_str() {
        Some("failed") => Which::Failed,
        Some("detached") => Which::Detached,
        _ => Which::One(&args.which),
    };
    let report = members::remove(&args.array, which, args.manage.dry_run, &System::default())?;
    args.manage.print(&report, context)
}
