//! The superblocks of members, read only: which array does a device belong to, and does that array
//! run?
//!
//! A running array writes its superblocks past the page cache, so what is asked of its members is
//! read past it as well.

use std::fs::{File, OpenOptions};
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::libc::{EINVAL, O_CLOEXEC, O_DIRECT, O_NONBLOCK};

use crate::error::{Error, Result};
use crate::format::Probe;
use crate::format::md::{SUPER_BYTES, Superblock, candidates};
use crate::io::Buf;
use crate::sysfs::{System, md::MdArray};
use crate::units::{Bytes, Sectors};

/// The assembled array that carries `uuid` (the bytes on disk), by the kernel's name.
///
/// # Errors
/// sysfs cannot be read, or an array tells its UUID neither itself nor through any member.
pub fn array_running(uuid: [u8; 16], system: &System) -> Result<Option<String>> {
    for array in system.md_arrays()? {
        if carries(&array, uuid, system)? {
            return Ok(Some(array.name));
        }
    }
    Ok(None)
}

/// The lockspace of the array that carries `uuid`, if this node has joined it: a clustered array runs
/// somewhere, or did until just now.
///
/// # Errors
/// sysfs cannot be read.
pub fn cluster_lockspace(uuid: [u8; 16], system: &System) -> Result<Option<String>> {
    let spaces = system.lockspaces()?;
    Ok(spaces.into_iter().find(|name| crate::sysfs::md::uuid(name) == Some(uuid)))
}

/// A member that went missing or cannot be read does not hide the others; that none can be read
/// does.
fn carries(array: &MdArray, uuid: [u8; 16], system: &System) -> Result<bool> {
    if let Some(told) = array.uuid {
        return Ok(told == uuid);
    }
    let (mut readable, mut failure) = (false, None);
    for slave in &array.slaves {
        match superblock_on_disk(&system.node(slave)) {
            Ok(Some(found)) if found.view().uuid.bytes() == uuid => return Ok(true),
            Ok(_) => readable = true,
            Err(error) => failure = Some(error),
        }
    }
    match failure {
        Some(error) if !readable => Err(error.hint(format!(
            "cannot tell which array {} is; run this as root, or stop that array",
            array.name
        ))),
        _ => Ok(false),
    }
}

/// The md superblock that lies on the device `path` at this moment, whatever the page cache holds;
/// as [`superblock_of`].
///
/// # Errors
/// It cannot be opened or read.
pub fn superblock_on_disk(path: &Path) -> Result<Option<Superblock>> {
    let open = |flags| OpenOptions::new().read(true).custom_flags(flags).open(path);
    // Without waiting: a pipe would have us wait for whoever writes to it.
    let flags = O_CLOEXEC | O_NONBLOCK;
    let direct = match open(flags | O_DIRECT) {
        // A file system without direct I/O; there the page cache is the truth.
        Err(error) if error.raw_os_error() == Some(EINVAL) => open(flags),
        opened => opened,
    };
    let file = direct.map_err(|error| Error::io("open", path, error))?;
    superblock_of(&file, path)
}

/// The md superblock on a device or image, whatever its version: a sound one where there is one,
/// else one with errors among its findings; none where there is no such thing. `path` is for the
/// message.
///
/// # Errors
/// It cannot be read.
pub fn superblock_of(file: &File, path: &Path) -> Result<Option<Superblock>> {
    let device = size_of(file, path)?.to_sectors_floor();
    let mut damaged = None;
    for (version, at) in candidates(device) {
        let bytes = read_super(file, at, path)?;
        match Superblock::decode(version, at, bytes.bytes(), device) {
            Probe::Found(found) if found.is_sound() => return Ok(Some(found)),
            Probe::Found(found) => damaged = damaged.or(Some(found)),
            Probe::NotMd | Probe::Damaged { .. } => {}
        }
    }
    Ok(damaged)
}

/// The size of a device or file: where its end is.
pub(super) fn size_of(mut file: &File, path: &Path) -> Result<Bytes> {
    file.seek(SeekFrom::End(0))
        .map(Bytes::new)
        .map_err(|error| Error::io("find the end of", path, error))
}

fn read_super(file: &File, at: Sectors, path: &Path) -> Result<Buf> {
    let mut bytes = Buf::zeroed(SUPER_BYTES);
    let start = at.to_bytes().unwrap_or_default();
    file.read_exact_at(bytes.bytes_mut(), start.get())
        .map_err(|error| Error::io("read", path, error).at_offset(start))?;
    Ok(bytes)
}
