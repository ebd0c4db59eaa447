//! `kill -9` of `mdbitmap resync` at many moments: whatever it left behind, the next run finishes,
//! and so does a kernel that gets the images instead.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::case::{self, Accident, Place, Setup};
use crate::expect::{self, Observed};
use crate::lab::Lab;
use crate::{Job, images, matrix, mdbitmap};

const KILLS: u32 = 16;
/// Each costs a boot.
const TAKEOVERS: u32 = 4;

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

    /// Whether the run was still going when it was killed.
    fn kill_after(&self, file: Option<&Path>, delay: Duration) -> Result<bool> {
        let mut child = mdbitmap::start_resync(file, &self.lab.members())?;
        std::thread::sleep(delay);
        child.kill().context("kill mdbitmap")?;
        let status = child.wait().context("wait for mdbitmap")?;
        ensure!(
            status.code().is_none_or(|code| code == mdbitmap::DONE),
            "a run after an interrupted one ended with {status}"
        );
        Ok(status.code().is_none())
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
    let killed = wreck.lab.with_bitmap_file(|file| {
        let mut killed = 0;
        for attempt in 1..=KILLS {
            let delay = wreck.whole * attempt / KILLS;
            wreck.put_back(file)?;
            killed += u32::from(wreck.kill_after(file, delay)?);
            killed += u32::from(wreck.kill_after(file, delay / 2)?);
            mdbitmap::resync(file, &[], &wreck.lab.members())?.expect(mdbitmap::DONE)?;
            wreck.all_alike().with_context(|| format!("killed after {delay:?}"))?;
        }
        Ok(killed)
    })?;
    ensure!(killed > 0, "premise: no run was interrupted");
    matrix::kernel_agrees(&wreck.lab, &wreck.expected).with_context(|| wreck.lab.describe())
}

/// Bits and superblocks of a half-done run must still lead a kernel to everything that is missing.
fn kernel_takes_over(setup: Setup, accident: Accident) -> Result<()> {
    let wreck = Wreck::new(setup, accident)?;
    let mut killed = 0;
    for attempt in 1..=TAKEOVERS {
        let delay = wreck.whole * attempt / (TAKEOVERS + 1);
        killed += wreck.lab.with_bitmap_file(|file| {
            wreck.put_back(file)?;
            Ok(u32::from(wreck.kill_after(file, delay)?))
        })?;
        wreck.lab.judge("idle\n")?;
        let observed = Observed::load(&wreck.lab, "assembled")?;
        let moment = || format!("killed after {delay:?}, {}", wreck.lab.describe());
        observed.complete(setup.members).with_context(moment)?;
        expect::sound(&wreck.lab, "assembled", &wreck.expected).with_context(moment)?;
    }
    ensure!(killed > 0, "premise: no run was interrupted");
    Ok(())
}
