//! The superblocks of members, read only: which array does a device belong to, and does that array
//! run?

use std::fs::File;
use std::io::{Seek as _, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::error::{Error, Result};
use crate::format::Probe;
use crate::format::md::{SUPER_BYTES, Superblock, candidates};
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

/// A member that went missing or cannot be read does not hide the others; that none can be read
/// does.
fn carries(array: &MdArray, uuid: [u8; 16], system: &System) -> Result<bool> {
    if let Some(told) = array.uuid {
        return Ok(told == uuid);
    }
    let (mut readable, mut failure) = (false, None);
    for slave in &array.slaves {
        match superblock_at(&system.node(slave)) {
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

fn superblock_at(path: &Path) -> Result<Option<Superblock>> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
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
        match Superblock::decode(version, at, &bytes, device) {
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

fn read_super(file: &File, at: Sectors, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = vec![0; SUPER_BYTES];
    let start = at.to_bytes().unwrap_or_default();
    file.read_exact_at(&mut bytes, start.get())
        .map_err(|error| Error::io("read", path, error).at_offset(start))?;
    Ok(bytes)
}
