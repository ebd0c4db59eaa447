//! Whether an array can be started with the members there are, and should be. Pure.
//!
//! What the kernel would refuse is said beforehand. To start with fewer members than the array had
//! last is a decision that only a person can make: whoever is missing falls behind.

use crate::array::cast::Choice;
use crate::array::start::{self, Obstacle, named};
use crate::error::{Error, Result};
use crate::format::md::SuperView;
use crate::manage::report::Note;

/// What is known before the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    /// The superblock that speaks for the array.
    pub(super) fresh: &'a SuperView,
    /// Whether no resync is due.
    pub(super) clean: bool,
    /// Who is taken as what.
    pub(super) choices: &'a [Choice],
    /// `--force=degraded`.
    pub(super) degraded: bool,
    /// Whether the kernel was told to start what is degraded and not clean.
    pub(super) dirty_degraded: bool,
}

/// Whether it can be started, and what a person should know of it.
///
/// # Errors
/// Refused, with the reason.
pub(super) fn judge(start: &Start<'_>) -> Result<Vec<Note>> {
    let Start { fresh, clean, choices, .. } = *start;
    let known = start::Start { fresh, clean, choices };
    for obstacle in known.obstacles() {
        match obstacle {
            Obstacle::DirtyDegraded(_) if start.dirty_degraded => {}
            Obstacle::Fewer(_) if start.degraded => {}
            obstacle => return Err(refusal(&obstacle)),
        }
    }
    Ok(notes(&known))
}

fn refusal(obstacle: &Obstacle) -> Error {
    let error = Error::refused(obstacle.to_string());
    match obstacle {
        Obstacle::TooFew { .. } => error.hint("give more of its members"),
        Obstacle::DirtyDegraded(_) => error
            .hint("give the member that is missing")
            .more("else `mdadm --assemble --force` calls its parity right; check the data then"),
        Obstacle::Fewer(_) => error.unless_forced("degraded").hint("give all members there are"),
    }
}

fn notes(start: &start::Start<'_>) -> Vec<Note> {
    let missing = start.missing();
    if missing.is_empty() {
        return Vec::new();
    }
    let message = format!("it is degraded, not in sync: {}", named(&missing));
    vec![Note::new("degraded", message)]
}

#[cfg(test)]
mod tests;
