//! A file that is there complete, or not at all.
//!
//! It is written without a name where the file system allows it, so that not even SIGKILL leaves
//! anything; else under a temporary name that goes away with `Temp`. Then: fsync of the file, the
//! name, fsync of the directory. Real bytes are written to its end, for the kernel maps the blocks
//! of a bitmap file and takes no holes and no unwritten extents.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::blocks;
use super::place::FilePlace;
use super::plan::Plan;
use super::runs::Runs;
use crate::error::{Error, Result};
use crate::format::bitmap::RawBitmapSuper;
use crate::format::bitmap::geometry::classic_bytes;
use crate::guard::Entry;
use crate::units::{Bytes, Chunks};

/// Writes the bitmap of `plan` and gives it its name.
pub(super) fn write(place: &FilePlace, plan: &Plan, stop: &AtomicBool) -> Result<()> {
    let temp = Temp::new(place)?;
    fill(&temp, (plan.bytes, plan.clean), &plan.bitmap.encode(), stop)?;
    finish(temp, place)
}

/// Writes a file of so many bits, with that header and the bits that `set` sets, and gives
/// it its name; unless `set` fails.
pub(super) fn write_copy(
    place: &FilePlace,
    chunks: Chunks,
    header: &RawBitmapSuper,
    stop: &AtomicBool,
    set: impl FnOnce(&mut Runs<'_>) -> Result<()>,
) -> Result<()> {
    let temp = Temp::new(place)?;
    fill(&temp, (classic_bytes(chunks), true), header, stop)?;
    let mut runs = Runs::new(&temp.file, chunks);
    set(&mut runs)?;
    runs.finish().map_err(|error| Error::io("write", &place.path, error))?;
    finish(temp, place)
}

fn fill(
    temp: &Temp<'_>,
    bits: (Bytes, bool),
    header: &RawBitmapSuper,
    stop: &AtomicBool,
) -> Result<()> {
    let failed = |error| Error::io("write", &temp.place.path, error);
    temp.file.write_all_at(&header.0, 0).map_err(failed)?;
    blocks::bits(bits, stop, |at, block| temp.file.write_all_at(block, at), failed)
}

fn finish(temp: Temp<'_>, place: &FilePlace) -> Result<()> {
    temp.file.sync_all().map_err(|error| Error::io("flush", &place.path, error))?;
    temp.publish()?;
    flush_directory(&place.entry, &place.path)
}

fn flush_directory(entry: &Entry, path: &Path) -> Result<()> {
    let flushed = entry.dir.sync_all();
    flushed.map_err(|error| Error::io("flush the directory of", path, error))
}

/// Makes a file that is there stable, and its name with it.
///
/// # Errors
/// It is gone, or the disk fails.
pub fn make_stable(path: &Path) -> Result<()> {
    let entry = Entry::find(path)?;
    let file = entry.open(OFlag::O_RDONLY | OFlag::O_NONBLOCK).map_err(Into::into);
    let flushed = file.and_then(|file| file.sync_all());
    flushed.map_err(|error| Error::io("flush", path, error))?;
    flush_directory(&entry, path)
}

/// A file that has no name yet, or one that it will lose.
pub(super) struct Temp<'a> {
    place: &'a FilePlace,
    file: File,
    name: Option<String>,
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // Nothing better can be done about a directory that takes no change any more.
            let _ = unlinkat(&self.place.entry.dir, name.as_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}

impl<'a> Temp<'a> {
    fn new(place: &'a FilePlace) -> Result<Self> {
        let nameless = OFlag::O_TMPFILE | OFlag::O_RDWR | OFlag::O_CLOEXEC;
        let temp = match openat(&place.entry.dir, ".", nameless, private()) {
            Ok(file) if can_be_named(&file) => Self { place, file: file.into(), name: None },
            _ => Self::named_from_the_start(place)?,
        };
        // The umask may have taken even our own rights.
        temp.file
            .set_permissions(Permissions::from_mode(0o600))
            .map_err(|error| Error::io("set the mode of", &place.path, error))?;
        Ok(temp)
    }

    pub(super) fn named_from_the_start(place: &'a FilePlace) -> Result<Self> {
        let name = fresh_name();
        let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&place.entry.dir, name.as_str(), flags | OFlag::O_RDWR, private())
            .map_err(|errno| Error::io("make", &place.path, errno.into()))?;
        Ok(Self { place, file: file.into(), name: Some(name) })
    }

    /// Gives it its final name. Only a file that we were told to replace is replaced, whoever made
    /// another one meanwhile.
    pub(super) fn publish(mut self) -> Result<()> {
        let failed = |errno: Errno| match errno {
            Errno::EEXIST => {
                Error::refused("it exists").at_path(&self.place.path).unless_forced("overwrite")
            }
            _ => Error::io("name", &self.place.path, errno.into()),
        };
        self.place.still_there()?;
        if self.place.old.is_none() {
            match self.link(&self.place.entry.name) {
                // FAT knows no second name for a file.
                Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS) => {
                    self.claim().map_err(failed)?;
                }
                linked => return linked.map_err(failed),
            }
        }
        self.replace().map_err(failed)
    }

    /// Puts it in the place of whatever has the final name.
    pub(super) fn replace(&mut self) -> nix::Result<()> {
        let (dir, name) = (&self.place.entry.dir, self.named()?);
        renameat(dir, name.as_str(), dir, self.place.entry.name.as_os_str())?;
        self.name = None;
        Ok(())
    }

    fn link(&self, to: &OsStr) -> nix::Result<()> {
        let dir = &self.place.entry.dir;
        match &self.name {
            Some(name) => linkat(dir, name.as_str(), dir, to, AtFlags::empty()),
            None => {
                let own = own_link(&self.file);
                linkat(AT_FDCWD, own.as_path(), dir, to, AtFlags::AT_SYMLINK_FOLLOW)
            }
        }
    }

    /// Takes the final name with an empty file, to be replaced at once.
    pub(super) fn claim(&self) -> nix::Result<()> {
        self.place.entry.open(OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY).map(drop)
    }

    fn named(&mut self) -> nix::Result<String> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let name = fresh_name();
        self.link(OsStr::new(&name))?;
        self.name = Some(name.clone());
        Ok(name)
    }
}

fn private() -> Mode {
    Mode::S_IRUSR | Mode::S_IWUSR
}

fn fresh_name() -> String {
    format!(".mdbitmap-{}", uuid::Uuid::new_v4().simple())
}

/// A nameless file gets its name by way of /proc, which may be missing.
fn can_be_named(file: &impl std::os::fd::AsRawFd) -> bool {
    fs::symlink_metadata(own_link(file)).is_ok()
}

fn own_link(file: &impl std::os::fd::AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
