//! `mdbitmap attach`: one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::InternalOptions;
use crate::manage::internal;
use crate::store::create::limits;
use crate::sysfs::System;
use crate::units::ChunkSize;

/// Give a running array a bitmap inside its members.
#[derive(Debug, Args)]
#[command(
    after_help = "Sizes: a bare number counts KiB; B, s (sectors), K, M, G, T and P may follow.\n\
                        Exit status: 0 done, 2 not an array, 3 refused, 4 damaged metadata, 5 a \
                        member or the kernel failed"
)]
pub struct AttachArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// Put the bitmap into the room that the members set aside for it
    #[arg(long, required = true)]
    internal: bool,

    /// What one bit stands for: a power of two, 4 KiB to 2 GiB [default: 64 MiB, doubled until the
    /// bits fit]
    #[arg(short, long, value_name = "SIZE", value_parser = limits::chunk)]
    chunk: Option<ChunkSize>,

    /// Seconds between two sweeps in which the kernel clears bits
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = limits::delay)]
    delay: u32,

    /// Let so many writes to write-mostly members lag behind; 256 when no number is given
    #[arg(
        long, value_name = "N", default_value = "0", default_missing_value = "256",
        num_args = 0..=1, require_equals = true, hide_default_value = true,
        value_parser = limits::write_behind
    )]
    write_behind: u32,

    #[command(flatten)]
    manage: ManageArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &AttachArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = InternalOptions {
        chunk: args.chunk,
        delay: args.delay,
        write_behind: args.write_behind,
        dry_run: args.manage.dry_run,
    };
    let report = internal::attach(&args.array, &options, &System::default())?;
    args.manage.print(&report, context)
}
