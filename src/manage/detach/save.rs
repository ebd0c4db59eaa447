//! Writes the bits of a running array's bitmap to a file of their own.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::shown;
use crate::error::{Error, Result};
use crate::manage::Target;
use crate::manage::report::{Fact, Note, Report, Step};
use crate::running::BitmapKind;
use crate::store::create::{self, CreateOptions};
use crate::store::{BitmapAtRest, Report as Found};
use crate::sysfs::System;

/// Writes the bits of the bitmap of `target` to `path`.
pub(super) fn save(
    target: &Target,
    path: &Path,
    report: &mut Report,
    system: &System,
    stop: &AtomicBool,
) -> Result<()> {
    let source = source(target, system)?;
    let bitmap = BitmapAtRest::open(&source, stop)?;
    let wanted = wanted(target, bitmap.report(), path, report.dry_run)?;
    let array = create::look(&target.array.node, system)?;
    let stale = !array.clean;
    create::copy(&wanted, array, &bitmap, system, stop)
        .map_err(|error| error.without_force("name a file that does not exist"))?;
    let dirty = bitmap.report().survey.as_ref().map(|survey| survey.dirty.get());
    report.facts.push(Fact::new("saved_file", "Saved to", shown(path)));
    report.facts.push(Fact::new("saved_dirty_chunks", "Dirty chunks", dirty));
    report.steps.push(Step::new("save", ("saved", "save"), format!("the bits to {}", shown(path))));
    if stale {
        let message = "the array is being written to, so the saved bits are marked stale: they can \
            be looked at, and nobody goes by them";
        report.notes.push(Note::new("saved-stale", message));
    }
    Ok(())
}

/// Where the bits are: in the file, or on a member in sync.
fn source(target: &Target, system: &System) -> Result<PathBuf> {
    let array = &target.array;
    if array.bitmap.kind == BitmapKind::File {
        let path = target.device.bitmap_file()?;
        return path.ok_or_else(|| Error::refused("the kernel names no file").at_path(&array.node));
    }
    let member = array.members.iter().find(|member| member.is_in_sync());
    let member =
        member.ok_or_else(|| Error::refused("no member is in sync").at_path(&array.node))?;
    Ok(system.node(&member.name))
}

fn wanted(target: &Target, found: &Found, path: &Path, dry_run: bool) -> Result<CreateOptions> {
    let unreadable = || Error::damaged("its bits cannot be read").at_path(&found.path);
    let coverage = found.coverage.ok_or_else(unreadable)?;
    let raw = found.raw.as_ref().ok_or_else(unreadable)?;
    Ok(CreateOptions {
        path: path.to_owned(),
        chunk: Some(coverage.chunk),
        delay: raw.daemon_sleep().max(1),
        size: None,
        uuid: None,
        write_behind: raw.write_behind(),
        clean: false,
        array: Some(target.array.node.clone()),
        overwrite: false,
        dry_run,
    })
}
