//! `mdbitmap inspect`: an array as one picture, with what would become of it.

use std::path::PathBuf;

use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use crate::inspect::{InspectOptions, Picture, SPEED, inspect};
use crate::output::inspect::{hex, json, text};
use crate::sysfs::System;
use crate::units::{Bytes, parse_size};

/// Show an array with its members, its bitmap, and what would become of it.
///
/// Members (devices or images) of a stopped array, or a running array: each member with its event
/// count, the bitmap beside it, and in words: whom `mdadm --assemble` and the kernel would take,
/// what they would resync or recover and why, or why they would not start it; whether each absent
/// member could be re-added from the bitmap, by which rule; and what `mdbitmap resync` would do,
/// with bytes and an estimate. Nothing is written, and damaged metadata are shown.
///
/// Of a running array the verdicts say what would be after a power cut at this moment.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 shown, dirty or not; 2 usage; 4 damaged, not a member, or such \
                  that the kernel would refuse it (shown all the same); 5 cannot be read.\n\
                  `mdbitmap is` answers yes or no to scripts."
)]
pub struct InspectArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub targets: TargetArgs,

    /// What a member can read or write a second, for estimates (KiB if bare) [default: 100M]
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub speed: Option<Bytes>,

    /// Print every field of the superblocks too: offset, width, the kernel's name, bytes, value
    #[arg(long, visible_alias = "raw")]
    pub hex: bool,

    /// Print one JSON object (schema/inspect.schema.json)
    #[arg(long)]
    pub json: bool,
}

/// What to look at.
#[derive(Debug, Args)]
pub struct TargetArgs {
    /// Members of a stopped array (devices or images), a bitmap, or one running array
    #[arg(required = true, value_name = "TARGET")]
    pub targets: Vec<PathBuf>,

    /// The bitmap, if it is in a file or on a device of its own
    #[arg(short, long, value_name = "PATH")]
    pub bitmap: Option<PathBuf>,
}

impl TargetArgs {
    /// The picture of it.
    pub(super) fn picture(
        &self,
        speed: Option<Bytes>,
        context: &Context,
    ) -> crate::error::Result<Picture> {
        let options = InspectOptions {
            targets: self.targets.clone(),
            bitmap: self.bitmap.clone(),
            speed: speed.unwrap_or(SPEED),
        };
        inspect(&options, &System::default(), &context.stop)
    }
}

fn rate(text: &str) -> Result<Bytes, String> {
    let rate = parse_size(text, 1024).map_err(|error| error.to_string())?;
    if rate.is_zero() { Err("nothing would ever end at that".into()) } else { Ok(rate) }
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &InspectArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let picture = args.targets.picture(args.speed, context)?;
    match args.json {
        true => json::write(&mut context.out, &picture, args.hex)?,
        false => text::picture(&mut context.out, &picture)?,
    }
    if args.hex && !args.json {
        hex::dump(&mut context.out, &picture)?;
    }
    context.finish()?;
    Ok(match () {
        () if picture.is_unreadable() => ExitStatus::Io,
        () if picture.is_damaged() => ExitStatus::Damaged,
        () => ExitStatus::Done,
    })
}
