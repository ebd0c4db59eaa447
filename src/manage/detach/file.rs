//! A bitmap file: the kernel lets go of it, and it is marked stale.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::unistd::{AccessFlags, access};

use super::aside::Aside;
use super::shown;
use crate::error::{Error, Kind, Result};
use crate::format::bitmap::superblock::bitmap_super::SIZE;
use crate::format::bitmap::{RawBitmapSuper, StateFlags, decode};
use crate::guard::{Entry, refresh};
use crate::manage::Target;
use crate::manage::report::{Fact, Note, Report, Step};
use crate::running::BitmapKind;
use crate::sysfs::System;

/// Lets the kernel let go of the file.
pub(super) fn detach(mut target: Target, mut report: Report, system: &System) -> Result<Report> {
    let path = target.device.bitmap_file()?.filter(|path| is_there(path));
    path.as_deref().map_or(Ok(()), changeable)?;
    let shown_path = path.as_deref().map(shown);
    report.facts.push(Fact::new("file", "File", shown_path.clone()));
    let name = shown_path.clone().unwrap_or_else(|| "the bitmap file, which was deleted".into());
    report.steps.push(Step::new("detach", ("detached", "detach"), name));
    if let Some(path) = &shown_path {
        let what = format!("{path} as stale: the array is written to without it from now on");
        report.steps.push(Step::new("mark-stale", ("marked", "mark"), what));
    }
    if !report.dry_run {
        match path {
            Some(path) => detach_and_mark(&target, &path, &mut report)?,
            None => target.device.detach_bitmap()?,
        }
        verify(&mut target, system)?;
    }
    Ok(report)
}

/// Who protected it against mistakes takes that back first: unmarked it would look current later.
fn changeable(path: &Path) -> Result<()> {
    match access(path, AccessFlags::W_OK) {
        Err(Errno::EPERM) => {
            Err(Error::refused("it is immutable, so it could not be marked stale")
                .at_path(path)
                .hint("`chattr -i` makes it changeable"))
        }
        _ => Ok(()),
    }
}

/// A deleted file still has a name in the kernel, with a remark behind it.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

fn detach_and_mark(target: &Target, path: &Path, report: &mut Report) -> Result<()> {
    // What cannot be renamed, on a read-only directory say, is still detached and marked.
    let aside = match Aside::put(path) {
        Ok(aside) => Some(aside),
        Err(error) if error.kind() == Kind::Refused => return Err(error),
        Err(_) => None,
    };
    let detached = target.device.detach_bitmap();
    let marked = detached.as_ref().map_or(Ok(()), |()| match &aside {
        Some(aside) => mark(&aside.entry, &aside.path),
        None => Entry::find(path).and_then(|entry| mark(&entry, path)),
    });
    if let Err(error) = &marked {
        let message = format!("it could not be marked stale ({error}): remove it");
        report.notes.push(Note::new("not-marked", message));
    }
    if let Some(aside) = aside.filter(|_| marked.is_ok()) {
        aside.back()?;
    }
    detached
}

/// Marks the bitmap that bears the name stale, for sure; `path` is for messages.
fn mark(entry: &Entry, path: &Path) -> Result<()> {
    let failed = |error| Error::io("mark as stale", path, error);
    // Whatever took the name meanwhile, opening it must not wait.
    let file = entry.open(OFlag::O_RDWR | OFlag::O_NONBLOCK);
    let file = file.map_err(|errno| failed(errno.into()))?;
    refresh(&file, path)?;
    let mut raw = header(&file, path)?;
    raw.set_state(raw.state().with(StateFlags::STALE));
    file.write_all_at(&raw.0, 0).map_err(failed)?;
    file.sync_all().map_err(failed)
}

fn header(file: &File, path: &Path) -> Result<RawBitmapSuper> {
    let mut bytes = [0; SIZE];
    let failed = |error| Error::io("read", path, error);
    let meta = file.metadata().map_err(failed)?;
    file.read_exact_at(&mut bytes, 0).map_err(failed)?;
    let decoded = decode(&bytes);
    let sound = meta.nlink() > 0 && decoded.value.is_some();
    let raw = decoded.raw.filter(|_| sound);
    raw.ok_or_else(|| Error::damaged("it is not the bitmap that was attached").at_path(path))
}

fn verify(target: &mut Target, system: &System) -> Result<()> {
    target.look_again(system)?;
    match target.array.bitmap.kind {
        BitmapKind::None => Ok(()),
        kind => {
            let what =
                format!("the kernel let go of the file and shows a bitmap ({})", kind.as_str());
            Err(Error::new(Kind::Io, what).at_path(&target.array.node))
        }
    }
}
