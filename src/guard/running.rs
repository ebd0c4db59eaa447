//! Assembled arrays by the path of their device.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::sysfs::{DevNum, System};

/// An assembled array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// The kernel's name: `md0`.
    pub name: String,
    /// Its number.
    pub number: DevNum,
    /// The device nodes of its members.
    pub members: Vec<PathBuf>,
}

/// The assembled array whose device `path` is; none for anything else.
///
/// # Errors
/// There is nothing at `path`, or sysfs cannot be read.
pub fn running_array(path: &Path, system: &System) -> Result<Option<Running>> {
    let meta = fs::metadata(path).map_err(|error| Error::io("look at", path, error))?;
    if !meta.file_type().is_block_device() {
        return Ok(None);
    }
    let number = DevNum::from_raw(meta.rdev());
    let Some(device) = system.block_device(number)? else { return Ok(None) };
    let array = system.md_arrays()?.into_iter().find(|array| array.name == device.name);
    Ok(array.map(|array| {
        let members = array.slaves.iter().map(|slave| system.node(slave)).collect();
        Running { name: array.name, number, members }
    }))
}

/// Whether a file system whose files say device `dev` lies on that array or on a partition of it.
///
/// # Errors
/// sysfs cannot be read.
pub fn is_on_array(dev: u64, array: &Running, system: &System) -> Result<bool> {
    let dev = DevNum::from_raw(dev);
    let parts = system.partitions(array.number)?;
    Ok(dev == array.number || parts.iter().any(|part| part.number == dev))
}
