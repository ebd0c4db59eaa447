//! `mdbitmap tune`: one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::{self, TuneOptions};
use crate::store::create::limits;
use crate::sysfs::System;

/// Show or change how the bitmap of a running array behaves.
///
/// Without options shows what is set. The kernel writes what is changed into the bitmap with its
/// next update, so it stays.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 done, 2 not an array, 3 refused, 5 the kernel refused")]
pub struct TuneArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// Seconds between two sweeps in which the kernel clears bits
    #[arg(short, long, value_name = "SECONDS", value_parser = limits::delay)]
    delay: Option<u32>,

    /// Let so many writes to write-mostly members lag behind, 0 to 16383; 0 turns it off, 256 when
    /// no number is given. RAID1 only
    #[arg(
        long, value_name = "N", default_missing_value = "256", num_args = 0..=1,
        require_equals = true, value_parser = limits::write_behind
    )]
    write_behind: Option<u32>,

    #[command(flatten)]
    manage: ManageArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &TuneArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = TuneOptions {
        delay: args.delay,
        write_behind: args.write_behind,
        dry_run: args.manage.dry_run,
    };
    let report = manage::tune(&args.array, &options, &System::default())?;
    args.manage.print(&report, context)
}
