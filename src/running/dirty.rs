//! The dirty chunks of a running array, read from the disk past the page cache.
//!
//! The kernel sets a bit on disk before the write that it stands for, and clears it seconds later,
//! so what is counted is never less than what may differ. Where that cannot be said of what was
//! read, no number is given, but the reason.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::{Array, BitmapKind, Dirty, parse};
use crate::error::Kind;
use crate::format::finding::any_error;
use crate::store::{BitmapAtRest, Location};
use crate::sysfs::System;

/// Fills in the number of dirty chunks, or why it cannot be told. Raising `stop` makes it give up.
pub fn count_dirty(array: &mut Array, system: &System, stop: &AtomicBool) {
    if array.bitmap.kind == BitmapKind::None {
        return;
    }
    let counted = match array.bitmap.kind {
        BitmapKind::Lockless => told(array, system),
        _ => source(array, system).and_then(|path| count(&path, array, stop)),
    };
    match counted {
        Ok(dirty) => array.bitmap.dirty = Some(dirty),
        Err(why) => array.bitmap.why = Some(why),
    }
}

/// The kernel counts the states of a lockless bitmap itself.
fn told(array: &Array, system: &System) -> Result<Dirty, String> {
    let text = system.md_attribute(&array.name, "llbitmap/bits");
    let text = text.map_err(|error| error.to_string())?;
    let text = text.ok_or("the kernel does not count its states")?;
    parse::states(&text).ok_or_else(|| format!("the kernel says {:?} of its states", text.trim()))
}

/// Where the bitmap of this array can be read: a member in sync, or the file.
///
/// # Errors
/// A sentence, where there is no such place.
pub fn source(array: &Array, system: &System) -> Result<PathBuf, String> {
    match array.bitmap.kind {
        BitmapKind::Internal => {
            let member = array.members.iter().find(|member| member.is_in_sync());
            member.map(|member| system.node(&member.name)).ok_or("no member is in sync".into())
        }
        BitmapKind::File => array.bitmap.path.clone().ok_or("/proc/mdstat names no file".into()),
        kind => Err(format!("not known for a bitmap that is {}", kind.as_str())),
    }
}

fn count(path: &Path, array: &Array, stop: &AtomicBool) -> Result<Dirty, String> {
    let opened = BitmapAtRest::open(path, stop).map_err(|error| match error.errno() {
        Some(1 | 13) => format!("reading {} needs root", path.display()),
        _ if error.kind() == Kind::Interrupted => "interrupted".into(),
        _ => error.to_string(),
    })?;
    let report = opened.report();
    let inside = report.location == Location::Internal;
    if inside != (array.bitmap.kind == BitmapKind::Internal) {
        return Err(format!("{} holds no such bitmap", path.display()));
    }
    let theirs = report.raw.as_ref().map(|raw| raw.uuid());
    if array.uuid.is_some() && theirs != array.uuid {
        return Err(format!("the bitmap on {} is another array's", path.display()));
    }
    let survey = report.survey.as_ref().filter(|survey| survey.trouble.errno.is_none());
    match survey {
        Some(_) if any_error(&report.findings) || report.is_stale() => {
            Err(format!("the bitmap on {} is not sound", path.display()))
        }
        Some(_) if !opened.is_direct() => {
            Err(format!("{} cannot be read past the page cache", path.display()))
        }
        Some(survey) => Ok(Dirty { dirty: survey.dirty, total: survey.total }),
        None => Err(format!("the bitmap on {} cannot be read", path.display())),
    }
}
