//! `kill -9` of `mdbitmap resync` at many moments: whatever it left behind, the next run finishes,
//! and so does a kernel that gets the images instead.
//!
//! Every run counted as interrupted was: one that ended before its kill is put back and repeated.
//! Kills by the clock hit a run at full speed, anywhere between its first look and its last
//! superblock; kills by what the run says of itself are certain to fall between its copies.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use crate::case::{self, Accident, Place, Setup};
use crate::expect::{self, Observed};
use crate::killed::killed;
use crate::lab::Lab;
use crate::{Job, images, matrix, mdbitmap};

const KILLS: u32 = 16;
/// A run that ends before it is killed shall be killed a bit earlier, and so on.
const EARLIER: u32 = 32;
/// Rates for runs that are to be caught at work, the next for when a machine too busy to watch let
/// the one before escape. Even the first makes a run last for seconds.
pub(crate) const SLOW: [&str; 3] = ["4M", "1M", "256K"];

pub(crate) fn jobs() -> Vec<Job> {
    let internal = Setup::new(3, "1.2", Place::Internal);
    let file = Setup::new(2, "1.0", Place::File);
    let crash = |setup: Setup| Accident::Crash { victim: setup.members - 1 };
    vec![
        Job::new("interrupted/then-run-again/internal", move || {
            run_again(internal, crash(internal))
        }),
        Job::new("interrupted/then-run-again/file", move || run_again(file, crash(file))),
        Job::new("interrupted/then-run-again/behind", move || {
            run_again(internal, Accident::Behind { victim: 0 })
        }),
        Job::new("interrupted/then-the-kernel/internal", move || {
            kernel_takes_over(internal, crash(internal))
        }),
        Job::new("interrupted/then-the-kernel/file", move || kernel_takes_over(file, crash(file))),
    ]
}

/// An array after an accident that nearly every chunk suffered from, ready to be put back.
struct Wreck {
    lab: Lab,
    /// What every member must hold in the end: the source's data.
    expected: String,
    /// How long an undisturbed resync takes.
    whole: Duration,
}

impl Wreck {
    fn new(setup: Setup, accident: Accident) -> Result<Self> {
        let lab = Lab::new(setup)?;
        lab.suffer(accident, case::LONG_WRITE)?;
        let source = lab.member(setup.source(accident.absent_from_writes()));
        let expected = images::data_sha256(&source, lab.area()?)?;
        let mut wreck = Self { lab, expected, whole: Duration::ZERO };
        wreck.whole = wreck.undisturbed()?;
        Ok(wreck)
    }

    /// A whole run, measured, verified and undone.
    fn undisturbed(&self) -> Result<Duration> {
        self.lab.with_bitmap_file(|file| {
            copy_all(&originals(&self.lab, file), &saved(&self.lab, file))?;
            let start = Instant::now();
            mdbitmap::resync(file, &[], &self.lab.members())?.expect(mdbitmap::DONE)?;
            let whole = start.elapsed();
            self.all_alike().context("undisturbed run")?;
            self.put_back(file)?;
            Ok(whole)
        })
    }

    fn put_back(&self, file: Option<&Path>) -> Result<()> {
        copy_all(&saved(&self.lab, file), &originals(&self.lab, file))
    }

    /// A run from the start, killed at full speed after `delay` or as little before as it takes.
    fn kill_after(&self, file: Option<&Path>, mut delay: Duration) -> Result<()> {
        for _ in 0..EARLIER {
            self.put_back(file)?;
            if self.killed_after(file, delay)? {
                return Ok(());
            }
            delay = delay * 7 / 8;
        }
        bail!("premise: no run was interrupted")
    }

    /// A run from the start, killed once it says that so many tenths of its copying are done, but
    /// not all of it.
    fn kill_amid(&self, file: Option<&Path>, tenths: u64) -> Result<()> {
        for limit in SLOW {
            self.put_back(file)?;
            let options = ["--limit", limit, "--progress", "json"];
            let mut child = mdbitmap::start_resync(file, &options, &self.lab.members())?;
            let amid = says_amid(&mut child, tenths);
            if killed(child)? & amid? {
                return Ok(());
            }
        }
        bail!("premise: no run was interrupted between its copies")
    }

    /// Goes on from whatever there is; whether the run was still going when it was killed.
    fn killed_after(&self, file: Option<&Path>, delay: Duration) -> Result<bool> {
        let child = mdbitmap::start_resync(file, &[], &self.lab.members())?;
        std::thread::sleep(delay);
        killed(child)
    }

    /// The run that nobody interrupts, after others that were.
    fn finished(&self, file: Option<&Path>) -> Result<()> {
        mdbitmap::resync(file, &[], &self.lab.members())?.expect(mdbitmap::DONE)?;
        self.all_alike()
    }

    fn all_alike(&self) -> Result<()> {
        let area = self.lab.area()?;
        for member in &self.lab.members()[..self.lab.setup.members] {
            let data = images::data_sha256(member, area)?;
            ensure!(data == self.expected, "{}: not the source's data", member.display());
        }
        Ok(())
    }
}

/// Reads progress until enough is done, and not all; false when the run ends without saying that.
pub(crate) fn says_amid(child: &mut Child, tenths: u64) -> Result<bool> {
    let progress = child.stderr.take().context("mdbitmap: no standard error")?;
    for line in BufReader::new(progress).lines() {
        // Other lines than progress may stand there too.
        let said: Value = serde_json::from_str(&line?).unwrap_or_default();
        let [done, total] = ["bytes_done", "bytes_total"].map(|key| said[key].as_u64());
        let (done, total) = (done.unwrap_or(0), total.unwrap_or(0));
        if done > 0 && done * 10 >= total * tenths {
            return Ok(done < total);
        }
    }
    Ok(false)
}

fn originals(lab: &Lab, file: Option<&Path>) -> Vec<PathBuf> {
    lab.members().into_iter().chain(file.map(Into::into)).collect()
}

fn saved(lab: &Lab, file: Option<&Path>) -> Vec<PathBuf> {
    let count = originals(lab, file).len();
    (0..count).map(|number| lab.path(&format!("saved{number}"))).collect()
}

fn copy_all(from: &[PathBuf], to: &[PathBuf]) -> Result<()> {
    for (source, target) in from.iter().zip(to) {
        std::fs::copy(source, target)
            .with_context(|| format!("copy {} to {}", source.display(), target.display()))?;
    }
    Ok(())
}

/// Two runs are killed, the second of them a resumed one; the third must finish.
fn run_again(setup: Setup, accident: Accident) -> Result<()> {
    let wreck = Wreck::new(setup, accident)?;
    wreck.lab.with_bitmap_file(|file| {
        wreck.kill_amid(file, 5)?;
        wreck.finished(file).context("killed between its copies")?;
        for attempt in 1..=KILLS {
            let delay = wreck.whole * attempt / KILLS;
            wreck.kill_after(file, delay)?;
            wreck.killed_after(file, delay / 2)?;
            wreck.finished(file).with_context(|| format!("killed after {delay:?}"))?;
        }
        Ok(())
    })?;
    matrix::kernel_agrees(&wreck.lab, &wreck.expected).with_context(|| wreck.lab.describe())
}

/// Bits and superblocks of a half-done run must still lead a kernel to everything that is missing.
/// Each interruption costs a boot.
fn kernel_takes_over(setup: Setup, accident: Accident) -> Result<()> {
    let wreck = Wreck::new(setup, accident)?;
    for tenths in [3, 7] {
        wreck.lab.with_bitmap_file(|file| wreck.kill_amid(file, tenths))?;
        kernel_completes(&wreck).with_context(|| format!("killed at {tenths} tenths"))?;
        let delay = wreck.whole * tenths as u32 / 10;
        wreck.lab.with_bitmap_file(|file| wreck.kill_after(file, delay))?;
        kernel_completes(&wreck).with_context(|| format!("killed after {delay:?}"))?;
    }
    Ok(())
}

fn kernel_completes(wreck: &Wreck) -> Result<()> {
    let lab = &wreck.lab;
    lab.judge("idle\n")?;
    let observed = Observed::load(lab, "assembled")?;
    observed.complete(lab.setup.members).with_context(|| lab.describe())?;
    expect::sound(lab, "assembled", &wreck.expected).with_context(|| lab.describe())
}
