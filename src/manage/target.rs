//! The array that a command is about: found by what the user typed, looked at, and open.

use std::path::Path;

use crate::error::{Error, Result};
use crate::ioctl::md::MdDevice;
use crate::running::{self, Array};
use crate::sysfs::System;

/// The array that somebody calls `path`, looked at; sysfs shows it to every user.
///
/// # Errors
/// No array is assembled there, or it cannot be looked at.
pub fn look(path: &Path, system: &System) -> Result<Array> {
    let name = running::find(path, system)?;
    let gone = || Error::usage("no array is assembled there any more").at_path(path);
    running::look(&name, system)?.ok_or_else(gone)
}

/// An assembled array, looked at and open.
#[derive(Debug)]
pub struct Target {
    /// What the kernel says of it in sysfs.
    pub array: Array,
    /// Its device.
    pub device: MdDevice,
}

impl Target {
    /// The array that somebody calls `path`: `/dev/md0`, `/dev/md/home` or `md0`.
    ///
    /// # Errors
    /// No array is assembled there, or it cannot be looked at.
    pub fn find(path: &Path, system: &System) -> Result<Self> {
        let array = look(path, system)?;
        let device = MdDevice::open(&array.node)?;
        Ok(Self { array, device })
    }

    /// Looks again: what a call changed shows only then.
    ///
    /// # Errors
    /// It is gone, or cannot be looked at.
    pub fn look_again(&mut self, system: &System) -> Result<()> {
        let gone = || Error::usage("the array is gone").at_path(&self.array.node);
        self.array = running::look(&self.array.name, system)?.ok_or_else(gone)?;
        Ok(())
    }
}
