//! `mdbitmap add`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::members::{self, AddOptions};
use crate::sysfs::System;

/// Add devices to a running array: spares, or replacements for what is missing.
///
/// A device that was a member of this very array comes back with what it has where the bitmap
/// allows it, and only what it missed is copied (see `readd --explain`); --as-new fills all of it.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, 2 usage, 3 refused: in use, too small, carrying \
                        something, or you are not root; 5 the kernel refused")]
pub struct AddArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// The devices
    #[arg(value_name = "DEVICE", required = true)]
    devices: Vec<PathBuf>,

    /// Fill all of a device although it could come back with what it has
    #[arg(long)]
    as_new: bool,

    /// Let reads avoid them; implies --as-new
    #[arg(long)]
    write_mostly: bool,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    #[command(flatten)]
    manage: ManageArgs,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// Destroy what a device carries
    Overwrite,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &AddArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = AddOptions {
        array: args.array.clone(),
        devices: args.devices.clone(),
        as_new: args.as_new,
        write_mostly: args.write_mostly,
        overwrite: args.force.contains(&Force::Overwrite),
        dry_run: args.manage.dry_run,
    };
    let report = members::add(&options, &System::default(), &context.stop)?;
    args.manage.print(&report, context)
}
