//! `mdbitmap demo`: makes a practice array and walks through its repair.
//!
//! The steps are this very program, run as a child in the array's directory: the reader sees what
//! they would see, and each command is printed so that they can type it themselves.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use clap::{Args, ValueEnum};

use super::context::Context;
use super::exit::ExitStatus;
use crate::demo::{self, DemoOptions, Practice};
use crate::error::{Error, Kind};
use crate::format::md::{HostOrder, MdUuid, MdVersion};
use crate::output::demo as output;
use crate::units::parse_size;
use crate::units::{Bytes, ChunkSize};

/// Make a practice array and walk through its repair.
///
/// The array is made of image files with real superblocks and a real bitmap, left as by a power cut
/// that lost some writes on one member. Needs no root and no kernel md.
///
/// Exit status: 0 done; 3 such files exist already; 6 a step failed; 130 interrupted.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where to put the files [default: a new temporary directory, which is kept]
    dir: Option<PathBuf>,
    /// RAID level; this build makes practice arrays of level 1
    #[arg(long, default_value = "1", value_parser = level)]
    level: i32,
    /// How many members, 2 to 8
    #[arg(long, value_name = "N", default_value_t = 3)]
    members: u16,
    /// Version of the superblocks
    #[arg(long, value_enum, default_value = "1.2")]
    metadata: Metadata,
    /// What each member holds (KiB if bare; also s, K, M, G)
    #[arg(long, value_name = "SIZE", default_value = "256M", value_parser = kib)]
    size: Bytes,
    /// What one bit of the bitmap stands for (KiB if bare) [default: 64K or more]
    #[arg(long, value_name = "SIZE", value_parser = chunk)]
    chunk: Option<ChunkSize>,
    /// Make the same content and the same losses again
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only make the array, and print the commands of the walk without running them
    #[arg(long)]
    make_only: bool,
    /// Override a refusal: `overwrite` replaces the files of an earlier practice array
    #[arg(long, value_enum, value_delimiter = ',', require_equals = true, value_name = "WHAT")]
    force: Vec<Force>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Force {
    Overwrite,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Metadata {
    #[value(name = "0.90", alias = "0")]
    V0_90,
    #[value(name = "1.0")]
    V1_0,
    #[value(name = "1.1")]
    V1_1,
    #[value(name = "1.2")]
    V1_2,
}

impl From<Metadata> for MdVersion {
    fn from(metadata: Metadata) -> Self {
        match metadata {
            // Practice arrays are for this machine's mdadm, and those machines are little-endian.
            Metadata::V0_90 => Self::V0_90(HostOrder::Little),
            Metadata::V1_0 => Self::V1_0,
            Metadata::V1_1 => Self::V1_1,
            Metadata::V1_2 => Self::V1_2,
        }
    }
}

fn level(text: &str) -> Result<i32, String> {
    let made: Vec<String> = demo::LEVELS.iter().map(ToString::to_string).collect();
    let number = text.strip_prefix("raid").unwrap_or(text).parse().ok();
    let number = if text == "mirror" { Some(1) } else { number };
    number.filter(|level| demo::LEVELS.contains(level)).ok_or_else(|| {
        format!("this build makes practice arrays of these levels only: {}", made.join(", "))
    })
}

fn kib(text: &str) -> Result<Bytes, String> {
    parse_size(text, 1024).map_err(|error| error.to_string())
}

fn chunk(text: &str) -> Result<ChunkSize, String> {
    let why = "a chunk is a power of two from 512 bytes to 2 GiB";
    ChunkSize::from_bytes(kib(text)?.get()).ok_or_else(|| why.to_owned())
}

/// Makes the array, and walks through its repair unless told not to.
///
/// # Errors
/// The array cannot be made, or a step of the walk fails.
pub fn run(args: &DemoArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let practice = make(args, context)?;
    let walk = Walk::new(&practice, !args.make_only)?;
    output::made(&mut context.out, &practice, walk.path_entry.as_deref())?;
    walk.compare(context, "How the members differ")?;
    walk.step(context, "What the bitmap says", "examine", &["--ranges"], 1)?;
    walk.step(context, "What a resync would do", "resync", &["--dry-run"], practice.members.len())?;
    walk.step(context, "The resync", "resync", &[], practice.members.len())?;
    walk.compare(context, "How the members differ now")?;
    walk.step(context, "Whether a chunk is still dirty", "examine", &["--test"], 1)?;
    output::end(&mut context.out, &practice)?;
    Ok(ExitStatus::Done)
}

fn make(args: &DemoArgs, context: &Context) -> anyhow::Result<Practice> {
    if let Some(dir) = &args.dir {
        return Ok(demo::make(&options(args, dir, context))?);
    }
    let dir = demo::temporary_dir()?;
    let made = demo::make(&options(args, &dir, context));
    // Empty then; the error that led here is the one to report.
    made.inspect_err(|_| drop(fs::remove_dir(&dir))).map_err(Into::into)
}

fn options(args: &DemoArgs, dir: &Path, context: &Context) -> DemoOptions {
    let uuid = MdUuid::from_bytes(uuid::Uuid::new_v4().into_bytes());
    DemoOptions {
        level: args.level,
        members: args.members,
        version: args.metadata.into(),
        size: args.size,
        chunk: args.chunk,
        overwrite: args.force.contains(&Force::Overwrite),
        made: context.now(),
        seed: args.seed,
        ..DemoOptions::new(dir, uuid)
    }
}

/// The walk through the repair of one practice array.
struct Walk<'a> {
    practice: &'a Practice,
    program: PathBuf,
    /// Whether the commands are run, not only printed.
    runs: bool,
    /// What the reader's PATH lacks for `mdbitmap` to be this program.
    path_entry: Option<PathBuf>,
}

impl<'a> Walk<'a> {
    fn new(practice: &'a Practice, runs: bool) -> anyhow::Result<Self> {
        let program = env::current_exe().context("cannot tell where this program is")?;
        let path_entry = match is_on_path(&program) {
            true => None,
            false => program.parent().map(Path::to_owned),
        };
        Ok(Self { practice, program, runs, path_entry })
    }

    fn compare(&self, context: &mut Context, title: &str) -> anyhow::Result<()> {
        output::title(&mut context.out, title)?;
        if self.runs {
            let differences = self.practice.differences()?;
            output::compared(&mut context.out, self.practice, &differences)?;
        }
        output::by_hand(&mut context.out, self.practice)?;
        self.go_on(context)
    }

    /// Runs `command` with `options` on the first `members` of the array.
    fn step(
        &self,
        context: &mut Context,
        title: &str,
        command: &str,
        options: &[&str],
        members: usize,
    ) -> anyhow::Result<()> {
        let names = self.practice.members.iter().take(members).filter_map(|path| path.file_name());
        let mut arguments: Vec<OsString> = vec![command.into()];
        arguments.extend(options.iter().map(OsString::from));
        arguments.extend(names.map(OsString::from));
        output::title(&mut context.out, title)?;
        let line = output::command(&mut context.out, &arguments)?;
        if self.runs {
            context.finish()?;
            self.run(&arguments, &line)?;
        }
        self.go_on(context)
    }

    /// A Ctrl-C reaches the child too, which ends in good order; here it is only waited for.
    fn run(&self, arguments: &[OsString], line: &str) -> anyhow::Result<()> {
        let mut child = Command::new(&self.program);
        child.args(arguments).current_dir(&self.practice.dir).stdin(Stdio::null());
        let status = child.status().with_context(|| format!("cannot run `{line}`"))?;
        match status.code() {
            Some(0) => Ok(()),
            Some(130) => Err(self.interrupted().into()),
            _ => Err(Error::new(Kind::Incomplete, format!("`{line}` ended with {status}")).into()),
        }
    }

    fn go_on(&self, context: &mut Context) -> anyhow::Result<()> {
        context.finish()?;
        match context.stop.load(Ordering::Relaxed) {
            true => Err(self.interrupted().into()),
            false => Ok(()),
        }
    }

    fn interrupted(&self) -> Error {
        let kept = format!("the practice array is kept in {}", self.practice.dir.display());
        Error::new(Kind::Interrupted, "stopped by a signal").hint(kept)
    }
}

/// Whether typing `mdbitmap` would start `program`.
fn is_on_path(program: &Path) -> bool {
    let found = env::var_os("PATH").and_then(|path| {
        env::split_paths(&path).map(|dir| dir.join("mdbitmap")).find(|p| p.is_file())
    });
    found.and_then(|found| fs::canonicalize(found).ok()).as_deref() == Some(program)
}
