//! `mdbitmap repair-header`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::edit::EditArgs;
use super::exit::ExitStatus;
use crate::edit::{self, RepairOptions};
use crate::guard::System;
use crate::store::create::limits;
use crate::units::ChunkSize;

/// Make the damaged superblock of a bitmap file or device anew, from those of its array.
///
/// Bits are kept where the old superblock still shows that they are the array's and how old they are;
/// else all are set. To a new file, unless --in-place. A bitmap inside the members is made anew by
/// `mdbitmap resync --full`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error or no room"
)]
pub struct RepairHeaderArgs {
    /// The bitmap file or device
    #[arg(value_name = "BITMAP")]
    bitmap: PathBuf,

    /// All members of its array
    #[arg(required = true, value_name = "MEMBER")]
    members: Vec<PathBuf>,

    /// The file to make
    #[arg(short, long, value_name = "FILE", required_unless_present = "in_place")]
    output: Option<PathBuf>,

    /// Repair the bitmap where it is
    #[arg(long, conflicts_with = "output")]
    in_place: bool,

    /// What one bit stands for, where length and superblock do not tell
    #[arg(short, long, value_name = "SIZE", value_parser = limits::chunk)]
    chunk: Option<ChunkSize>,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    #[command(flatten)]
    edit: EditArgs,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// Keep bits whose age nobody knows: you vouch for them
    KeepBits,
    /// Replace a file that exists
    Overwrite,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &RepairHeaderArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = RepairOptions {
        bitmap: args.bitmap.clone(),
        members: args.members.clone(),
        output: args.output.clone(),
        chunk: args.chunk,
        keep_bits: args.force.contains(&Force::KeepBits),
        overwrite: args.force.contains(&Force::Overwrite),
        dry_run: args.edit.dry_run,
    };
    let report = edit::repair(&options, &System::default(), &context.stop)?;
    args.edit.print(&report, context)
}
