//! `mdbitmap status`: running arrays as a table, once or again and again.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use crate::output::prometheus::{self, Watched};
use crate::output::status as render;
use crate::running::{self, Array, checked};
use crate::sysfs::System;

/// Show the running arrays: members, bitmap, dirty chunks, what runs.
///
/// Everything comes from the kernel. Dirty chunks are read from the bitmap on disk, which needs
/// root; without it the rest is shown.
#[derive(Debug, Args)]
#[command(after_help = "Exit status: 0 shown, also if no array runs; 2 not an array; 5 no such \
                        device, or cannot be read; 130 --watch was interrupted")]
pub struct StatusArgs {
    /// Arrays: /dev/md0 or md0; all if none is named
    #[arg(value_name = "ARRAY")]
    arrays: Vec<PathBuf>,

    /// Show it again every so many seconds until interrupted
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true,
          default_missing_value = "2", value_parser = clap::value_parser!(u32).range(1..=86400))]
    watch: Option<u32>,

    /// Print the table as JSON (schema/status.schema.json)
    #[arg(long)]
    json: bool,

    /// Print it as Prometheus reads it, for the node exporter's directory of text files
    #[arg(long, conflicts_with_all = ["json", "watch"])]
    prometheus: bool,
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &StatusArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let system = System::default();
    show(args, context, &system)?;
    let Some(seconds) = args.watch else { return Ok(ExitStatus::Done) };
    while context.nap(Duration::from_secs(seconds.into())) {
        let again = if context.stdout_is_terminal() { "\x1b[H\x1b[J" } else { "\n" };
        if !args.json {
            context.out.write_all(again.as_bytes())?;
        }
        show(args, context, &system)?;
        if context.out.get_ref().is_unread() {
            return Ok(ExitStatus::Done);
        }
    }
    Ok(ExitStatus::Interrupted)
}

fn show(args: &StatusArgs, context: &mut Context, system: &System) -> anyhow::Result<()> {
    let mut arrays = look(args, system)?;
    for array in &mut arrays {
        running::count_dirty(array, system, &context.stop);
    }
    let (width, has_md) = (context.width(), system.has_md());
    match args.json {
        _ if args.prometheus => prometheus::text(&mut context.out, &watched(&arrays))?,
        true => render::json(&mut context.out, &arrays, has_md)?,
        false => render::text(&mut context.out, &arrays, has_md, width)?,
    }
    Ok(context.finish()?)
}

fn watched(arrays: &[Array]) -> Vec<Watched<'_>> {
    let directory = Path::new(checked::DIRECTORY);
    let at = |array| Watched { array, last_check: checked::last_check(array, directory) };
    arrays.iter().map(at).collect()
}

fn look(args: &StatusArgs, system: &System) -> anyhow::Result<Vec<Array>> {
    if args.arrays.is_empty() {
        return Ok(running::all(system)?);
    }
    let mut found = Vec::new();
    for path in &args.arrays {
        found.extend(running::look(&running::find(path, system)?, system)?);
    }
    Ok(found)
}
