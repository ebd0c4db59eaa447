//! Running the program under test and reading what it prints for machines.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_mdbitmap");

/// The exit statuses this tier cares about.
pub(crate) const DONE: i32 = 0;
pub(crate) const REFUSED: i32 = 3;
pub(crate) const INCOMPLETE: i32 = 6;

/// How one run ended and what it said.
#[derive(Debug)]
pub(crate) struct Said {
    status: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    pub(crate) fn expect(self, status: i32) -> Result<Self> {
        ensure!(
            self.status == Some(status),
            "mdbitmap: exit {:?} instead of {status}\n{}{}",
            self.status,
            self.stdout,
            self.stderr
        );
        Ok(self)
    }

    pub(crate) fn json(&self) -> Result<Value> {
        let value: Value = serde_json::from_str(&self.stdout)
            .with_context(|| format!("mdbitmap --json printed {:?}", self.stdout))?;
        ensure!(value["schema"] == 1, "mdbitmap --json: schema {}", value["schema"]);
        Ok(value)
    }

    pub(crate) fn stdout(&self) -> &str {
        &self.stdout
    }

    /// A refusal without a reason is of no use to whoever typed the command.
    pub(crate) fn says_why(&self) -> Result<()> {
        ensure!(!self.stderr.trim().is_empty(), "mdbitmap refused without a word");
        Ok(())
    }
}

/// Any command.
pub(crate) fn tell(arguments: &[&str]) -> Result<Said> {
    run(&arguments.iter().map(Into::into).collect::<Vec<_>>())
}

fn run(arguments: &[OsString]) -> Result<Said> {
    let output = Command::new(PROGRAM)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {PROGRAM}"))?;
    Ok(Said {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn resync_arguments(bitmap: Option<&Path>, options: &[&str], members: &[PathBuf]) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["resync".into()];
    if let Some(file) = bitmap {
        arguments.extend(["--bitmap".into(), file.into()]);
    }
    arguments.extend(options.iter().map(Into::into));
    arguments.extend(members.iter().map(Into::into));
    arguments
}

/// `mdbitmap resync --json` on stopped members.
pub(crate) fn resync(bitmap: Option<&Path>, options: &[&str], members: &[PathBuf]) -> Result<Said> {
    let options = [options, &["--json"]].concat();
    run(&resync_arguments(bitmap, &options, members))
}

/// The same, only started; its standard error can be read.
pub(crate) fn start_resync(
    bitmap: Option<&Path>,
    options: &[&str],
    members: &[PathBuf],
) -> Result<Child> {
    Command::new(PROGRAM)
        .args(resync_arguments(bitmap, options, members))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {PROGRAM}"))
}

/// What `mdbitmap inspect --json` tells of stopped members.
pub(crate) fn inspect(bitmap: Option<&Path>, members: &[PathBuf]) -> Result<Value> {
    let mut arguments: Vec<OsString> = vec!["inspect".into(), "--json".into()];
    if let Some(file) = bitmap {
        arguments.extend(["--bitmap".into(), file.into()]);
    }
    arguments.extend(members.iter().map(Into::into));
    run(&arguments)?.expect(DONE)?.json()
}

/// The one bitmap `mdbitmap examine --json` finds in `path`.
pub(crate) fn examine(path: &Path) -> Result<Value> {
    let said = run(&["examine".into(), "--json".into(), path.into()])?.expect(DONE)?;
    let json = said.json()?;
    let bitmaps = json["bitmaps"].as_array().context("examine: no \"bitmaps\"")?;
    ensure!(bitmaps.len() == 1, "examine {}: {} bitmaps", path.display(), bitmaps.len());
    Ok(bitmaps[0].clone())
}
