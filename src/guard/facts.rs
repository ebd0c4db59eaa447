//! Finding out about a path: the system calls and nothing else.

use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::libc::{EBUSY, O_CLOEXEC, O_EXCL, O_NONBLOCK};

use super::patience::patient;
use super::reasons::{Facts, Node, Probe, Relation};
use crate::error::{Error, Result};
use crate::sysfs::{DevNum, System, block::BlockDevice, loops::LoopDevice};

/// Everything that bears on whether `path` is in use.
pub(super) fn gather(path: &Path, system: &System) -> Result<Facts> {
    let meta = fs::metadata(path).map_err(|error| Error::io("look at", path, error))?;
    if meta.file_type().is_block_device() {
        of_device(path, &meta, system)
    } else if meta.is_file() {
        of_file(path, &meta, system)
    } else {
        Err(Error::usage("neither a regular file nor a block device").at_path(path))
    }
}

fn of_device(path: &Path, meta: &Metadata, system: &System) -> Result<Facts> {
    let number = DevNum::from_raw(meta.rdev());
    let disk = system.whole_disk(number)?;
    let mut nodes: Vec<Node> = Vec::new();
    nodes.extend(system.block_device(number)?.map(|device| node(device, Relation::Itself)));
    nodes.extend(system.partitions(number)?.into_iter().map(|d| node(d, Relation::Partition)));
    nodes.extend(disk.map(|device| node(device, Relation::Disk)));
    Ok(Facts { probe: probe_device(path)?, ..facts(nodes, system)? })
}

fn of_file(path: &Path, meta: &Metadata, system: &System) -> Result<Facts> {
    let loops: Vec<LoopDevice> = system
        .loops()?
        .into_iter()
        .filter(|device| device.backing_file.as_deref().is_some_and(|file| is_same(file, meta)))
        .collect();
    let mut nodes = Vec::new();
    for device in &loops {
        nodes.extend(system.block_device(device.number)?.map(|d| node(d, Relation::Itself)));
        let parts = system.partitions(device.number)?;
        nodes.extend(parts.into_iter().map(|d| node(d, Relation::Itself)));
    }
    let swap_file = system.swaps()?.iter().any(|file| is_same(file, meta));
    let files = system.bitmap_files()?.into_iter().filter(|(_, file)| is_same(file, meta));
    let bitmap_of = files.map(|(array, _)| array).collect();
    let probe = probe_file(path)?;
    Ok(Facts { loops, swap_file, bitmap_of, probe, ..facts(nodes, system)? })
}

fn facts(nodes: Vec<Node>, system: &System) -> Result<Facts> {
    Ok(Facts {
        nodes,
        loops: Vec::new(),
        mounts: system.mounts()?,
        swap_devices: system.swaps()?.iter().filter_map(|path| device_number(path)).collect(),
        swap_file: false,
        arrays: system.md_arrays()?,
        bitmap_of: Vec::new(),
        probe: Probe::Free,
    })
}

fn node(device: BlockDevice, relation: Relation) -> Node {
    let BlockDevice { name, number, holders } = device;
    Node { relation, name, number, holders }
}

fn is_same(path: &Path, meta: &Metadata) -> bool {
    let same = |other: Metadata| (other.dev(), other.ino()) == (meta.dev(), meta.ino());
    fs::metadata(path).is_ok_and(same)
}

fn device_number(path: &Path) -> Option<DevNum> {
    let meta = fs::metadata(path).ok()?;
    meta.file_type().is_block_device().then(|| DevNum::from_raw(meta.rdev()))
}

fn probe_device(path: &Path) -> Result<Probe> {
    let open = || fs::OpenOptions::new().read(true).custom_flags(O_EXCL | O_CLOEXEC).open(path);
    let busy = |opened: &io::Result<File>| {
        opened.as_ref().is_err_and(|error| error.raw_os_error() == Some(EBUSY))
    };
    match patient(open, busy) {
        Ok(_) => Ok(Probe::Free),
        Err(error) if error.raw_os_error() == Some(EBUSY) => Ok(Probe::ExclusiveOpenFails),
        Err(error) => Err(Error::io("open", path, error)),
    }
}

/// A shared lock fails while somebody holds an exclusive one, as every program of ours does that
/// writes.
fn probe_file(path: &Path) -> Result<Probe> {
    // Without waiting: a pipe would have us wait for whoever writes to it.
    let opened = fs::OpenOptions::new().read(true).custom_flags(O_NONBLOCK | O_CLOEXEC).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Probe::Free),
        Err(error) => return Err(Error::io("open", path, error)),
    };
    let locked = |answer: &std::result::Result<(), TryLockError>| {
        matches!(answer, Err(TryLockError::WouldBlock))
    };
    match patient(|| file.try_lock_shared(), locked) {
        Ok(()) => Ok(Probe::Free),
        Err(TryLockError::WouldBlock) => Ok(Probe::Locked),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path, error)),
    }
}
