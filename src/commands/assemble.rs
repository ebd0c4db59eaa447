//! `mdbitmap assemble`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::{self, AssembleOptions};
use crate::sysfs::System;

/// Bring up an array, with its bitmap file before it runs.
///
/// After a crash the kernel then resyncs only what the bitmap calls dirty. Who is current and who
/// is behind is decided as the kernel decides it: members that are behind are left out, and said
/// so; spares are taken. Whatever goes wrong, nothing stays assembled.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 it runs, 2 usage, 3 refused, 4 damaged metadata, 5 the \
                        kernel refused, or takes no bitmap files (6.18 and later), 130 interrupted")]
pub struct AssembleArgs {
    /// What to call the array: /dev/md0, /dev/md/NAME or md0; made if it is not there
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// Members of the array: block devices
    #[arg(required = true, value_name = "MEMBER")]
    members: Vec<PathBuf>,

    /// The file that holds its bitmap; one inside the members is used without asking
    #[arg(short, long, value_name = "FILE")]
    bitmap: Option<PathBuf>,

    /// Let the array be read only: no resync, no data or superblock written
    ///
    /// The kernel rewrites the header of a bitmap even so; without a bitmap not a byte changes.
    #[arg(long)]
    readonly: bool,

    /// Do it in spite of what was refused
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    #[command(flatten)]
    manage: ManageArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// Start with fewer members than it last had
    Degraded,
}

impl AssembleArgs {
    fn options(&self) -> AssembleOptions {
        AssembleOptions {
            array: self.array.clone(),
            members: self.members.clone(),
            bitmap: self.bitmap.clone(),
            readonly: self.readonly,
            degraded: self.force.contains(&Force::Degraded),
            dry_run: self.manage.dry_run,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &AssembleArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let report = manage::assemble(&args.options(), &System::default(), &context.stop)?;
    args.manage.print(&report, context)
}
