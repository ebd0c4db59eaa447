//! Opening something so that nobody else may use it meanwhile.
//!
//! A block device is opened with O_EXCL, which mount, swapon, md and device mapper honour; a
//! regular file that we write is locked with flock, which our own kind honours.

use std::fs::{self, File, FileType, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::libc::EBUSY;
use nix::unistd::geteuid;

use super::entry::Entry;
use super::patience::patient;
use super::reasons::InUse;
use crate::error::{Error, Result};

/// As many symbolic links as the kernel follows.
const MOST_LINKS: usize = 40;

/// Opens a block device or a regular file that exists, following symlinks, for reading or for
/// reading and writing; `extra` is added to the flags (O_DIRECT, O_SYNC). What is to be written is
/// not looked for behind a link of somebody else.
///
/// The claim ends when the file is closed. A regular file opened for reading is not locked.
///
/// # Errors
/// Refused where another program has claimed or locked it; usage where it is neither file nor
/// device.
pub fn open_exclusive(path: &Path, write: bool, extra: OFlag) -> Result<File> {
    // Where links lead was judged once: what is there is opened, and no link in its place.
    let end = if write { no_foreign_links(path)? } else { None };
    let at = end.as_deref().unwrap_or(path);
    let entry = fs::symlink_metadata(at).map_err(|error| Error::io("open", path, error))?;
    let before = fs::metadata(at).map_err(|error| Error::io("open", path, error))?.file_type();
    // Before opening: to open a tape or a pipe has effects.
    check_type(before, path)?;
    let file = open(at, write, extra, before.is_block_device())?;
    let meta = file.metadata().map_err(|error| Error::io("look at", path, error))?;
    let is_link = end.is_none() && entry.is_symlink();
    let there = is_it(fs::metadata(path), &meta);
    if meta.file_type() != before || !there || !(is_link || is_it(fs::symlink_metadata(at), &meta))
    {
        return Err(Error::refused("it was replaced while being opened").at_path(path));
    }
    if write && before.is_file() {
        lock(&file, path)?;
    }
    Ok(file)
}

/// Fails where `path` is a symbolic link that neither root nor we made, or leads to one: whoever did
/// would choose what is written. Gives the name at the end, which is no link; none where links lead to
/// no name, as in /proc/self/fd.
///
/// # Errors
/// Refused.
pub fn no_foreign_links(path: &Path) -> Result<Option<PathBuf>> {
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(entry) = fs::symlink_metadata(&at) else { return Ok(None) };
        if !entry.is_symlink() {
            return Ok(Some(at));
        }
        no_foreign_link(&at, &entry)?;
        let to = fs::read_link(&at).map_err(|error| Error::io("follow", &at, error))?;
        at = Entry::directory(&at).join(to);
    }
    Err(Error::refused("it is a chain of too many symbolic links").at_path(path))
}

fn no_foreign_link(path: &Path, entry: &Metadata) -> Result<()> {
    let (owner, me) = (entry.uid(), geteuid().as_raw());
    if !entry.is_symlink() || owner == 0 || owner == me {
        return Ok(());
    }
    let why = format!("it is a symbolic link of user {owner}, who could lead it anywhere");
    Err(Error::refused(why).at_path(path).hint("name what it leads to"))
}

/// Why somebody else may have a say in what the file holds.
#[must_use]
pub fn shared(meta: &Metadata) -> Option<String> {
    let (owner, mode, names) = (meta.uid(), meta.mode() & 0o7777, meta.nlink());
    if owner != geteuid().as_raw() {
        return Some(format!("it belongs to user {owner}, who could change it"));
    }
    if mode & 0o022 != 0 {
        return Some(format!("others may write to it (mode {mode:04o})"));
    }
    (names > 1).then(|| format!("it has {names} names, so it is something else as well"))
}

/// Whether what was opened is what has the name now, and was not behind a link that took its place
/// meanwhile. Asked afterwards: an overlay gives a file another number when it is opened to be written.
fn is_it(now: io::Result<Metadata>, opened: &Metadata) -> bool {
    now.is_ok_and(|now| (now.dev(), now.ino()) == (opened.dev(), opened.ino()))
}

fn check_type(kind: FileType, path: &Path) -> Result<()> {
    if kind.is_block_device() || kind.is_file() {
        return Ok(());
    }
    Err(Error::usage("neither a regular file nor a block device").at_path(path))
}

fn open(path: &Path, write: bool, extra: OFlag, device: bool) -> Result<File> {
    let claim = if device { OFlag::O_EXCL } else { OFlag::empty() };
    let flags = (claim | OFlag::O_CLOEXEC | extra).bits();
    let opened = OpenOptions::new().read(true).write(write).custom_flags(flags).open(path);
    opened.map_err(|error| match error.raw_os_error() {
        Some(EBUSY) => refused(&InUse::ExclusiveOpenFails, path),
        _ => Error::io("open", path, error),
    })
}

fn lock(file: &File, path: &Path) -> Result<()> {
    let locked = |answer: &std::result::Result<(), TryLockError>| {
        matches!(answer, Err(TryLockError::WouldBlock))
    };
    patient(|| file.try_lock(), locked).map_err(|error| match error {
        TryLockError::WouldBlock => refused(&InUse::Locked, path),
        TryLockError::Error(error) => Error::io("lock", path, error),
    })
}

fn refused(why: &InUse, path: &Path) -> Error {
    Error::refused(format!("in use: {why}"))
        .at_path(path)
        .hint("stop what uses it, then run this again")
}
