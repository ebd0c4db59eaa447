//! The path a bitmap is to be made at: may it be, and is there room?
//!
//! A symbolic link is followed to a block device (`/dev/disk/by-id`) and to nothing else: through
//! a link to a file, whoever made the link would choose what root overwrites. Things in use are
//! refused whatever is forced. From here on the directory is held open, so that nobody can put
//! another in its place.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag};
use nix::sys::statfs::{
    BTRFS_SUPER_MAGIC, NFS_SUPER_MAGIC, OVERLAYFS_SUPER_MAGIC, TMPFS_MAGIC, fstatfs,
};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{AccessFlags, faccessat, geteuid};

use super::plan::Note;
use super::{CreateOptions, Target};
use crate::error::{Error, Kind, Result};
use crate::guard::signature::{Windows, identify};
use crate::guard::{
    Entry, System, is_on_array, no_foreign_links, open_exclusive, running_array, sentence, usage_of,
};
use crate::ioctl::blk;
use crate::units::Bytes;

/// A name in a directory that is held open.
#[derive(Debug)]
pub(super) struct FilePlace {
    pub(super) path: PathBuf,
    pub(super) entry: Entry,
    /// The lock on the file that is to be replaced, where there is one.
    pub(super) old: Option<File>,
}

/// A block device, claimed.
#[derive(Debug)]
pub(super) struct DevicePlace {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) size: Bytes,
    pub(super) carries: Option<&'static str>,
}

/// Where the bitmap is to go.
#[derive(Debug)]
pub(super) enum Place {
    File(FilePlace),
    Device(DevicePlace),
}

impl FilePlace {
    /// The file that was looked at is the one of that name in the directory which is held: what is
    /// replaced is nothing else, wherever the path leads by now.
    pub(super) fn still_there(&self) -> Result<()> {
        let Some(old) = &self.old else { return Ok(()) };
        let failed = |error| Error::io("look at", &self.path, error);
        let meta = old.metadata().map_err(failed)?;
        match self.entry.is(&meta).map_err(|errno| failed(errno.into()))? {
            true => Ok(()),
            false => {
                Err(Error::refused("it was replaced while being looked at").at_path(&self.path))
            }
        }
    }
}

impl Place {
    /// Looks at the path of `options`.
    pub(super) fn judge(options: &CreateOptions, system: &System) -> Result<Self> {
        let path = &options.path;
        let meta = match fs::symlink_metadata(path) {
            Ok(meta) if meta.is_symlink() => follow(path)?,
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return new_file(options, system).map(Self::File);
            }
            Err(error) => return Err(Error::io("look at", path, error)),
        };
        not_the_array_itself(options, &meta)?;
        if meta.file_type().is_block_device() {
            device(options, system).map(Self::Device)
        } else if meta.is_file() {
            old_file(options, system).map(Self::File)
        } else {
            Err(Error::usage("neither a regular file nor a block device").at_path(path))
        }
    }

    pub(super) fn target(&self) -> Target {
        match self {
            Self::File(_) => Target::File,
            Self::Device(_) => Target::Device,
        }
    }

    /// What is there now and will be lost.
    pub(super) fn replaces(&self) -> Option<String> {
        match self {
            Self::File(place) => place.old.as_ref().map(|_| "a file".to_owned()),
            Self::Device(place) => place.carries.map(ToOwned::to_owned),
        }
    }

    /// Fails where `bytes` cannot fit; a file system may still say so later.
    pub(super) fn has_room(&self, bytes: Bytes) -> Result<()> {
        let (room, path) = match self {
            Self::File(place) => (free(place)?, &place.path),
            Self::Device(place) => (place.size, &place.path),
        };
        if bytes <= room {
            return Ok(());
        }
        let what = format!("no room: the bitmap takes {bytes}, and there are {room}");
        Err(Error::new(Kind::Io, what).at_path(path).hint("a larger --chunk makes it smaller"))
    }

    pub(super) fn notes(&self) -> Option<Note> {
        match self {
            Self::File(place) => file_system_note(place),
            Self::Device(_) => Some(Note::new(
                "device",
                "the kernel attaches bitmap files only; this one serves mdbitmap resync --bitmap",
            )),
        }
    }
}

fn follow(path: &Path) -> Result<Metadata> {
    no_foreign_links(path)?;
    let device = fs::metadata(path).ok().filter(|meta| meta.file_type().is_block_device());
    device.ok_or_else(|| {
        Error::refused("it is a symbolic link, and not to a block device")
            .at_path(path)
            .hint("name the file itself")
    })
}

/// To make the bitmap of an array out of one of its members is never meant.
fn not_the_array_itself(options: &CreateOptions, meta: &Metadata) -> Result<()> {
    let Some(target) = &options.array else { return Ok(()) };
    let other = fs::metadata(target).map_err(|error| Error::io("look at", target, error))?;
    let device = meta.file_type().is_block_device() && other.rdev() == meta.rdev();
    let same = (other.dev(), other.ino()) == (meta.dev(), meta.ino());
    match same || (device && other.file_type().is_block_device()) {
        true => Err(Error::refused("it is what --array names: the array itself or a member")
            .at_path(&options.path)),
        false => Ok(()),
    }
}

fn new_file(options: &CreateOptions, system: &System) -> Result<FilePlace> {
    let path = &options.path;
    let entry = Entry::find(path)?;
    let rights = AccessFlags::W_OK | AccessFlags::X_OK;
    faccessat(&entry.dir, ".", rights, AtFlags::empty()).map_err(|errno| {
        Error::io("make files in the directory", Entry::directory(path), errno.into())
    })?;
    not_on_the_array(options, &entry.dir, system)?;
    Ok(FilePlace { path: path.clone(), entry, old: None })
}

/// The kernel would wait for the array to write its bitmap, and the bitmap to write the array.
fn not_on_the_array(options: &CreateOptions, dir: &File, system: &System) -> Result<()> {
    let Some(target) = &options.array else { return Ok(()) };
    let Some(running) = running_array(target, system)? else { return Ok(()) };
    let meta = dir.metadata().map_err(|error| Error::io("look at", &options.path, error))?;
    match is_on_array(meta.dev(), running.number, system)? {
        true => Err(Error::refused("it would lie on the array whose bitmap it is")
            .at_path(&options.path)
            .hint("put it on a file system outside that array")),
        false => Ok(()),
    }
}

fn old_file(options: &CreateOptions, system: &System) -> Result<FilePlace> {
    let path = &options.path;
    if !options.overwrite {
        return Err(Error::refused("it exists").at_path(path).unless_forced("overwrite"));
    }
    not_in_use(path, system)?;
    let old = open_exclusive(path, true, OFlag::empty())?;
    let place = FilePlace { old: Some(old), ..new_file(options, system)? };
    place.still_there()?;
    Ok(place)
}

fn not_in_use(path: &Path, system: &System) -> Result<()> {
    let reasons = usage_of(path, system)?;
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Error::refused(format!("in use: {}", sentence(&reasons))).at_path(path))
}

fn device(options: &CreateOptions, system: &System) -> Result<DevicePlace> {
    let path = options.path.clone();
    not_in_use(&path, system)?;
    let file = open_exclusive(&path, !options.dry_run, OFlag::empty())?;
    let size = blk::size(&file, &path)?;
    let carries = identify(&Windows::read(&file, &path)?);
    if let Some(what) = carries.filter(|_| !options.overwrite) {
        let why = format!("it carries {what}");
        return Err(Error::refused(why).at_path(&path).unless_forced("overwrite"));
    }
    Ok(DevicePlace { path, file, size, carries })
}

/// What this user may still fill; a file system that tells no size has room.
fn free(place: &FilePlace) -> Result<Bytes> {
    let stat = fstatvfs(&place.entry.dir)
        .map_err(|errno| Error::io("ask for the room at", &place.path, errno.into()))?;
    let root = geteuid().is_root();
    let blocks = if root { stat.blocks_free() } else { stat.blocks_available() };
    match stat.blocks() {
        0 => Ok(Bytes::new(u64::MAX)),
        _ => Ok(Bytes::new(blocks.saturating_mul(stat.fragment_size()))),
    }
}

/// The kernel writes a bitmap file through its block map, which these do not give.
fn file_system_note(place: &FilePlace) -> Option<Note> {
    let kind = fstatfs(&place.entry.dir).ok()?.filesystem_type();
    let known = [
        (BTRFS_SUPER_MAGIC, "Btrfs"),
        (TMPFS_MAGIC, "tmpfs"),
        (OVERLAYFS_SUPER_MAGIC, "overlayfs"),
        (NFS_SUPER_MAGIC, "NFS"),
    ];
    let (_, name) = known.into_iter().find(|(magic, _)| *magic == kind)?;
    let message = format!("the kernel cannot attach a bitmap file on {name}; ext4 or XFS can");
    Some(Note::new("file-system", message))
}
