//! The one error type of the library: a kind that decides the exit status, and context that tells
//! a person what failed, where, and what to do next.
//!
//! The errno is kept as the source, never folded into text. Imports only `units`.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::units::Bytes;

/// What sort of failure it is; each has its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line asks for something impossible.
    Usage,
    /// The safety rules forbid it.
    Refused,
    /// On-disk metadata that is missing, broken, or that the kernel would refuse.
    Damaged,
    /// The disk or the kernel failed.
    Io,
    /// Part of the work could not be done.
    Incomplete,
    /// A signal asked to stop.
    Interrupted,
}

/// A failure with its context.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    what: String,
    path: Option<PathBuf>,
    offset: Option<Bytes>,
    force: Option<&'static str>,
    details: Option<Box<Details>>,
    hint: Option<Box<str>>,
    source: Option<io::Error>,
}

/// Lines that explain; apart, so that an error stays small.
#[derive(Debug)]
struct Details(Vec<String>);

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of `kind`; `what` is a lower-case fragment without a full stop.
    pub fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            path: None,
            offset: None,
            force: None,
            details: None,
            hint: None,
            source: None,
        }
    }

    /// A system call on `path` failed; `operation` is a verb such as "open".
    pub fn io(operation: &str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self {
            path: Some(path.as_ref().to_owned()),
            source: Some(source),
            ..Self::new(Kind::Io, format!("cannot {operation}"))
        }
    }

    /// The safety rules forbid it, because of `why`.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::new(Kind::Refused, why)
    }

    /// Metadata cannot be used, because of `why`.
    pub fn damaged(why: impl Into<String>) -> Self {
        Self::new(Kind::Damaged, why)
    }

    /// The command line cannot be carried out, because of `why`.
    pub fn usage(why: impl Into<String>) -> Self {
        Self::new(Kind::Usage, why)
    }

    /// Names the file or device it is about.
    #[must_use]
    pub fn at_path(mut self, path: impl AsRef<Path>) -> Self {
        self.path = Some(path.as_ref().to_owned());
        self
    }

    /// Names the file or device, unless one is named already.
    #[must_use]
    pub fn or_at_path(self, path: impl AsRef<Path>) -> Self {
        match self.path {
            Some(_) => self,
            None => self.at_path(path),
        }
    }

    /// Names the position in that file or device.
    #[must_use]
    pub fn at_offset(mut self, offset: Bytes) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Says `hint` in place of a `--force=WHAT` that the command does not have.
    #[must_use]
    pub fn without_force(mut self, hint: &str) -> Self {
        match self.force.take() {
            Some(_) => self.hint(hint),
            None => self,
        }
    }

    /// Names the `--force=WHAT` that overrides a refusal.
    #[must_use]
    pub fn unless_forced(mut self, what: &'static str) -> Self {
        self.force = Some(what);
        self
    }

    /// Lines that explain it, told before what to do next.
    #[must_use]
    pub fn details(mut self, lines: Vec<String>) -> Self {
        self.details = Some(Box::new(Details(lines)));
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into_boxed_str());
        self
    }

    /// Says more about what to do next, on a line of its own.
    #[must_use]
    pub fn more(mut self, more: impl AsRef<str>) -> Self {
        let more = more.as_ref();
        self.hint =
            Some(self.hint.map_or_else(|| more.into(), |hint| format!("{hint}\n{more}").into()));
        self
    }

    /// The kind, which decides the exit status.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What went wrong, without path and hint.
    #[must_use]
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The errno, where a system call failed.
    #[must_use]
    pub fn errno(&self) -> Option<i32> {
        self.source.as_ref().and_then(io::Error::raw_os_error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", printable(&path.display().to_string()))?;
        }
        // Both may quote names.
        f.write_str(&printable(&self.what))?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {}", offset.get())?;
        }
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if let Some(force) = self.force {
            write!(f, " (--force={force} overrides this)")?;
        }
        for line in self.details.iter().flat_map(|details| &details.0) {
            write!(f, "\n  {}", printable(line))?;
        }
        match &self.hint {
            Some(hint) => hint.lines().try_for_each(|line| write!(f, "\n  {}", printable(line))),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// `text` with every character as an escape that steers a terminal, or that shows it as another
/// text than it is: names come from disk and from other users.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = misleads(c).then(|| c.escape_default());
            let plain = (!misleads(c)).then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

/// Control characters, what turns the direction of writing, what has no width, and line ends of
/// Unicode's own.
#[must_use]
pub fn misleads(c: char) -> bool {
    let hidden =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
    c.is_control() || hidden || matches!(c, '\u{61c}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_path_offset_errno_and_the_way_on() {
        let eio = io::Error::from_raw_os_error(5);
        let error = Error::io("read", "/dev/sdb1", eio).at_offset(Bytes::new(4096));
        assert_eq!(
            error.to_string(),
            "/dev/sdb1: cannot read at byte 4096: Input/output error (os error 5)"
        );
        assert_eq!(error.errno(), Some(5));
        let refusal = Error::refused("it exists").at_path("b").unless_forced("overwrite");
        assert_eq!(refusal.to_string(), "b: it exists (--force=overwrite overrides this)");
        let other = refusal.without_force("name another");
        assert_eq!(other.to_string(), "b: it exists\n  name another");
        let twice = Error::refused("no").more("one").more("two");
        assert_eq!(twice.to_string(), "no\n  one\n  two");
        let explained = Error::refused("no").details(vec!["a".into(), "b\n".into()]).hint("c");
        assert_eq!(explained.to_string(), "no\n  a\n  b\\n\n  c");
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let error = Error::damaged("bad").at_path("a\u{1b}[2Jb");
        assert_eq!(error.to_string(), "a\\u{1b}[2Jb: bad");
        let error = Error::refused("the same as a\u{7}").hint("leave out a\u{7}");
        assert_eq!(error.to_string(), "the same as a\\u{7}\n  leave out a\\u{7}");
        assert_eq!(printable("a\u{202e}b\u{9b}c\u{feff}"), "a\\u{202e}b\\u{9b}c\\u{feff}");
        assert_eq!(printable("Gr\u{fc}\u{df}e \u{65e5}"), "Gr\u{fc}\u{df}e \u{65e5}");
    }
}
