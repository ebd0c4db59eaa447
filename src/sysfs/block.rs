//! Block devices in sysfs: their names, who holds them, and which partitions belong to which disk.

use std::fs;
use std::path::PathBuf;

use super::{DevNum, PAGE, System, is_absent, names_in, read_text};
use crate::error::{Error, Result};

/// A block device as sysfs knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockDevice {
    /// The kernel's name: `sda1`, `dm-0`.
    pub name: String,
    /// Its number.
    pub number: DevNum,
    /// Devices made of it: `md0`, `dm-3`.
    pub holders: Vec<String>,
}

impl System {
    /// The device of this number, unless the kernel knows none.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn block_device(&self, number: DevNum) -> Result<Option<BlockDevice>> {
        self.directory(number)?.map(|dir| device(dir, number)).transpose()
    }

    /// What the device is made of: the members of an array, the disks under a mapping.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn slaves(&self, number: DevNum) -> Result<Vec<String>> {
        let dir = self.directory(number)?;
        dir.map_or(Ok(Vec::new()), |dir| names_in(&dir.join("slaves")))
    }

    /// The number of the device that sysfs calls `name`.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn number_of(&self, name: &str) -> Result<Option<DevNum>> {
        let dev = self.sys.join("class/block").join(name).join("dev");
        Ok(read_text(&dev, super::PAGE)?.and_then(|text| text.parse().ok()))
    }

    /// The partitions of a whole disk; none for a partition.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn partitions(&self, number: DevNum) -> Result<Vec<BlockDevice>> {
        let Some(dir) = self.directory(number)? else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for name in names_in(&dir)? {
            let part = dir.join(name);
            if part.join("partition").exists()
                && let Some(number) =
                    read_text(&part.join("dev"), PAGE)?.and_then(|t| t.parse().ok())
            {
                found.push(device(part, number)?);
            }
        }
        Ok(found)
    }

    /// The disk that a partition is on; none for a whole disk.
    ///
    /// # Errors
    /// sysfs cannot be read.
    pub fn whole_disk(&self, number: DevNum) -> Result<Option<BlockDevice>> {
        let Some(dir) = self.directory(number)? else { return Ok(None) };
        if !dir.join("partition").exists() {
            return Ok(None);
        }
        let Some(disk) = dir.parent() else { return Ok(None) };
        let number = read_text(&disk.join("dev"), PAGE)?.and_then(|text| text.parse().ok());
        number.map(|number| device(disk.to_owned(), number)).transpose()
    }

    /// The device's directory, symlinks resolved: a partition's parent is then its disk.
    fn directory(&self, number: DevNum) -> Result<Option<PathBuf>> {
        let link = self.sys.join("dev/block").join(number.to_string());
        match fs::canonicalize(&link) {
            Ok(dir) => Ok(Some(dir)),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(Error::io("resolve", link, error)),
        }
    }
}

fn device(dir: PathBuf, number: DevNum) -> Result<BlockDevice> {
    let name = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(BlockDevice { name, number, holders: names_in(&dir.join("holders"))? })
}
