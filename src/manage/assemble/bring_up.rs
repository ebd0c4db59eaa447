//! The calls that bring an array up, in their order; whatever goes wrong, nothing stays assembled.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc::c_int;

use crate::error::{Error, Kind, Result};
use crate::format::md::MdVersion;
use crate::ioctl::md::{ArrayInfo, DiskInfo, MdDevice};
use crate::manage::bitmap_file::takes_none;
use crate::manage::patience::{MOMENT, while_busy};
use crate::sysfs::{DevNum, System};

use super::bitmap::Attachable;

/// What is to be done.
#[derive(Debug)]
pub(super) struct Orders<'a> {
    /// The kernel's name of the array.
    pub(super) kernel: &'a str,
    /// Its metadata.
    pub(super) version: MdVersion,
    /// Its devices, in their order.
    pub(super) disks: Vec<(&'a Path, DevNum)>,
    /// Its bitmap file.
    pub(super) bitmap: Option<&'a Attachable>,
    /// Whether nothing may be written.
    pub(super) readonly: bool,
    /// The members, for messages.
    pub(super) members: &'a [PathBuf],
}

/// Brings the array up, or leaves nothing behind.
///
/// # Errors
/// What the kernel says, or `stop` was raised.
pub(super) fn bring_up(
    device: &MdDevice,
    orders: &Orders<'_>,
    system: &System,
    stop: &AtomicBool,
) -> Result<()> {
    steps(device, orders, system, stop).map_err(|error| undone(device, error))
}

/// `error`, after everything was undone.
pub(super) fn undone(device: &MdDevice, error: Error) -> Error {
    match until_stopped(device) {
        Ok(()) => error.more("nothing was left assembled"),
        Err(also) => error.more(format!("and what was begun cannot be stopped: {also}")),
    }
}

fn until_stopped(device: &MdDevice) -> Result<()> {
    match while_busy(MOMENT, || device.stop()) {
        // There was nothing yet.
        Err(error) if error.errno() == Some(Errno::ENODEV as i32) => Ok(()),
        answer => answer,
    }
}

fn steps(device: &MdDevice, orders: &Orders<'_>, system: &System, stop: &AtomicBool) -> Result<()> {
    if orders.bitmap.is_some() {
        takes_files(device, orders, system)?;
    }
    going_on(stop)?;
    device.set_array_info(&version(orders.version))?;
    for (path, number) in &orders.disks {
        going_on(stop)?;
        let disk = disk(*number)?;
        // Whoever looks at it, to use it too, holds it for a moment.
        while_busy(MOMENT, || device.add_new_disk(&disk, path))?;
    }
    going_on(stop)?;
    if let Some(bitmap) = orders.bitmap {
        attach(device, bitmap, orders, system)?;
    }
    match orders.readonly {
        // The only call that starts an array without a moment in which it may be written.
        true => system.md_write(orders.kernel, "array_state", "readonly"),
        false => device.run(),
    }
}

fn going_on(stop: &AtomicBool) -> Result<()> {
    match stop.load(Ordering::Relaxed) {
        true => Err(Error::new(Kind::Interrupted, "interrupted before the array ran")),
        false => Ok(()),
    }
}

/// Only the version: the kernel reads all else from the superblocks.
fn version(version: MdVersion) -> ArrayInfo {
    let (major_version, minor_version) = match version {
        MdVersion::V0_90(_) => (0, 90),
        MdVersion::V1_0 => (1, 0),
        MdVersion::V1_1 => (1, 1),
        MdVersion::V1_2 => (1, 2),
    };
    ArrayInfo { major_version, minor_version, ..ArrayInfo::default() }
}

fn disk(number: DevNum) -> Result<DiskInfo> {
    let int = |n: u64| {
        c_int::try_from(n).map_err(|_| Error::usage("its device number is beyond what md takes"))
    };
    Ok(DiskInfo { major: int(number.major)?, minor: int(number.minor)?, ..DiskInfo::default() })
}

/// Asks the driver, which answers before it has looked at the file.
fn takes_files(device: &MdDevice, orders: &Orders<'_>, system: &System) -> Result<()> {
    match device.probe_bitmap_file() {
        Some(Errno::EINVAL) => Err(no_files(orders, system).at_path(device.path())),
        _ => Ok(()),
    }
}

fn attach(
    device: &MdDevice,
    bitmap: &Attachable,
    orders: &Orders<'_>,
    system: &System,
) -> Result<()> {
    let file = bitmap.file.open_to_write()?;
    match device.attach_bitmap(&file) {
        Err(error) if error.errno() == Some(Errno::EINVAL as i32) => {
            Err(no_files(orders, system).at_path(device.path()))
        }
        answer => answer,
    }
}

fn no_files(orders: &Orders<'_>, system: &System) -> Error {
    let members = orders.members.iter().map(|path| path.display().to_string());
    let members = members.collect::<Vec<_>>().join(" ");
    let file = orders.bitmap.map(|bitmap| bitmap.path.display().to_string()).unwrap_or_default();
    takes_none(system.md_has(orders.kernel, "bitmap_type"))
        .more(format!("  mdbitmap resync --bitmap {file} {members}   (only what is dirty)"))
        .more("  and then to assemble it without --bitmap")
        .more("  mdbitmap attach --internal, once it runs   (a bitmap inside the members)")
        .more("  a kernel up to 6.17")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::md::HostOrder;

    #[test]
    fn the_kernel_is_told_the_version_and_nothing_else() {
        for (given, expected) in [
            (MdVersion::V0_90(HostOrder::Little), (0, 90)),
            (MdVersion::V1_0, (1, 0)),
            (MdVersion::V1_1, (1, 1)),
            (MdVersion::V1_2, (1, 2)),
        ] {
            let info = version(given);
            assert_eq!((info.major_version, info.minor_version), expected);
            assert_eq!((info.raid_disks, info.level, info.not_persistent), (0, 0, 0));
        }
    }

    #[test]
    fn a_signal_is_seen_between_two_steps() {
        going_on(&AtomicBool::new(false)).unwrap();
        let error = going_on(&AtomicBool::new(true)).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted);
    }
}
