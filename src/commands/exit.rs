//! Exit status: a promise to scripts, the same for every command.
//!
//! Imports `error` only; `docs/exit-status.md` says it to people.

use std::ffi::OsStr;
use std::io;
use std::process::ExitCode;

use super::streams::stdout_was_closed;
use crate::error::{Error, Kind, printable};
use crate::output;

/// What the process tells its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// Done; nothing to report.
    Done = 0,
    /// What was looked for was found: dirty chunks, differences.
    Found = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The safety rules forbid it.
    Refused = 3,
    /// Metadata is damaged, missing, or such that the kernel would refuse it.
    Damaged = 4,
    /// A disk or the kernel failed.
    Io = 5,
    /// Part of the work could not be done.
    Incomplete = 6,
    /// A signal stopped it; running it again goes on.
    Interrupted = 130,
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status as u8)
    }
}

impl From<Kind> for ExitStatus {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Usage => Self::Usage,
            Kind::Refused => Self::Refused,
            Kind::Damaged => Self::Damaged,
            Kind::Io => Self::Io,
            Kind::Incomplete => Self::Incomplete,
            Kind::Interrupted => Self::Interrupted,
        }
    }
}

/// Prints what the parser has to say: help and version are no errors.
#[must_use]
pub fn of_usage(error: &clap::Error) -> ExitStatus {
    let printed = match error.use_stderr() && std::env::args_os().any(|arg| misleads(&arg)) {
        true => output::complain_plainly(&error.to_string()),
        false => error.print(),
    };
    match (error.use_stderr(), printed) {
        (true, _) => ExitStatus::Usage,
        (false, _) if stdout_was_closed() => without_output(),
        (false, Ok(())) => ExitStatus::Done,
        (false, Err(error)) => of_output(&error),
    }
}

/// The parser quotes what was typed, and a file's name may have typed it (`*`).
fn misleads(typed: &OsStr) -> bool {
    let text = typed.to_string_lossy();
    printable(&text) != text
}

/// Says that there is nothing to print on. Nothing is begun then, for nobody would be told of it.
#[must_use]
pub fn without_output() -> ExitStatus {
    output::complain(
        "standard output is closed: nothing was done\n  send it to /dev/null where nobody wants it",
    );
    ExitStatus::Io
}

/// Prints `error` with its causes and gives its status.
#[must_use]
pub fn report(error: &anyhow::Error) -> ExitStatus {
    output::complain(&words(error));
    error.downcast_ref::<Error>().map_or(ExitStatus::Io, |error| error.kind().into())
}

/// A bare system error is that of standard output: all others come with what was being done.
fn words(error: &anyhow::Error) -> String {
    match error.chain().len() == 1 && error.is::<io::Error>() {
        true => format!("cannot print the report: {error}"),
        false => format!("{error:#}"),
    }
}

fn of_output(error: &io::Error) -> ExitStatus {
    match error.kind() {
        io::ErrorKind::BrokenPipe => ExitStatus::Done,
        _ => ExitStatus::Io,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_error_has_its_documented_status() {
        let table = [
            (Kind::Usage, 2),
            (Kind::Refused, 3),
            (Kind::Damaged, 4),
            (Kind::Io, 5),
            (Kind::Incomplete, 6),
            (Kind::Interrupted, 130),
        ];
        for (kind, status) in table {
            assert_eq!(ExitStatus::from(kind) as u8, status, "{kind:?}");
        }
    }

    #[test]
    fn the_document_lists_every_status_and_no_other() {
        use ExitStatus::{Damaged, Done, Found, Incomplete, Interrupted, Io, Refused, Usage};
        let document = include_str!("../../docs/exit-status.md");
        let table = document.lines().skip_while(|l| !l.starts_with("| Status"));
        let rows = table.take_while(|l| l.starts_with("| ")).skip(2);
        let documented: Vec<String> =
            rows.map(|row| row.split('|').take(3).collect::<Vec<_>>().join("|")).collect();
        let all = [Done, Found, Usage, Refused, Damaged, Io, Incomplete, Interrupted];
        let expected = all.map(|status| format!("| {} | {status:?} ", status as u8));
        assert_eq!(documented, expected);
    }
}
