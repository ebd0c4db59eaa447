//! `mdbitmap rechunk`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::edit::{EditArgs, OutputArgs, make};
use super::exit::ExitStatus;
use crate::edit::Operation;
use crate::store::create::limits;
use crate::units::{ChunkSize, Sectors};

/// Make a bitmap with other chunks, or over another size, from one that is there; dirt is kept.
///
/// Dirt is rounded outwards to coarser chunks; of what was not covered before everything is dirty.
/// The bitmap itself is not touched. An internal one gets other chunks by way of a file:
/// `mdbitmap convert --to file`, then `mdbitmap convert --to internal --chunk`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error or no room"
)]
pub struct RechunkArgs {
    /// A bitmap file or device, or a member with a bitmap inside
    #[arg(value_name = "BITMAP")]
    source: PathBuf,

    /// What one bit stands for: a power of two, 512 B to 2 GiB (KiB if bare)
    #[arg(short, long, value_name = "SIZE", value_parser = limits::chunk)]
    chunk: Option<ChunkSize>,

    /// What the bits cover (KiB if bare)
    #[arg(short = 'z', long, value_name = "SIZE", value_parser = limits::size,
          required_unless_present = "chunk")]
    size: Option<Sectors>,

    #[command(flatten)]
    output: OutputArgs,

    #[command(flatten)]
    edit: EditArgs,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &RechunkArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let operation = Operation::Rechunk { chunk: args.chunk, size: args.size };
    let sources = std::slice::from_ref(&args.source);
    make(operation, sources, &args.output, args.edit, context)
}
