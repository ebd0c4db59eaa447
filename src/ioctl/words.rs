//! What an errno of the md driver means, and what to do about it. Pure: a table, read from the
//! driver's source and tried on real kernels.

use nix::errno::Errno;

/// A call of the md driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// GET_ARRAY_INFO, GET_DISK_INFO, RAID_VERSION, GET_BITMAP_FILE.
    Ask,
    /// SET_BITMAP_FILE with a file.
    AttachBitmap,
    /// SET_BITMAP_FILE without one.
    DetachBitmap,
    /// SET_ARRAY_INFO.
    SetArrayInfo,
    /// ADD_NEW_DISK.
    AddNewDisk,
    /// RUN_ARRAY.
    RunArray,
    /// STOP_ARRAY.
    StopArray,
    /// HOT_ADD_DISK.
    HotAddDisk,
    /// HOT_REMOVE_DISK.
    HotRemoveDisk,
    /// SET_DISK_FAULTY.
    SetDiskFaulty,
}

impl Call {
    /// What it does, as a verb that follows "cannot".
    #[must_use]
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Ask => "ask the md driver about it",
            Self::AttachBitmap => "attach the bitmap file",
            Self::DetachBitmap => "detach the bitmap file",
            Self::SetArrayInfo => "set the array's properties",
            Self::AddNewDisk => "add the device",
            Self::RunArray => "start the array",
            Self::StopArray => "stop the array",
            Self::HotAddDisk => "add the device",
            Self::HotRemoveDisk => "remove the device",
            Self::SetDiskFaulty => "declare the device failed",
        }
    }
}

/// Why the kernel says `errno` to `call`, and what to do; none where there is nothing to add.
#[must_use]
pub(super) fn words(call: Call, errno: Errno) -> Option<&'static str> {
    of_call(call, errno).or_else(|| of_any(errno))
}

fn of_any(errno: Errno) -> Option<&'static str> {
    Some(match errno {
        Errno::EACCES | Errno::EPERM => "only root may do that; run it as root",
        Errno::ENODEV => "no array is assembled there",
        Errno::ENOTTY => "it is no md array, or this kernel's md driver has no such call",
        Errno::EROFS => "the array is read-only; `mdadm --readwrite` makes it writable",
        Errno::EINTR => "a signal came first; run it again",
        _ => return None,
    })
}

fn of_call(call: Call, errno: Errno) -> Option<&'static str> {
    Some(match (call, errno) {
        (Call::Ask, Errno::ENODEV) => "no array is assembled there; name one of its members",
        (Call::Ask, Errno::EINVAL | Errno::ENOTTY) => "it is no md array",
        (Call::AttachBitmap, Errno::EBUSY) => {
            "a resync runs or is about to, the array is frozen, or another program has the file \
             open for writing; see `mdbitmap wait`, then try again"
        }
        (Call::AttachBitmap, Errno::EEXIST) => {
            "the array has a bitmap already; `mdbitmap detach` removes it"
        }
        (Call::AttachBitmap, Errno::EINVAL) => {
            "the kernel's log (dmesg) says why: the file has holes or lies on a file system \
             without a block map, belongs to another array, or this kernel takes no bitmap files"
        }
        (Call::AttachBitmap, Errno::EBADF) => {
            "the kernel takes regular files only, open for writing"
        }
        (Call::AttachBitmap, Errno::ENOSPC) => "the file is too short for the array",
        (Call::AttachBitmap, Errno::EIO) => "reading the file failed; see the kernel's log (dmesg)",
        (Call::DetachBitmap, Errno::EBUSY) => {
            "a resync runs, or the array is frozen; see `mdbitmap wait`, then try again"
        }
        (Call::DetachBitmap, Errno::ENOENT) => "the array has no bitmap file",
        (Call::SetArrayInfo, Errno::EBUSY) => {
            "the array is assembled already, or a resync runs on it"
        }
        (Call::SetArrayInfo, Errno::EINVAL) => {
            "the kernel does not support such an array, or not such a change"
        }
        (Call::AddNewDisk, Errno::EBUSY) => {
            "something else uses the device: a file system, another array, device mapper"
        }
        (Call::AddNewDisk, Errno::EINVAL) => {
            "the kernel does not take this superblock into this array; its log (dmesg) says why"
        }
        (Call::AddNewDisk, Errno::EEXIST) => "it is in the array already",
        (Call::AddNewDisk | Call::HotAddDisk, Errno::ENOSPC) => {
            "the device is too small, or the array has no room for another"
        }
        (Call::AddNewDisk, Errno::EOVERFLOW) => "the device's number is beyond what md can take",
        (Call::RunArray, Errno::EINVAL) => {
            "the kernel's log (dmesg) says why: no driver for the level, or a bad bitmap"
        }
        (Call::RunArray, Errno::EIO) => {
            "members are missing, or the array is both degraded and not clean; see the kernel's \
             log (dmesg)"
        }
        (Call::RunArray, Errno::ENOSPC) => "the bitmap file is too short for the array",
        (Call::RunArray, Errno::EBUSY) => "the array runs already",
        (Call::StopArray, Errno::EBUSY) => {
            "it is in use: unmount what is on it, and stop what is made of it"
        }
        (Call::HotAddDisk, Errno::EINVAL) => "the kernel adds devices so to 0.90 arrays only",
        (Call::HotAddDisk | Call::HotRemoveDisk | Call::SetDiskFaulty, Errno::ENODEV) => {
            "the array does not run, or the device is not in it"
        }
        (Call::HotAddDisk, Errno::EBUSY) => "something else uses the device",
        (Call::HotRemoveDisk, Errno::ENXIO) => "the device is not a member of the array",
        (Call::HotRemoveDisk, Errno::EBUSY) => {
            "the device is active: `mdbitmap fail` it first, and wait until the kernel let go of it"
        }
        (Call::SetDiskFaulty, Errno::EBUSY) => {
            "the array would lose data: it cannot do without this device"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLS: [Call; 10] = [
        Call::Ask,
        Call::AttachBitmap,
        Call::DetachBitmap,
        Call::SetArrayInfo,
        Call::AddNewDisk,
        Call::RunArray,
        Call::StopArray,
        Call::HotAddDisk,
        Call::HotRemoveDisk,
        Call::SetDiskFaulty,
    ];

    #[test]
    fn a_missing_capability_is_told_whatever_the_call() {
        for call in CALLS {
            assert!(words(call, Errno::EACCES).is_some_and(|w| w.contains("root")), "{call:?}");
        }
    }

    #[test]
    fn one_errno_means_different_things_to_different_calls() {
        let busy: Vec<_> = CALLS.iter().filter_map(|c| words(*c, Errno::EBUSY)).collect();
        let mut told = busy.clone();
        told.sort_unstable();
        told.dedup();
        assert_eq!(told.len(), busy.len());
        assert!(words(Call::AttachBitmap, Errno::EEXIST).is_some_and(|w| w.contains("already")));
    }
}
