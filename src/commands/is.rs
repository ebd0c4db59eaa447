//! `mdbitmap is`: yes or no, as an exit status.

use clap::{Args, Subcommand};

use super::context::Context;
use super::exit::ExitStatus;
use super::inspect::TargetArgs;
use crate::inspect::{Predicate, answer};
use crate::output::inspect::answer as render;

/// Answer yes or no about an array or a bitmap, for scripts.
///
/// Exit status 0 is yes and 1 is no; anything above means that it cannot be told.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 yes; 1 no; above that it cannot be told: 2 usage, 3 no one \
                  array, 4 damaged, 5 cannot be read"
)]
pub struct IsArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Is a resync due, or any bit set?
    ///
    /// Yes if a current member says that the array was not shut down cleanly, a bit is set in the
    /// bitmap (of the copies inside members those on current ones), it is marked as out of date, or
    /// the array runs and is being resynced or recovered. Members that are missing make nothing dirty.
    Dirty(Asked),
    /// The opposite of `dirty`: shut down cleanly, no bit set
    ///
    /// Yes where `is dirty` says no, and no where it says yes.
    Clean(Asked),
    /// Is all metadata readable and consistent, without any finding?
    ///
    /// Yes if every target has a sound md superblock or is a bitmap, all members are of one array
    /// and do not contradict each other, the bitmap belongs to it (same UUID, not older, not
    /// smaller), and nothing is odd either: no error and no warning. Damage is a no here. A dirty
    /// array can be intact, one that lacks a member too.
    Intact(Asked),
    /// Is every slot of the array held by a member that is current?
    ///
    /// Yes if no slot lacks a member, nobody given is behind, failed or no member any more. Spares
    /// do not count. Dirty chunks do not matter: those are for a resync.
    Current(Asked),
}

#[derive(Debug, Args)]
struct Asked {
    #[command(flatten)]
    targets: TargetArgs,

    /// Print nothing; the exit status is the answer
    #[arg(short, long, conflicts_with = "json")]
    quiet: bool,

    /// Print the answer as JSON (schema/is.schema.json)
    #[arg(long)]
    json: bool,
}

impl What {
    fn parts(&self) -> (Predicate, &Asked) {
        match self {
            Self::Dirty(asked) => (Predicate::Dirty, asked),
            Self::Clean(asked) => (Predicate::Clean, asked),
            Self::Intact(asked) => (Predicate::Intact, asked),
            Self::Current(asked) => (Predicate::Current, asked),
        }
    }
}

impl IsArgs {
    /// Whether the exit status is the whole answer.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.what.parts().1.quiet
    }
}

/// Runs the command.
///
/// # Errors
/// It cannot be told, or standard output failed.
pub fn run(args: &IsArgs, context: &mut Context) -> anyhow::Result<ExitStatus> {
    let (predicate, asked) = args.what.parts();
    let picture = asked.targets.picture(None, context)?;
    let answer = answer(&picture, predicate)?;
    match (asked.quiet, asked.json) {
        (true, _) => {}
        (false, true) => render::json(&mut context.out, &answer)?,
        (false, false) => render::text(&mut context.out, &answer)?,
    }
    context.finish()?;
    Ok(if answer.yes { ExitStatus::Done } else { ExitStatus::Found })
}
