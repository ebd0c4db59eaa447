//! `mdbitmap attach`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use super::manage::ManageArgs;
use crate::manage::{self, AttachOptions, InternalOptions, internal};
use crate::store::create::limits;
use crate::sysfs::System;
use crate::units::ChunkSize;

/// Give a running array a bitmap: in a file, or with --internal inside its members.
///
/// A file that does not exist is made, for root alone, with the array's UUID, size and event count;
/// its bits are clear where the members are known to agree, else set. A file that exists must be
/// this array's bitmap; whether its bits count is decided and told.
///
/// The file must not lie on the array, and its file system must tell where the blocks of a file are:
/// ext4, XFS, ext2 and FAT do, Btrfs and tmpfs do not. While it is attached the kernel writes to
/// those blocks behind the file system: do not truncate, defragment, move or overwrite it. `chattr
/// +i` keeps others from it; `detach`, `assemble` and the next `attach` want `chattr -i` first.
///
/// Nothing in the array's metadata tells of the file: name it again at every assembly
/// (`mdbitmap assemble --bitmap`). Kernels from 6.18 on take no bitmap files.
///
/// With --internal the bitmap goes into the room that the members have free beside data and
/// superblock, 64 MiB a bit unless the bits need larger chunks to fit; superblocks tell of it.
/// Kernels 6.18 to 7.0 cannot take one while the array runs.
#[derive(Debug, Args)]
#[command(
    after_help = "Sizes: a bare number counts KiB; B, s (sectors), K, M, G, T and P may follow.\n\
                  Exit status: 0 attached, 2 usage, 3 refused, 4 the file is no sound bitmap, 5 \
                  the kernel takes no bitmap files, or refused; 130 interrupted"
)]
pub struct AttachArgs {
    /// The array: /dev/md0 or md0
    #[arg(value_name = "ARRAY")]
    array: PathBuf,

    /// The bitmap file [default: /var/lib/mdbitmap/UUID.bitmap]
    #[arg(value_name = "FILE", conflicts_with = "internal")]
    file: Option<PathBuf>,

    /// Put the bitmap into the room that the members have free for it
    #[arg(long)]
    internal: bool,

    /// What one bit of a new bitmap stands for: a power of two, 512 B to 2 GiB (4 KiB at least
    /// inside members) [default in a file: 4 KiB, doubled until there are at most a million bits]
    #[arg(short, long, value_name = "SIZE", value_parser = limits::chunk)]
    chunk: Option<ChunkSize>,

    /// Seconds between two sweeps in which the kernel clears bits [default: 5]
    #[arg(short, long, value_name = "SECONDS", value_parser = limits::delay)]
    delay: Option<u32>,

    /// Let so many writes to write-mostly members lag behind; 256 when no number is given
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
pub fn run(args: &AttachArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let system = System::default();
    let report = match args.internal {
        true => internal::attach(&args.array, &inside(args), &system)?,
        false => manage::attach(&in_file(args), &system, &context.stop)?,
    };
    args.manage.print(&report, context)
}

fn in_file(args: &AttachArgs) -> AttachOptions {
    AttachOptions {
        array: args.array.clone(),
        file: args.file.clone(),
        chunk: args.chunk,
        delay: args.delay,
        write_behind: args.write_behind,
        dry_run: args.manage.dry_run,
    }
}

fn inside(args: &AttachArgs) -> InternalOptions {
    InternalOptions {
        chunk: args.chunk,
        delay: args.delay.unwrap_or(5),
        write_behind: args.write_behind.unwrap_or(0),
        dry_run: args.manage.dry_run,
    }
}
