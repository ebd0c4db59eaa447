//! `kill -9` of `mdbitmap resync` at many moments, on one array of each level with stripes: each run
//! goes on with what the one before left, and in the end a kernel finds everything right.
//!
//! `interrupted` has the same for mirrors, more thoroughly. A rate makes a run last for seconds,
//! however fast the machine is, so that kills fall between copies, flushes and bits.

use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::levels::{Shape, Trial};
use crate::{Job, images, mdbitmap};

const SHAPES: [Shape; 3] = [("5", "ls", 4), ("6", "ls", 4), ("10", "f2", 3)];

/// Fewer would prove little.
const LEAST: u32 = 4;
/// After so many nothing is killed any more.
const MOST: u32 = 24;

pub(crate) fn jobs() -> Vec<Job> {
    let job = |shape: Shape| {
        Job::new(format!("interrupted/in-a-loop/raid{}", shape.0), move || in_a_loop(shape))
    };
    SHAPES.map(job).into()
}

fn in_a_loop(shape: Shape) -> Result<()> {
    let trial = Trial::crashed(shape)?;
    let judged = || {
        let expected = images::sha256(&trial.content()?)?;
        let kills = kill_until_done(&trial)?;
        ensure!(kills >= LEAST, "premise: only {kills} runs were killed");
        mdbitmap::resync(None, &[], &trial.members())?.expect(mdbitmap::DONE)?;
        trial.judge(&expected)
    };
    judged().with_context(|| trial.stage.describe())
}

/// Runs one after the other, each killed a bit later than the one before, until one gets to its end.
fn kill_until_done(trial: &Trial) -> Result<u32> {
    for kill in 0..MOST {
        let child = mdbitmap::start_resync(None, &["--limit", "2M"], &trial.members())?;
        std::thread::sleep(Duration::from_millis(15 + u64::from(kill) * 53 % 400));
        if !killed(child)? {
            return Ok(kill);
        }
    }
    Ok(MOST)
}

/// Kills a run; whether it had not ended by itself.
pub(crate) fn killed(mut child: Child) -> Result<bool> {
    child.kill().context("kill mdbitmap")?;
    let status = child.wait().context("wait for mdbitmap")?;
    ensure!(
        status.code().is_none_or(|code| code == mdbitmap::DONE),
        "a run that was to be interrupted ended with {status}"
    );
    Ok(status.code().is_none())
}
