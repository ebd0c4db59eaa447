//! `mdbitmap convert`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::edit::EditArgs;
use super::exit::ExitStatus;
use crate::edit::{self, ConvertOptions};
use crate::guard::System;
use crate::store::create::limits;
use crate::units::ChunkSize;

/// Move the bitmap of a stopped array from a file into its members, or from them into a file.
///
/// Kernels from 6.18 on take no bitmap files: moved into the members, the bits of one go on counting.
/// Bits are kept, event counts too; bits that may not be believed become all set. Superblocks are
/// changed last, and a power cut at any moment leaves a bitmap that is right. The same command then
/// finishes what was cut short: a file of our own that is the bitmap inside, to the last bit, is taken
/// as made, without --force.
///
/// All members must be named, current and of one age; spares may be named.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error or no room"
)]
pub struct ConvertArgs {
    /// All members of the array: block devices or image files
    #[arg(required = true, value_name = "MEMBER")]
    members: Vec<PathBuf>,

    /// Where the bitmap is to go
    #[arg(long, value_enum, value_name = "WHERE")]
    to: To,

    /// The bitmap file: what is moved in, or what is made
    #[arg(short, long, value_name = "FILE")]
    bitmap: PathBuf,

    /// With --to internal: what one bit stands for there [default: as in the file, or as fine as fits]
    #[arg(short, long, value_name = "SIZE", value_parser = limits::chunk)]
    chunk: Option<ChunkSize>,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    #[command(flatten)]
    edit: EditArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum To {
    /// Into the members
    Internal,
    /// Into a file
    File,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// With --to file: replace a file that exists
    Overwrite,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &ConvertArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = ConvertOptions {
        members: args.members.clone(),
        file: args.bitmap.clone(),
        chunk: args.chunk,
        overwrite: args.force.contains(&Force::Overwrite),
        dry_run: args.edit.dry_run,
    };
    let report = match args.to {
        To::Internal => edit::to_internal(&options, &System::default())?,
        To::File => edit::to_file(&options, &System::default(), &context.stop)?,
    };
    args.edit.print(&report, context)
}
