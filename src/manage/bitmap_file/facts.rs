//! Finding out about the file: the system calls and nothing else.

use std::fs::{self, File, Metadata, OpenOptions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc::EPERM;

use crate::error::{Error, Result};
use crate::format::bitmap::{Decoded, decode};
use crate::guard::{InUse, is_on_array, refresh, usage_of};
use crate::ioctl::file::{Mapped, block_size, mapped};
use crate::sysfs::writers::Writer;
use crate::sysfs::{DevNum, System};
use crate::units::Bytes;

/// Bytes that the kernel reads at least, if the file has them.
const PAGE: u64 = 4096;
/// Blocks that are asked for one by one; no kernel keeps a bitmap so large in memory.
const MOST_BLOCKS: u64 = 1 << 22;

/// What is at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A block device.
    Device,
    /// A symbolic link.
    Symlink,
    /// A directory, pipe or the like.
    Other,
}

/// Where the blocks of the file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockMap {
    /// Every block that the bitmap takes has a place.
    Whole,
    /// The block at this byte has none.
    Hole(Bytes),
    /// The file system tells no places.
    Never,
    /// Only root may ask.
    Forbidden,
}

/// Everything found out about the file.
#[derive(Clone, Debug)]
pub struct FileFacts {
    /// Its path.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
    /// Its length.
    pub length: Bytes,
    /// Its owner's number.
    pub owner: u32,
    /// Its permissions.
    pub mode: u32,
    /// The type of its file system.
    pub file_system: String,
    /// Where its blocks are.
    pub map: BlockMap,
    /// Whether it rests on the array that it is for.
    pub on_array: bool,
    /// Who else has it open for writing.
    pub writers: Vec<Writer>,
    /// What else uses it.
    pub uses: Vec<InUse>,
    /// Its superblock.
    pub header: Option<Decoded>,
}

/// A file, open to be read, and all that was found out about it.
#[derive(Debug)]
pub struct BitmapFile {
    /// It, open to be read; none for what is no regular file.
    pub file: Option<File>,
    /// What was found out.
    pub facts: FileFacts,
}

impl BitmapFile {
    /// Looks at `path`, meant for the array of that number.
    ///
    /// # Errors
    /// It is not there, or cannot be looked at.
    pub fn look(path: &Path, array: Option<DevNum>, system: &System) -> Result<Self> {
        let meta = fs::symlink_metadata(path).map_err(|e| Error::io("look at", path, e))?;
        let mut facts = outside(path, &meta);
        if facts.kind != FileKind::Regular {
            return Ok(Self { file: None, facts });
        }
        let file = open(path, &meta)?;
        facts.uses = usage_of(path, system)?;
        facts.writers = system.writers(meta.dev(), meta.ino())?;
        facts.file_system = file_system(path, system)?;
        facts.map = block_map(&file, path, facts.length)?;
        if let Some(array) = array {
            facts.on_array = is_on_array(meta.dev(), array, system)?;
        }
        // While an array writes to it, its cache cannot be right; it is refused anyway.
        if facts.uses.is_empty() {
            refresh(&file, path)?;
        }
        facts.header = Some(decode(&head(&file, path)?));
        Ok(Self { file: Some(file), facts })
    }
}

impl BitmapFile {
    /// Opens it for writing, as the kernel wants it, if it still is the file that was looked at.
    ///
    /// # Errors
    /// It cannot be opened, or is another one now.
    pub fn open_to_write(&self) -> Result<File> {
        let path = &self.facts.path;
        let failed = |error| Error::io("open for writing", path, error);
        let flags = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let mut options = OpenOptions::new();
        let now = options.read(true).write(true).custom_flags(flags.bits()).open(path);
        let now = now.map_err(|error| match error.raw_os_error() {
            Some(EPERM) => {
                Error::refused("it is immutable, so its header could not be brought up to date")
                    .at_path(path)
                    .hint("`chattr -i` makes it changeable")
            }
            _ => failed(error),
        })?;
        let identity = |file: &File| file.metadata().map(|meta| (meta.dev(), meta.ino()));
        let before = self.file.as_ref().map(identity).transpose().map_err(failed)?;
        match before == Some(identity(&now).map_err(failed)?) {
            true => Ok(now),
            false => Err(Error::refused("it was replaced while being looked at").at_path(path)),
        }
    }
}

fn outside(path: &Path, meta: &Metadata) -> FileFacts {
    let kind = match meta.file_type() {
        kind if kind.is_file() => FileKind::Regular,
        kind if kind.is_symlink() => through_link(path),
        kind if kind.is_block_device() => FileKind::Device,
        _ => FileKind::Other,
    };
    FileFacts {
        path: path.to_owned(),
        kind,
        length: Bytes::new(meta.len()),
        owner: meta.uid(),
        mode: meta.mode() & 0o7777,
        file_system: String::new(),
        map: BlockMap::Forbidden,
        on_array: false,
        writers: Vec::new(),
        uses: Vec::new(),
        header: None,
    }
}

/// `/dev/disk/by-id` is full of links to devices.
fn through_link(path: &Path) -> FileKind {
    let device = fs::metadata(path).is_ok_and(|meta| meta.file_type().is_block_device());
    if device { FileKind::Device } else { FileKind::Symlink }
}

fn open(path: &Path, before: &Metadata) -> Result<File> {
    let flags = OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let file = file.map_err(|error| Error::io("open", path, error))?;
    let meta = file.metadata().map_err(|error| Error::io("look at", path, error))?;
    match (meta.dev(), meta.ino()) == (before.dev(), before.ino()) {
        true => Ok(file),
        false => Err(Error::refused("it was replaced while being opened").at_path(path)),
    }
}

fn file_system(path: &Path, system: &System) -> Result<String> {
    let real = fs::canonicalize(path).map_err(|error| Error::io("look at", path, error))?;
    let mount = system.mount_of(&real)?;
    Ok(mount.map_or_else(|| "its file system".into(), |mount| mount.kind))
}

/// Asks for every block that the kernel would want.
fn block_map(file: &File, path: &Path, length: Bytes) -> Result<BlockMap> {
    let failed = |errno: Errno| Error::io("ask for the blocks of", path, errno.into());
    // Data that has no place yet gets one.
    file.sync_all().map_err(|error| Error::io("flush", path, error))?;
    let block = match block_size(file) {
        Ok(block) => block,
        Err(Errno::ENOTTY | Errno::EINVAL) => return Ok(BlockMap::Never),
        Err(errno) => return Err(failed(errno)),
    };
    for index in 0..length.get().max(1).div_ceil(block).min(MOST_BLOCKS) {
        let answer = mapped(file, u32::try_from(index).unwrap_or(u32::MAX)).map_err(failed)?;
        match answer {
            Mapped::Yes => {}
            Mapped::No => return Ok(BlockMap::Hole(Bytes::new(index.saturating_mul(block)))),
            Mapped::Never => return Ok(BlockMap::Never),
            Mapped::Forbidden => return Ok(BlockMap::Forbidden),
        }
    }
    Ok(BlockMap::Whole)
}

fn head(file: &File, path: &Path) -> Result<Vec<u8>> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut bytes = Vec::new();
    let mut reader = file;
    let read =
        reader.seek(SeekFrom::Start(0)).and_then(|_| reader.take(PAGE).read_to_end(&mut bytes));
    read.map_err(|error| Error::io("read", path, error))?;
    Ok(bytes)
}
