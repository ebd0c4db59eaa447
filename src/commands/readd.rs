//! `mdbitmap readd`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::members::{self, ReaddOptions};
use crate::sysfs::System;

/// Bring back a member that was away, copying only what it missed.
///
/// The bitmap knows what it missed as long as no bit was cleared since it left. Where it does not,
/// the member is refused with the reason, and `add` fills all of it. --explain says which it is,
/// and what either would cost.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, with --explain: possible; 1 with --explain: not \
                        possible; 2 usage, 3 refused: not possible, in use, or you are not root; 5 \
                        the kernel refused")]
pub struct ReaddArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// The member: its node, its name in the kernel, or MAJOR:MINOR
    #[arg(value_name = "DEVICE")]
    device: PathBuf,

    /// Say whether it is possible, by which rule, and what it costs; change nothing
    #[arg(long)]
    explain: bool,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    #[command(flatten)]
    manage: ManageArgs,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// You vouch that the device was a member of this array, which has no superblocks, and that no
    /// other took its place meanwhile
    Unproven,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &ReaddArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = ReaddOptions {
        array: args.array.clone(),
        device: args.device.clone(),
        explain: args.explain,
        dry_run: args.manage.dry_run,
        vouch: args.force.contains(&Force::Unproven),
    };
    let done = members::readd(&options, &System::default(), &context.stop)?;
    let status = args.manage.print(&done.report, context)?;
    Ok(if done.possible { status } else { ExitStatus::Found })
}
