//! `mdbitmap create`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::exit::ExitStatus;
use crate::format::md::MdUuid;
use crate::guard::System;
use crate::output::create as render;
use crate::store::CreateOptions;
use crate::store::create::{self, limits};
use crate::units::{ChunkSize, Sectors};

/// Make a bitmap: in a new file, or at the start of a block device.
///
/// With --array everything comes from the array: what to cover, its UUID and its event count, so
/// that the kernel and `mdbitmap resync` honour the bits. Without it give --size; the event count
/// is then 0, and without --uuid the UUID is zero too: an array without superblocks (mdadm
/// --build) takes such a bitmap as it is, any other needs --array.
///
/// A file appears complete or not at all, with mode 0600. Anything in use is refused.
#[derive(Debug, Args)]
#[command(
    after_help = "Sizes: a bare number counts KiB; B, s (sectors), K, M, G, T and P may follow.\n\
                  Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error or no \
                  room, 130 interrupted"
)]
pub struct CreateArgs {
    /// The file to make, or the block device to write to
    #[arg(value_name = "PATH")]
    path: PathBuf,

    /// What one bit stands for: a power of two, 512 B to 2 GiB [default: 4 KiB, doubled until
    /// there are at most a million bits]
    #[arg(short, long, value_name = "SIZE", value_parser = limits::chunk)]
    chunk: Option<ChunkSize>,

    /// Seconds between two sweeps in which the kernel clears bits
    #[arg(short, long, value_name = "SECONDS", default_value = "5", value_parser = limits::delay)]
    delay: u32,

    /// What the bits cover: the component size; for RAID10 the array size
    #[arg(short = 'z', long, value_name = "SIZE", value_parser = limits::size)]
    size: Option<Sectors>,

    /// The array's UUID as mdadm prints it, or with dashes
    #[arg(short, long, value_name = "UUID", value_parser = parse_uuid)]
    uuid: Option<MdUuid>,

    /// Let so many writes to write-mostly members lag behind; 256 when no number is given
    #[arg(
        long, value_name = "N", default_value = "0", default_missing_value = "256",
        num_args = 0..=1, require_equals = true, hide_default_value = true,
        value_parser = limits::write_behind
    )]
    write_behind: u32,

    /// Start with all bits clear: you vouch that the members agree [default: all bits set]
    #[arg(long)]
    clean: bool,

    /// Take size, UUID and event count from this: a member (device or image), or a running array
    #[arg(long, value_name = "TARGET")]
    array: Option<PathBuf>,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    /// Check everything and say what would be made, but write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// Print the report as JSON (schema/create.schema.json)
    #[arg(long)]
    json: bool,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// Replace a file that exists, write over what a device carries
    Overwrite,
}

fn parse_uuid(text: &str) -> Result<MdUuid, String> {
    let parsed = text.parse::<MdUuid>();
    parsed.map_err(|error| format!("{error}"))
}

/// Makes the bitmap and says so.
///
/// # Errors
/// See [`create::create`]; or the output cannot be written.
pub fn run(args: &CreateArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let created = create::create(&options(args), &System::default(), &context.stop)?;
    match args.json {
        true => render::json(&mut context.out, &created)?,
        false => render::text(&mut context.out, &created)?,
    }
    context.finish()?;
    Ok(ExitStatus::Done)
}

fn options(args: &CreateArgs) -> CreateOptions {
    CreateOptions {
        path: args.path.clone(),
        chunk: args.chunk,
        delay: args.delay,
        size: args.size,
        uuid: args.uuid,
        write_behind: args.write_behind,
        clean: args.clean,
        array: args.array.clone(),
        overwrite: args.force.contains(&Force::Overwrite),
        dry_run: args.dry_run,
    }
}
