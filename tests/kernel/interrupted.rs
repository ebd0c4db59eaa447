//! `kill -9` of `mdbitmap resync` at many moments: whatever it left behind, the next run finishes.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::case::{self, Accident, Place, Setup};
use crate::lab::Lab;
use crate::{Job, images, matrix, mdbitmap};

const KILLS: u32 = 24;

pub(crate) fn jobs() -> Vec<Job> {
    let job =
        |name: &str, setup| Job::new(format!("interrupted/{name}"), move || killed_often(setup));
    vec![
        job("internal", Setup::new(3, "1.2", Place::Internal)),
        job("file", Setup::new(2, "1.0", Place::File)),
    ]
}

fn killed_often(setup: Setup) -> Result<()> {
    let lab = Lab::new(setup)?;
    lab.suffer(Accident::Crash { victim: setup.members - 1 }, case::LONG_WRITE)?;
    let expected = images::data_sha256(&lab.member(0), lab.area()?)?;
    let killed = lab.with_bitmap_file(|file| {
        let whole = duration_of_one_run(&lab, file)?;
        let mut killed = 0;
        for attempt in 1..=KILLS {
            killed += u32::from(kill_after(&lab, file, whole * attempt / KILLS)?);
        }
        mdbitmap::resync(file, &[], &lab.members())?.expect(mdbitmap::DONE)?;
        Ok(killed)
    })?;
    ensure!(killed > 0, "premise: no run was interrupted");
    for member in lab.members() {
        let data = images::data_sha256(&member, lab.area()?)?;
        ensure!(data == expected, "{}: not the source's data", member.display());
    }
    matrix::kernel_agrees(&lab, &expected).with_context(|| lab.describe())
}

/// Measured on a whole run, whose effect is then undone.
fn duration_of_one_run(lab: &Lab, file: Option<&Path>) -> Result<Duration> {
    let originals: Vec<_> = lab.members().into_iter().chain(file.map(Into::into)).collect();
    let saved: Vec<_> = (0..originals.len()).map(|n| lab.path(&format!("saved{n}"))).collect();
    for (original, copy) in originals.iter().zip(&saved) {
        std::fs::copy(original, copy).with_context(|| format!("copy {}", original.display()))?;
    }
    let start = Instant::now();
    mdbitmap::resync(file, &[], &lab.members())?.expect(mdbitmap::DONE)?;
    let whole = start.elapsed();
    for (original, copy) in originals.iter().zip(&saved) {
        std::fs::copy(copy, original).with_context(|| format!("restore {}", original.display()))?;
    }
    Ok(whole)
}

/// Whether the run was still going when it was killed.
fn kill_after(lab: &Lab, file: Option<&Path>, delay: Duration) -> Result<bool> {
    let mut child = mdbitmap::start_resync(file, &lab.members())?;
    std::thread::sleep(delay);
    child.kill().context("kill mdbitmap")?;
    let status = child.wait().context("wait for mdbitmap")?;
    ensure!(
        status.code().is_none_or(|code| code == mdbitmap::DONE),
        "a run after an interrupted one ended with {status}"
    );
    Ok(status.code().is_none())
}
