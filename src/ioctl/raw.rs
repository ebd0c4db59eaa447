//! The calls themselves: numbers, argument structs, and the only unsafe code of this room.
//!
//! Numbers come from nix's macros, which know the architectures whose direction bits differ; a test
//! compares them with the kernel's header on those where they do not.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd as _;

use nix::libc::{c_int, c_uint};
use nix::{ioctl_none_bad, ioctl_read, ioctl_read_bad, request_code_none, request_code_read};

/// `mdu_array_info_t`: what the md driver says of a running array.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArrayInfo {
    /// Superblock version, the part before the dot.
    pub major_version: c_int,
    /// Superblock version, the part behind the dot.
    pub minor_version: c_int,
    /// Revision of the driver's interface.
    pub patch_version: c_int,
    /// Creation, in seconds since 1970.
    pub ctime: c_uint,
    /// RAID level.
    pub level: c_int,
    /// KiB used of every member, -1 where that does not fit.
    pub size: c_int,
    /// Devices of any kind.
    pub nr_disks: c_int,
    /// Slots.
    pub raid_disks: c_int,
    /// Minor number that a 0.90 array prefers.
    pub md_minor: c_int,
    /// Not zero for an array without superblocks.
    pub not_persistent: c_int,
    /// Last update, in seconds since 1970.
    pub utime: c_uint,
    /// Bit 0 clean, bit 5 clustered, bit 8 has an internal bitmap.
    pub state: c_int,
    /// Devices in sync.
    pub active_disks: c_int,
    /// Devices not failed.
    pub working_disks: c_int,
    /// Devices failed.
    pub failed_disks: c_int,
    /// Devices waiting.
    pub spare_disks: c_int,
    /// Arrangement within the level.
    pub layout: c_int,
    /// Chunk of the striped levels, in bytes.
    pub chunk_size: c_int,
}

// The number is made for `size_t`, the kernel fills 64 bits everywhere.
const BLKGETSIZE64: nix::sys::ioctl::ioctl_num_type =
    request_code_read!(0x12, 114, std::mem::size_of::<usize>());

ioctl_read_bad!(blk_get_size64, BLKGETSIZE64, u64);
ioctl_read_bad!(blk_ssz_get, request_code_none!(0x12, 104), c_int);
ioctl_none_bad!(blk_flsbuf, request_code_none!(0x12, 97));
ioctl_read!(get_array_info, 9, 0x11, ArrayInfo);

/// Bytes of a block device.
pub(super) fn size_bytes(device: &File) -> nix::Result<u64> {
    let mut bytes = 0;
    // SAFETY: the descriptor is open, and the kernel writes 64 bits to a live u64.
    unsafe { blk_get_size64(device.as_raw_fd(), &raw mut bytes) }?;
    Ok(bytes)
}

/// Bytes of a logical block of a block device.
pub(super) fn logical_block(device: &File) -> nix::Result<c_int> {
    let mut bytes = 0;
    // SAFETY: the descriptor is open, and the kernel writes an int to a live int.
    unsafe { blk_ssz_get(device.as_raw_fd(), &raw mut bytes) }?;
    Ok(bytes)
}

/// Writes back and drops what the page cache holds of a block device.
pub(super) fn flush_cache(device: &File) -> nix::Result<()> {
    // SAFETY: the descriptor is open, and the call takes no argument.
    unsafe { blk_flsbuf(device.as_raw_fd()) }?;
    Ok(())
}

/// What the md driver says of an array.
pub(super) fn array_info(array: &File) -> nix::Result<ArrayInfo> {
    let mut info = ArrayInfo::default();
    // SAFETY: the descriptor is open, and the struct has the layout of the kernel's, as tested.
    unsafe { get_array_info(array.as_raw_fd(), &raw mut info) }?;
    Ok(info)
}

#[cfg(test)]
mod tests {
    use std::mem::{offset_of, size_of};

    use super::*;

    #[test]
    fn the_struct_is_laid_out_as_the_kernels() {
        assert_eq!(size_of::<ArrayInfo>(), 72);
        assert_eq!(offset_of!(ArrayInfo, level), 16);
        assert_eq!(offset_of!(ArrayInfo, size), 20);
        assert_eq!(offset_of!(ArrayInfo, not_persistent), 36);
        assert_eq!(offset_of!(ArrayInfo, state), 44);
        assert_eq!(offset_of!(ArrayInfo, chunk_size), 68);
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
    fn the_numbers_are_the_kernels() {
        use nix::request_code_read;
        assert_eq!(request_code_read!(9, 0x11, size_of::<ArrayInfo>()), 0x8048_0911);
        assert_eq!(BLKGETSIZE64, 0x8008_1272);
        assert_eq!(request_code_none!(0x12, 104), 0x1268);
        assert_eq!(request_code_none!(0x12, 97), 0x1261);
    }
}
