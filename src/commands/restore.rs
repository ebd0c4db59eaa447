//! `mdbitmap restore`: arguments to options, one call, a rendered report.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::edit::EditArgs;
use super::exit::ExitStatus;
use crate::edit;
use crate::guard::System;
use crate::output::waits;
use crate::store::create::NewFile;

/// Make a bitmap file from a dump.
///
/// The superblock is what it was, byte for byte. The file appears when the whole dump was read and its
/// checksum is right, or not at all. A bitmap that is older than its array is out of date: restored,
/// it is believed only as far as its event count goes.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 3 refused, 4 the dump is damaged, 5 I/O error or no room"
)]
pub struct RestoreArgs {
    /// The dump: a file or a pipe; - for standard input
    #[arg(value_name = "DUMP")]
    dump: PathBuf,

    /// The file to make
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    #[command(flatten)]
    edit: EditArgs,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// Replace a file that exists
    Overwrite,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &RestoreArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let new = NewFile {
        path: args.file.clone(),
        overwrite: args.force.contains(&Force::Overwrite),
        dry_run: args.edit.dry_run,
    };
    let report = edit::restore(&args.dump, &new, &System::default(), &context.stop, &mut waits)?;
    args.edit.print(&report, context)
}
