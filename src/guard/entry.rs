//! A name in a directory that is held open: from then on nobody can put another directory in its place.

use std::ffi::OsString;
use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::error::{Error, Result};

/// The directory and the name.
#[derive(Debug)]
pub struct Entry {
    /// Open for reading.
    pub dir: File,
    /// Without any slash.
    pub name: OsString,
}

impl Entry {
    /// The directory that `path` names something in.
    #[must_use]
    pub fn directory(path: &Path) -> &Path {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new("."))
    }

    /// Splits `path` and opens its directory; nothing need bear the name.
    ///
    /// # Errors
    /// Usage where it names a directory by its form; the directory cannot be opened.
    pub fn find(path: &Path) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| no_name(path))?.to_owned();
        if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
            return Err(no_name(path));
        }
        let parent = Self::directory(path);
        let dir = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).bits())
            .open(parent)
            .map_err(|error| Error::io("open the directory", parent, error))?;
        Ok(Self { dir, name })
    }

    /// The name of `path` in the same directory, whatever that of `path` leads to.
    ///
    /// # Errors
    /// Usage where it has no name; no more descriptors.
    pub fn beside(&self, path: &Path) -> Result<Self> {
        let name = path.file_name().ok_or_else(|| no_name(path))?.to_owned();
        let dir = self.dir.try_clone().map_err(|error| Error::io("open", path, error))?;
        Ok(Self { dir, name })
    }

    /// Opens what bears the name, which is no symbolic link; a new file is its owner's alone.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(&self, flags: OFlag) -> nix::Result<File> {
        let always = OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        openat(&self.dir, self.name.as_os_str(), flags | always, mode).map(File::from)
    }

    /// Whether the name is that of the file which `meta` tells of.
    ///
    /// # Errors
    /// The kernel's.
    pub fn is(&self, meta: &Metadata) -> nix::Result<bool> {
        match fstatat(&self.dir, self.name.as_os_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Err(Errno::ENOENT) => Ok(false),
            found => found.map(|stat| (stat.st_dev, stat.st_ino) == (meta.dev(), meta.ino())),
        }
    }

    /// Takes the name away.
    ///
    /// # Errors
    /// The kernel's.
    pub fn remove(&self) -> nix::Result<()> {
        unlinkat(&self.dir, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir)
    }

    /// Gives what bears the name another one in the same directory.
    ///
    /// # Errors
    /// The kernel's.
    pub fn rename(&self, to: &Self) -> nix::Result<()> {
        renameat(&self.dir, self.name.as_os_str(), &to.dir, to.name.as_os_str())
    }
}

fn no_name(path: &Path) -> Error {
    Error::usage("it names a directory, not a file").at_path(path)
}
