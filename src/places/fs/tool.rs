//! Running a tool to its end: what it prints, bounded, and why it failed.

use std::env;
use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::error::{Error, Kind, Result};

/// The most that a tool may print.
const MOST: u64 = 512 << 20;

/// The most of what it complains of that is kept.
const COMPLAINTS: u64 = 1 << 20;

/// Where programs of administration are.
const PLACES: [&str; 4] = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// Runs `program` with `arguments`, gives it `input` and takes its standard output. A status other
/// than 0 is an error; bytes that are no text are replaced.
///
/// # Errors
/// It is not there, failed, or printed without end.
pub(super) fn run(program: &str, arguments: &[OsString], input: String) -> Result<String> {
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").env("PATH", search_path(env::var_os("PATH")));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error| Error::io("run", program, error).hint(needs(program));
    let mut child = command.spawn().map_err(failed)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let writer = std::thread::spawn(move || {
        // A tool that does not read on has had enough.
        stdin.map(|mut stdin| stdin.write_all(input.as_bytes()))
    });
    let complaints = std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(mut stderr) = stderr {
            // What cannot be read is not told; the rest is only taken so that the tool goes on.
            let _ = stderr.by_ref().take(COMPLAINTS).read_to_end(&mut text);
            let _ = io::copy(&mut stderr, &mut io::sink());
        }
        text
    });
    let mut text = Vec::new();
    let read = stdout.map(|stdout| stdout.take(MOST + 1).read_to_end(&mut text));
    let status = child.wait().map_err(failed)?;
    let _ = writer.join();
    let said = complaints.join().unwrap_or_default();
    if let Some(Err(error)) = read {
        return Err(Error::io("read what it prints from", program, error));
    }
    match status.success() && text.len() as u64 <= MOST {
        true => Ok(String::from_utf8_lossy(&text).into_owned()),
        false => Err(complaint(program, &String::from_utf8_lossy(&said))),
    }
}

fn complaint(program: &str, said: &str) -> Error {
    let banner = |line: &&str| !line.trim().is_empty() && !line.starts_with("debugfs 1.");
    let line = said.lines().rfind(banner).unwrap_or("it did not say why");
    Error::new(Kind::Io, format!("{program} failed: {line}"))
}

fn needs(program: &str) -> &'static str {
    match program {
        "debugfs" => "it comes with e2fsprogs",
        "xfs_db" => "it comes with xfsprogs",
        _ => "it comes with util-linux",
    }
}

/// The PATH of ordinary users lacks the directories of administration, that of a rescue shell may be
/// empty; the working directory, which may be anybody's, is in none.
fn search_path(own: Option<OsString>) -> OsString {
    let own = own.unwrap_or_default();
    let own = env::split_paths(&own).filter(|dir| dir.is_absolute());
    let all = own.chain(PLACES.map(PathBuf::from));
    env::join_paths(all).unwrap_or_else(|_| PLACES.join(":").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_program_is_looked_for_where_somebody_happens_to_be() {
        let own = PLACES.join(":");
        for (path, expected) in [
            (None, own.clone()),
            (Some(""), own.clone()),
            (Some(".::bin:/opt/bin:"), format!("/opt/bin:{own}")),
        ] {
            assert_eq!(search_path(path.map(Into::into)), *expected, "{path:?}");
        }
    }
}
