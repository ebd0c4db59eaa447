//! `mdbitmap locate`: what is asked for, one call, a rendered report.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::context::Context;
use super::exit::ExitStatus;
use crate::error::Error;
use crate::guard::System;
use crate::output::places as render;
use crate::places::{Ask, LocateOptions, locate};
use crate::units::{Bytes, Chunks, Slot, parse_size};

/// Translate between byte of the array, bit of the bitmap, stripe, and byte of a member.
///
/// Only superblocks are read; the array may run. As many questions as wanted at once; `*` marks
/// what was asked for, beside it stands what else belongs to the same piece: the other copies, or
/// the other data of the row and its parity.
#[derive(Debug, Args)]
#[command(
    after_help = "OFFSET: bytes, or with a unit: B, s (sectors), K, M, G, T, P. A kernel's messages \
                  count sectors: `--device /dev/sdb1:123456s`.\n\
                  Exit status: 0 done, 2 usage or beyond the end, 3 refused, 4 damaged metadata, \
                  5 I/O error"
)]
pub struct LocateArgs {
    /// The array if it runs, else its members
    #[arg(required = true, value_name = "ARRAY|MEMBER")]
    targets: Vec<PathBuf>,

    /// A byte of the array
    #[arg(short, long = "array-offset", value_name = "OFFSET", value_parser = offset)]
    array: Vec<Bytes>,

    /// A bit of the bitmap, and so a chunk of it
    #[arg(long = "bit", value_name = "N")]
    bits: Vec<u64>,

    /// A stripe: a row of chunks, on levels with parity
    #[arg(long = "stripe", value_name = "N")]
    stripes: Vec<u64>,

    /// A byte of a device, counted from its start: the slot or the path of a member, and where
    #[arg(short, long = "device", value_name = "MEMBER:OFFSET", value_parser = device)]
    devices: Vec<Ask>,

    /// The bitmap, if it is in a file or on a device of its own
    #[arg(short, long, value_name = "PATH")]
    bitmap: Option<PathBuf>,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

fn offset(text: &str) -> Result<Bytes, String> {
    parse_size(text, 1).map_err(|error| error.to_string())
}

/// A number is a slot; `./0` is a file of that name.
fn device(text: &str) -> Result<Ask, String> {
    let (member, at) = text.rsplit_once(':').ok_or("give MEMBER:OFFSET")?;
    let at = offset(at)?;
    Ok(match member.parse() {
        Ok(slot) => Ask::Slot(Slot(slot), at),
        Err(_) => Ask::Path(PathBuf::from(member), at),
    })
}

impl LocateArgs {
    fn asks(&self) -> Vec<Ask> {
        let array = self.array.iter().map(|at| Ask::Array(*at));
        let bits = self.bits.iter().map(|bit| Ask::Bit(Chunks::new(*bit)));
        let stripes = self.stripes.iter().map(|stripe| Ask::Stripe(*stripe));
        array.chain(bits).chain(stripes).chain(self.devices.iter().cloned()).collect()
    }
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &LocateArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let asks = args.asks();
    if asks.is_empty() {
        let what = "nothing is asked for";
        let hint = "give --array-offset, --bit, --stripe or --device, each as often as wanted";
        return Err(Error::usage(what).hint(hint).into());
    }
    let options =
        LocateOptions { targets: args.targets.clone(), bitmap: args.bitmap.clone(), asks };
    let report = locate(&options, &System::default())?;
    let width = context.width();
    let printed = match args.json {
        true => render::locate_json(&mut context.out, &report),
        false => render::locate_text(&mut context.out, &report, width),
    };
    printed.and_then(|()| context.finish()).context("cannot print the report")?;
    Ok(ExitStatus::Done)
}
