//! The md driver's calls with types: an array that is open, what is asked of it, and what is done
//! to it. Every error says which call failed and what the errno means (`words`).
//!
//! The driver checks CAP_SYS_ADMIN, not the mode of the descriptor, so arrays are opened read-only.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::libc::c_int;

pub use super::raw::{ArrayInfo, DiskInfo, DriverVersion};
pub use super::words::Call;

use super::raw;
use super::words::words;
use crate::error::{Error, Result};

/// Bits of [`DiskInfo::state`].
pub mod disk_state {
    use nix::libc::c_int;

    /// Failed.
    pub const FAULTY: c_int = 1 << 0;
    /// In a slot.
    pub const ACTIVE: c_int = 1 << 1;
    /// Holds current data.
    pub const SYNC: c_int = 1 << 2;
    /// Not there.
    pub const REMOVED: c_int = 1 << 3;
    /// Read from only where there is no other.
    pub const WRITEMOSTLY: c_int = 1 << 9;
    /// I/O to it is not retried.
    pub const FAILFAST: c_int = 1 << 10;
}

/// Bit of [`ArrayInfo::state`]: nothing is being written, nothing pending.
pub const ARRAY_CLEAN: c_int = 1 << 0;
/// Bit of [`ArrayInfo::state`]: it has an internal bitmap; a file never shows here.
pub const ARRAY_BITMAP_PRESENT: c_int = 1 << 8;

impl ArrayInfo {
    /// Whether the array keeps superblocks on its members; `mdadm --build` makes one that does not.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.not_persistent == 0
    }
}

/// A device number as the driver takes it by value.
///
/// # Errors
/// Usage: numbers so large have no such form.
pub fn dev_by_value(major: u64, minor: u64) -> Result<u32> {
    let too_large = || Error::usage("its device number is beyond what the md driver can take");
    let major = u32::try_from(major).ok().filter(|n| *n < 1 << 12).ok_or_else(too_large)?;
    let minor = u32::try_from(minor).ok().filter(|n| *n < 1 << 20).ok_or_else(too_large)?;
    Ok((minor & 0xff) | major << 8 | (minor & !0xff) << 12)
}

/// An md device, open; an array may or may not be assembled there.
#[derive(Debug)]
pub struct MdDevice {
    file: File,
    path: PathBuf,
}

impl MdDevice {
    /// Opens the device node `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// The device that `file` is open on, whose node is `path`. To the driver it is opened once.
    ///
    /// # Errors
    /// The process has too many files open.
    pub fn of_file(file: &File, path: &Path) -> Result<Self> {
        let file = file.try_clone().map_err(|error| Error::io("open", path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Its node.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the driver says of the array.
    ///
    /// # Errors
    /// It is no md device, or no array is assembled there.
    pub fn array_info(&self) -> Result<ArrayInfo> {
        self.told(Call::Ask, raw::array_info(&self.file))
    }

    /// What the driver says of its device `number`; one that is not there is REMOVED.
    ///
    /// # Errors
    /// No array is assembled there.
    pub fn disk_info(&self, number: c_int) -> Result<DiskInfo> {
        self.told(Call::Ask, raw::disk_info(&self.file, number))
    }

    /// The revision of the driver's interface; whether this is an md device at all.
    ///
    /// # Errors
    /// It is none.
    pub fn driver_version(&self) -> Result<DriverVersion> {
        self.told(Call::Ask, raw::driver_version(&self.file))
    }

    /// The path of the bitmap file as the kernel sees it; none where there is none.
    ///
    /// # Errors
    /// Not root, or no md device.
    pub fn bitmap_file(&self) -> Result<Option<PathBuf>> {
        let bytes = self.told(Call::Ask, raw::bitmap_file(&self.file))?;
        Ok((!bytes.is_empty()).then(|| PathBuf::from(OsString::from_vec(bytes))))
    }

    /// Makes `bitmap`, open for writing, the array's bitmap file. The driver keeps a reference of
    /// its own. On an array that is auto-read-only this makes it writable.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn attach_bitmap(&self, bitmap: &File) -> Result<()> {
        self.told(Call::AttachBitmap, raw::set_bitmap(&self.file, bitmap.as_raw_fd()))
    }

    /// What the driver answers to a bitmap file that is none: EBADF where it takes files and would
    /// take one now. Nothing changes, but that an auto-read-only array becomes writable.
    #[must_use]
    pub fn probe_bitmap_file(&self) -> Option<Errno> {
        raw::set_bitmap(&self.file, c_int::MAX).err()
    }

    /// Takes the bitmap file away from the array.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn detach_bitmap(&self) -> Result<()> {
        self.told(Call::DetachBitmap, raw::set_bitmap(&self.file, -1))
    }

    /// Begins an array, or changes a running one.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn set_array_info(&self, info: &ArrayInfo) -> Result<()> {
        self.told(Call::SetArrayInfo, raw::set_info(&self.file, info))
    }

    /// Adds the device that `disk` tells the number of, whose node is `path`.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn add_new_disk(&self, disk: &DiskInfo, path: &Path) -> Result<()> {
        told(Call::AddNewDisk, path, raw::add_disk(&self.file, disk))
    }

    /// Starts the array.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn run(&self) -> Result<()> {
        self.told(Call::RunArray, raw::run(&self.file))
    }

    /// Stops the array. Any other descriptor open on it makes the driver refuse.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn stop(&self) -> Result<()> {
        self.told(Call::StopArray, raw::stop(&self.file))
    }

    /// Adds a device to a 0.90 array; `device` as [`dev_by_value`] makes it, `path` for the message.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn hot_add(&self, device: u32, path: &Path) -> Result<()> {
        told(Call::HotAddDisk, path, raw::hot_add(&self.file, device))
    }

    /// Takes a failed or spare device out of the array.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn hot_remove(&self, device: u32, path: &Path) -> Result<()> {
        told(Call::HotRemoveDisk, path, raw::hot_remove(&self.file, device))
    }

    /// Declares a member failed.
    ///
    /// # Errors
    /// The driver's refusal.
    pub fn set_faulty(&self, device: u32, path: &Path) -> Result<()> {
        told(Call::SetDiskFaulty, path, raw::set_faulty(&self.file, device))
    }

    fn told<T>(&self, call: Call, answer: nix::Result<T>) -> Result<T> {
        told(call, &self.path, answer)
    }
}

fn told<T>(call: Call, path: &Path, answer: nix::Result<T>) -> Result<T> {
    answer.map_err(|errno| {
        let error = Error::io(call.verb(), path, errno.into());
        match words(call, errno) {
            Some(words) => error.hint(words),
            None => error,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_array_is_told_in_words() {
        let null = MdDevice::open(Path::new("/dev/null")).unwrap();
        let error = null.array_info().unwrap_err().to_string();
        assert!(error.starts_with("/dev/null: cannot ask the md driver about it: "), "{error}");
        assert!(error.ends_with("it is no md array"), "{error}");
    }

    #[test]
    fn device_numbers_are_encoded_as_the_kernel_decodes_them() {
        assert_eq!(dev_by_value(8, 1).unwrap(), 0x801);
        assert_eq!(dev_by_value(259, 0x12345).unwrap(), 0x1231_0345);
        dev_by_value(1 << 12, 0).unwrap_err();
        dev_by_value(8, 1 << 20).unwrap_err();
    }
}
