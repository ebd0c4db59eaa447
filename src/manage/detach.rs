//! Taking the bitmap away from a running array.
//!
//! From that moment the array is written to without it, so a file that was detached must not be
//! believed at a later assembly: it is marked stale. Until the mark is on the disk the file bears
//! another name, so that a power cut between the two cannot leave a file that looks current.

mod aside;
mod file;
mod save;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::report::Report;
use super::target::Target;
use super::{internal, lock, privilege, rules};
use crate::error::{Error, Result};
use crate::running::BitmapKind;
use crate::sysfs::System;

/// What to detach.
#[derive(Clone, Debug)]
pub struct DetachOptions {
    /// The array.
    pub array: PathBuf,
    /// Where to write the bits first.
    pub save: Option<PathBuf>,
    /// Whether to do it although members are away.
    pub degraded: bool,
    /// Whether to do everything but change something.
    pub dry_run: bool,
}

/// Takes the bitmap away.
///
/// # Errors
/// Usage where no array is there, refused where it has no bitmap or cannot do without, I/O where
/// the kernel refuses.
pub fn detach(options: &DetachOptions, system: &System, stop: &AtomicBool) -> Result<Report> {
    privilege::needed(system)?;
    let _alone = lock::take(&options.array, options.dry_run, system)?;
    let mut target = Target::find(&options.array, system)?;
    if let Some(why) = rules::may_lose_bitmap(&target.array, options.degraded) {
        return Err(why);
    }
    let mut report = Report::new("detach", &target, options.dry_run);
    if let Some(path) = &options.save {
        save::save(&target, path, &mut report, system, stop)?;
    }
    match target.array.bitmap.kind {
        BitmapKind::File => file::detach(target, report, system),
        BitmapKind::Internal => {
            let inside = internal::detach(&mut target, options.degraded, options.dry_run, system)?;
            report.facts.extend(inside.facts);
            report.steps.extend(inside.steps);
            report.notes.extend(inside.notes);
            Ok(report)
        }
        kind => Err(unknown(&target, kind)),
    }
}

fn unknown(target: &Target, kind: BitmapKind) -> Error {
    let why = format!("its bitmap is {}, which is not removed so", kind.as_str());
    Error::refused(why).at_path(&target.array.node)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
