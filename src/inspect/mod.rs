//! An array as one picture: its members and its bitmap beside each other, what mdadm and the kernel
//! would do with them, who may come back from the bitmap, and what `resync` would do.
//!
//! `gather` and `running` look, `verdict` puts the pure predictions of [`crate::array::predict`] and
//! the plan of a dry run together with what the bits say, `answer` says yes or no for scripts.
//! Everything is opened to be read; what is damaged is shown, not refused.

mod answer;
mod built;
mod gather;
mod picture;
mod running;
mod verdict;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use crate::error::{Error, Result};
use crate::running::find_running;
use crate::sysfs::System;
use crate::units::Bytes;

pub use answer::{Answer, Predicate, answer};
pub use picture::{Foreseen, Measured, Member, Picture, Sort, Verdict};

/// Bytes a second on each member that estimates assume where nothing else is said.
pub const SPEED: Bytes = Bytes::new(100 << 20);

/// What to look at.
#[derive(Clone, Debug)]
pub struct InspectOptions {
    /// Members of a stopped array, a bitmap, or one running array.
    pub targets: Vec<PathBuf>,
    /// The bitmap, where it is a file or device of its own.
    pub bitmap: Option<PathBuf>,
    /// Bytes a second on each member, for estimates.
    pub speed: Bytes,
}

/// Draws the picture. Raising `stop` makes it give up.
///
/// # Errors
/// Something cannot be opened or read, or the targets are no members of anything.
pub fn inspect(options: &InspectOptions, system: &System, stop: &AtomicBool) -> Result<Picture> {
    for target in &options.targets {
        let Some(name) = find_running(target, system)? else { continue };
        if options.targets.len() > 1 || options.bitmap.is_some() {
            let what = "a running array: the kernel tells its members and its bitmap";
            return Err(Error::usage(what).at_path(target).hint("name it alone"));
        }
        return running::inspect(&name, options, system, stop);
    }
    let gathered = gather::gather(options, stop)?;
    match gathered.sort {
        Sort::Built => built::inspect(gathered, options, stop),
        _ => verdict::inspect(gathered, options, system, stop),
    }
}
