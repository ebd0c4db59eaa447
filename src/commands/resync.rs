//! `mdbitmap resync`: arguments to options, one call, a rendered report.

use std::io;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::build::BuildArgs;
use super::context::Context;
use super::exit::ExitStatus;
use super::transfer::{TransferArgs, parse_limit};
use crate::error::Error;
use crate::guard::System;
use crate::output::progress;
use crate::output::resync as render;
use crate::resync::{
    Care, Outcome, Replacement, Report, ResyncOptions, Source, Vouched, resync, threads,
};
use crate::units::{Bytes, Slot};

/// Make the members of a stopped array agree, following its bitmap.
///
/// The members are block devices or image files of one stopped array: RAID1, 4, 5, 6 or 10 of any
/// layout. Which of them are current is decided as the kernel decides it. Only the chunks whose bits
/// are set are worked on: copies are made equal, parity is computed anew from the data, and members
/// that were away are caught up, by copying or by computing from the others. Bits are cleared only
/// when the data is on stable storage on every member, and never while one is
/// missing. Interrupted at any moment, the same command goes on.
///
/// With --build the members have no superblocks, and the options say what the array is.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 2 usage, 3 refused, 4 damaged metadata, 5 I/O error, \
                        6 some chunks could not be copied, 130 interrupted"
)]
pub struct ResyncArgs {
    /// Members of the array: block devices or image files
    #[arg(required = true, value_name = "MEMBER")]
    members: Vec<PathBuf>,

    /// The bitmap, if it is in a file or on a device of its own
    #[arg(short, long, value_name = "PATH")]
    bitmap: Option<PathBuf>,

    /// Fill the missing member's slot with a new device DEV, and make it a member; may be given
    /// several times. Name all other members; what was in the slot before is given up
    #[arg(long, value_name = "SLOT=DEV", value_parser = parse_replacement, conflicts_with = "build")]
    replace: Vec<Replacement>,

    /// Copy everything, whatever the bitmap says
    #[arg(long)]
    full: bool,

    /// With --full, and without a bitmap: keep in this file how far it got, and go on from there
    #[arg(long, value_name = "FILE", requires = "full", conflicts_with_all = ["bitmap", "replace"])]
    checkpoint: Option<PathBuf>,

    /// Take the data from this member: its slot, or its path
    #[arg(long, value_name = "SLOT|PATH")]
    source: Option<String>,

    /// Do what is refused otherwise
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,

    /// Say what would be done, and write nothing
    #[arg(short = 'n', long)]
    dry_run: bool,

    /// At most so much a second (KiB if bare; K, M, G); clean chunks are skipped at full speed
    #[arg(long, value_name = "RATE", value_parser = parse_limit)]
    limit: Option<Bytes>,

    /// Read the targets first, and write only what differs; tells how much that was
    #[arg(long)]
    compare: bool,

    /// Read back what was written, and take a difference for a failed write
    #[arg(long)]
    verify: bool,

    #[command(flatten)]
    transfer: TransferArgs,

    /// Print the report as JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    build: BuildArgs,
}

/// What may be forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    /// No node of the array's cluster has it: you have made sure
    Cluster,
    /// With --replace: write over what the new device carries
    Overwrite,
    /// With --build: a member carries an md superblock, which is a part of the data, or left over
    Superblock,
    /// With --build: the bitmap bears a UUID, and is this array's all the same
    Uuid,
    /// With --build: go on from a checkpoint, for nobody started the array since
    Checkpoint,
    /// With --build: most samples of the members differ, and yet all is as described
    Mismatch,
}

impl Force {
    /// What is vouched for of an array without superblocks.
    const fn vouched(self) -> Option<Vouched> {
        match self {
            Self::Superblock => Some(Vouched::Superblock),
            Self::Uuid => Some(Vouched::Uuid),
            Self::Checkpoint => Some(Vouched::Checkpoint),
            Self::Mismatch => Some(Vouched::Mismatch),
            Self::Cluster | Self::Overwrite => None,
        }
    }

    /// The option that it belongs to, if that is not given.
    fn lacks(self, args: &ResyncArgs) -> Option<&'static str> {
        match self {
            Self::Cluster => None,
            Self::Overwrite => args.replace.is_empty().then_some("--replace"),
            _ => (!args.build.is_given()).then_some("--build"),
        }
    }
}

fn parse_replacement(text: &str) -> Result<Replacement, String> {
    let (slot, path) = text.split_once('=').ok_or("give it as SLOT=DEV, such as 1=/dev/sdd1")?;
    let slot =
        slot.parse().map(Slot).map_err(|_| format!("{slot:?} is not the number of a slot"))?;
    match path.is_empty() {
        true => Err("there is no device behind the equals sign".into()),
        false => Ok(Replacement { slot, path: path.into() }),
    }
}

impl ResyncArgs {
    fn options(&self, now: u64) -> Result<ResyncOptions, Error> {
        if let Some(option) = self.force.iter().find_map(|force| force.lacks(self)) {
            return Err(Error::usage(format!("this --force means something with {option} only")));
        }
        let vouched = self.force.iter().filter_map(|force| force.vouched()).collect();
        let (build, members) = self.build.read(&self.members, vouched)?;
        Ok(ResyncOptions {
            members,
            build,
            bitmap: self.bitmap.clone(),
            replace: self.replace.clone(),
            overwrite: self.force.contains(&Force::Overwrite),
            full: self.full,
            checkpoint: self.checkpoint.clone(),
            source: self.source.as_deref().map(source),
            cluster_is_down: self.force.contains(&Force::Cluster),
            dry_run: self.dry_run,
            limit: self.limit,
            care: Care { compare: self.compare, verify: self.verify },
            engine: self.transfer.engine.into(),
            memory: self.transfer.memory,
            threads: threads(),
            now,
        })
    }
}

/// A number is a slot; `./0` is a file of that name.
fn source(text: &str) -> Source {
    text.parse().map_or_else(|_| Source::Path(PathBuf::from(text)), |n| Source::Slot(Slot(n)))
}

/// Runs the command.
///
/// # Errors
/// What the library says, or standard output failed.
pub fn run(args: &ResyncArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let options = args.options(context.now())?;
    let mut observer = progress::observer(args.transfer.progress.style(context));
    let report = resync(&options, &System::default(), observer.as_mut(), &context.stop)?;
    print(args, context, &report).context("cannot print the report")?;
    Ok(status(report.outcome))
}

fn print(args: &ResyncArgs, context: &mut Context, report: &Report) -> io::Result<()> {
    let width = context.width();
    match args.json {
        true => render::json(&mut context.out, report)?,
        false => render::text(&mut context.out, report, width)?,
    }
    context.finish()
}

fn status(outcome: Outcome) -> ExitStatus {
    match outcome {
        Outcome::Planned | Outcome::Done => ExitStatus::Done,
        Outcome::Incomplete => ExitStatus::Incomplete,
        Outcome::Interrupted => ExitStatus::Interrupted,
    }
}
