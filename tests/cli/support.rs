//! Running the program and judging what it prints; making the files it is run on.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit status.
    pub(crate) status: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The program, ready to be given arguments.
pub(crate) fn mdbitmap() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mdbitmap"));
    command.stdin(Stdio::null()).env("LC_ALL", "C.UTF-8").env_remove("COLUMNS");
    command
}

/// Runs the program with `args`.
pub(crate) fn run<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    mdbitmap().args(args).output().unwrap().into()
}

/// Sends a signal to the process of that number, by the shell's own `kill`: the program of that name
/// is not everywhere.
pub(crate) fn kill(id: u32, signal: &str) -> bool {
    let line = format!("kill -s {signal} {id}");
    Command::new("sh").args(["-c", &line]).status().unwrap().success()
}

/// A directory that goes away with the test.
pub(crate) fn temp_dir() -> TempDir {
    tempfile::Builder::new().prefix("mdbitmap-test").tempdir().unwrap()
}

/// A file of `bytes` in `dir`.
pub(crate) fn file(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A sparse file of `size` with `parts` written at their places.
pub(crate) fn image(dir: &TempDir, name: &str, size: u64, parts: &[(u64, &[u8])]) -> PathBuf {
    let path = dir.path().join(name);
    let file = OpenOptions::new().create(true).write(true).truncate(true).open(&path).unwrap();
    file.set_len(size).unwrap();
    parts.iter().for_each(|(at, bytes)| file.write_all_at(bytes, *at).unwrap());
    path
}

/// A file that came with the tests.
pub(crate) fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    fs::read(path).unwrap()
}

/// Reads `text` as JSON and holds it to `schema`, a file name in the folder of schemas.
pub(crate) fn json(text: &str, schema: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(schema);
    let schema: Value = serde_json::from_reader(File::open(path).unwrap()).unwrap();
    let value: Value = serde_json::from_str(text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&value).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?} in {text}");
    value
}

/// Whether a test can have what it needs; says loudly when not, and fails where skipping is
/// forbidden.
#[expect(clippy::print_stderr, reason = "a skip must be seen")]
pub(crate) fn have(what: &str, there: bool) -> bool {
    if !there {
        let forbidden = env::var_os("MDBITMAP_NO_SKIP").is_some_and(|value| value == "1");
        assert!(!forbidden, "{what}, and skipping is forbidden");
        eprintln!("skipped: {what}");
    }
    there
}

/// Whether mdadm 4.2 or 4.3 is here: the last ones that know bitmap files.
pub(crate) fn have_mdadm() -> bool {
    let version = Command::new("mdadm").arg("--version").output().map(|output| {
        let text = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&text).into_owned()
    });
    let fits = |text: &String| text.contains("v4.2") || text.contains("v4.3");
    have("mdadm 4.2 or 4.3 is not installed", version.as_ref().is_ok_and(fits))
}

/// Runs mdadm.
pub(crate) fn mdadm<A: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = A>) -> Run {
    Command::new("mdadm").args(args).output().unwrap().into()
}

/// A loop device over a file, detached when it goes away.
#[derive(Debug)]
pub(crate) struct Loop(pub(crate) PathBuf);

impl Loop {
    /// Attaches one to `file`, read-only; none, said loudly, where that is not allowed.
    pub(crate) fn attach(file: &Path) -> Option<Self> {
        Self::with(file, &["--read-only"])
    }

    /// Attaches one that can be written to.
    pub(crate) fn attach_writable(file: &Path) -> Option<Self> {
        Self::with(file, &[])
    }

    fn with(file: &Path, options: &[&str]) -> Option<Self> {
        let output =
            Command::new("losetup").args(["--find", "--show"]).args(options).arg(file).output();
        let output = output.ok().filter(|output| output.status.success());
        have("no loop devices (root only)", output.is_some()).then_some(())?;
        let name = String::from_utf8(output?.stdout).unwrap();
        Some(Self(PathBuf::from(name.trim())))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.0).status();
    }
}
