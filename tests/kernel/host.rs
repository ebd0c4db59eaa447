//! What this tier needs from the machine it runs on, and the few host commands it shares.
//!
//! Loop devices are a pool shared by the whole machine and by parallel trials, so everything that
//! takes one goes through `LOOPS` and holds it while it takes one: work on it may last.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::uml;

/// The order matters only for the message: the first one missing is named.
const TOOLS: [&str; 8] =
    ["mdadm", "mkfs.ext4", "insmod", "losetup", "mount", "umount", "sha256sum", "sh"];

static LOOPS: Mutex<()> = Mutex::new(());

/// Why the tier cannot run here, or `None`.
pub(crate) fn missing_prerequisite() -> Option<String> {
    if let Err(error) = uml::Kernel::find() {
        return Some(format!("{error:#}"));
    }
    if let Some(tool) = TOOLS.iter().find(|tool| !on_path(tool)) {
        return Some(format!("{tool} is not installed"));
    }
    if !nix::unistd::geteuid().is_root() {
        return Some("not root (loop mounts are needed)".into());
    }
    loop_devices().err().map(|error| format!("{error:#}"))
}

/// Why trials with bitmap *files* cannot run although the others can.
#[derive(Debug, Clone)]
pub(crate) enum FileObstacle {
    /// Nothing anyone could install would help: such a kernel cannot attach bitmap files.
    Kernel(String),
    Missing(String),
}

/// Kernels from 6.18 on refuse to attach bitmap files, mdadm from 4.4 on to ask for it.
pub(crate) fn file_obstacle() -> Result<Option<FileObstacle>> {
    let kernel = uml::Kernel::find()?.release()?;
    if kernel >= (6, 18) {
        let (major, minor) = kernel;
        let reason = format!("kernel {major}.{minor} cannot attach bitmap files");
        return Ok(Some(FileObstacle::Kernel(reason)));
    }
    // mdadm tells its version on standard error.
    let text = run("sh", ["-c", "mdadm --version 2>&1"])?;
    let mdadm = version(&text).with_context(|| format!("mdadm --version: {text:?}"))?;
    let reason = format!("mdadm {}.{} cannot use bitmap files", mdadm.0, mdadm.1);
    Ok((mdadm >= (4, 4)).then_some(FileObstacle::Missing(reason)))
}

/// The first `N.M` in a text.
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    words.filter_map(|word| word.split_once('.')).find_map(|(major, rest)| {
        let minor = rest.split('.').next()?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    })
}

pub(crate) fn on_path(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|dir| dir.join(tool).is_file())
}

fn loop_devices() -> Result<()> {
    run("losetup", ["--find"]).map(drop).context("no loop devices")
}

/// Keeps the rest of this process from taking a loop device; a trial that panicked leaves it usable.
pub(crate) fn loops() -> MutexGuard<'static, ()> {
    LOOPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a host command to its end and returns its standard output; failure carries all it said.
pub(crate) fn run<A: AsRef<OsStr>>(
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("PATH", search_path()).env("LC_ALL", "C");
    let output = command.output().with_context(|| format!("start {program}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Ordinary users' PATH lacks the sbin directories, where mdadm and losetup live.
fn search_path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

/// Presents an image as a read-only block device while `body` runs.
pub(crate) fn with_loop<T>(image: &Path, body: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let arguments =
        ["--read-only".as_ref(), "--find".as_ref(), "--show".as_ref(), image.as_os_str()];
    let held = loops();
    let device = run("losetup", arguments)?.trim().to_owned();
    drop(held);
    let result = body(Path::new(&device));
    run("losetup", ["--detach", &device])?;
    result
}
