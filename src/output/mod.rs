//! Everything that is printed: tables, text, JSON, progress. Rendering only; nothing is decided
//! here and no file is opened.

pub mod create;
pub mod demo;
pub mod dump;
pub mod edit;
mod encode;
pub mod estimate;
pub mod examine;
pub mod inspect;
pub mod manage;
pub mod places;
pub mod progress;
pub mod prometheus;
pub mod resync;
pub mod scrub;
pub mod status;
pub mod wait;

use std::io::Write as _;
use std::path::Path;

use crate::error::printable;

/// Says an error on standard error, one `mdbitmap: ` line and what follows.
pub fn complain(message: &str) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "mdbitmap: {message}");
}

/// Says on standard error whose text is waited for.
pub fn waits(path: &Path) {
    match path.as_os_str() == "-" {
        true => complain("waiting for standard input"),
        false => {
            let path = path.display().to_string();
            complain(&format!("waiting for somebody to write to {}", printable(&path)));
        }
    }
}

/// Says `text` on standard error, line by line, without anything that steers a terminal.
///
/// # Errors
/// Standard error takes nothing.
pub fn complain_plainly(text: &str) -> std::io::Result<()> {
    text.lines().try_for_each(|line| writeln!(std::io::stderr(), "{}", printable(line)))
}
