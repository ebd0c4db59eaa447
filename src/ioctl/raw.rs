//! The calls themselves: numbers, argument structs, and the only unsafe code of this room.
//!
//! Numbers come from nix's macros, which know the architectures whose direction bits differ; a test
//! compares them with the kernel's header on those where they do not.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd as _;

use nix::libc::{c_char, c_int, c_uint};
use nix::{
    ioctl_none, ioctl_none_bad, ioctl_read, ioctl_read_bad, ioctl_readwrite_bad,
    ioctl_write_int_bad, ioctl_write_ptr, request_code_none, request_code_read, request_code_write,
};

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

/// `mdu_disk_info_t`: one device of an array.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskInfo {
    /// Its number in the array: for 1.x the index among the roles.
    pub number: c_int,
    /// Major device number.
    pub major: c_int,
    /// Minor device number.
    pub minor: c_int,
    /// Its slot, -1 for none.
    pub raid_disk: c_int,
    /// Bits: see [`super::md::disk_state`].
    pub state: c_int,
}

/// `mdu_version_t`: the revision of the driver's interface.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverVersion {
    /// Always 0.
    pub major: c_int,
    /// Always 90.
    pub minor: c_int,
    /// 3 since 2004.
    pub patchlevel: c_int,
}

/// `mdu_param_t`, which the driver ignores.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Param {
    personality: c_int,
    chunk_size: c_int,
    max_fault: c_int,
}

/// Bytes of `mdu_bitmap_file_t`.
pub(super) const PATH_BYTES: usize = 4096;

/// `mdu_bitmap_file_t`: a path that ends with a zero byte.
#[repr(C)]
struct BitmapFile {
    pathname: [c_char; PATH_BYTES],
}

// The number is made for `size_t`, the kernel fills 64 bits everywhere.
const BLKGETSIZE64: nix::sys::ioctl::ioctl_num_type =
    request_code_read!(0x12, 114, std::mem::size_of::<usize>());

ioctl_read_bad!(blk_get_size64, BLKGETSIZE64, u64);
ioctl_read_bad!(blk_ssz_get, request_code_none!(0x12, 104), c_int);
ioctl_none_bad!(blk_flsbuf, request_code_none!(0x12, 97));
ioctl_readwrite_bad!(fibmap, request_code_none!(0, 1), c_int);
ioctl_read_bad!(figetbsz, request_code_none!(0, 2), c_int);

ioctl_read!(raid_version, 9, 0x10, DriverVersion);
ioctl_read!(get_array_info, 9, 0x11, ArrayInfo);
ioctl_read!(get_disk_info, 9, 0x12, DiskInfo);
ioctl_read!(get_bitmap_file, 9, 0x15, BitmapFile);
ioctl_write_ptr!(add_new_disk, 9, 0x21, DiskInfo);
ioctl_write_int_bad!(hot_remove_disk, request_code_none!(9, 0x22));
ioctl_write_ptr!(set_array_info, 9, 0x23, ArrayInfo);
ioctl_write_int_bad!(hot_add_disk, request_code_none!(9, 0x28));
ioctl_write_int_bad!(set_disk_faulty, request_code_none!(9, 0x29));
// The descriptor itself is the argument, although the number says that a pointer is.
ioctl_write_int_bad!(set_bitmap_file, request_code_write!(9, 0x2b, std::mem::size_of::<c_int>()));
ioctl_write_ptr!(run_array, 9, 0x30, Param);
ioctl_none!(stop_array, 9, 0x32);

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

/// The number of the file system's block that holds block `index` of a file; 0 for none.
pub(super) fn block_of(file: &File, index: c_int) -> nix::Result<c_int> {
    let mut block = index;
    // SAFETY: the descriptor is open, and the kernel reads and writes an int at a live int.
    unsafe { fibmap(file.as_raw_fd(), &raw mut block) }?;
    Ok(block)
}

/// Bytes of a block of the file system that a file is on.
pub(super) fn file_block_size(file: &File) -> nix::Result<c_int> {
    let mut bytes = 0;
    // SAFETY: the descriptor is open, and the kernel writes an int to a live int.
    unsafe { figetbsz(file.as_raw_fd(), &raw mut bytes) }?;
    Ok(bytes)
}

/// The revision of the driver's interface.
pub(super) fn driver_version(array: &File) -> nix::Result<DriverVersion> {
    let mut version = DriverVersion::default();
    // SAFETY: the descriptor is open, and the struct has the layout of the kernel's, as tested.
    unsafe { raid_version(array.as_raw_fd(), &raw mut version) }?;
    Ok(version)
}

/// What the driver says of the device with that number.
pub(super) fn disk_info(array: &File, number: c_int) -> nix::Result<DiskInfo> {
    let mut info = DiskInfo { number, ..DiskInfo::default() };
    // SAFETY: the descriptor is open, and the struct has the layout of the kernel's, as tested.
    unsafe { get_disk_info(array.as_raw_fd(), &raw mut info) }?;
    Ok(info)
}

/// The path of the bitmap file, as far as the first zero byte.
pub(super) fn bitmap_file(array: &File) -> nix::Result<Vec<u8>> {
    let mut file = BitmapFile { pathname: [0; PATH_BYTES] };
    // SAFETY: the descriptor is open, and the kernel writes 4096 bytes to a live array of them.
    unsafe { get_bitmap_file(array.as_raw_fd(), &raw mut file) }?;
    Ok(file.pathname.iter().take_while(|c| **c != 0).map(|c| c.to_ne_bytes()[0]).collect())
}

/// Adds a device to an array that runs or is being assembled.
pub(super) fn add_disk(array: &File, disk: &DiskInfo) -> nix::Result<()> {
    // SAFETY: the descriptor is open, and the kernel reads a live struct of its own layout.
    unsafe { add_new_disk(array.as_raw_fd(), disk) }?;
    Ok(())
}

/// Begins an array, or changes a running one.
pub(super) fn set_info(array: &File, info: &ArrayInfo) -> nix::Result<()> {
    // SAFETY: the descriptor is open, and the kernel reads a live struct of its own layout.
    unsafe { set_array_info(array.as_raw_fd(), info) }?;
    Ok(())
}

/// Attaches the file that `fd` is, or detaches with -1. A number that is no descriptor is refused
/// by the kernel.
pub(super) fn set_bitmap(array: &File, fd: c_int) -> nix::Result<()> {
    // SAFETY: the descriptor of the array is open; the argument is a number, whatever it is.
    unsafe { set_bitmap_file(array.as_raw_fd(), fd) }?;
    Ok(())
}

/// Starts an array whose members were added.
pub(super) fn run(array: &File) -> nix::Result<()> {
    // SAFETY: the descriptor is open, and the struct lives; the kernel does not even read it.
    unsafe { run_array(array.as_raw_fd(), &Param::default()) }?;
    Ok(())
}

/// Stops an array.
pub(super) fn stop(array: &File) -> nix::Result<()> {
    // SAFETY: the descriptor is open, and the call takes no argument.
    unsafe { stop_array(array.as_raw_fd()) }?;
    Ok(())
}

/// Adds a device to a 0.90 array.
pub(super) fn hot_add(array: &File, device: u32) -> nix::Result<()> {
    // SAFETY: the descriptor of the array is open; the argument is a number.
    unsafe { hot_add_disk(array.as_raw_fd(), by_value(device)) }?;
    Ok(())
}

/// Takes a failed or spare device out of an array.
pub(super) fn hot_remove(array: &File, device: u32) -> nix::Result<()> {
    // SAFETY: the descriptor of the array is open; the argument is a number.
    unsafe { hot_remove_disk(array.as_raw_fd(), by_value(device)) }?;
    Ok(())
}

/// Declares a member failed.
pub(super) fn set_faulty(array: &File, device: u32) -> nix::Result<()> {
    // SAFETY: the descriptor of the array is open; the argument is a number.
    unsafe { set_disk_faulty(array.as_raw_fd(), by_value(device)) }?;
    Ok(())
}

/// The same bits; the kernel looks at these 32 only.
fn by_value(device: u32) -> c_int {
    c_int::from_ne_bytes(device.to_ne_bytes())
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
        assert_eq!(size_of::<DiskInfo>(), 20);
        assert_eq!(offset_of!(DiskInfo, raid_disk), 12);
        assert_eq!(size_of::<DriverVersion>(), 12);
        assert_eq!(size_of::<Param>(), 12);
        assert_eq!(size_of::<BitmapFile>(), 4096);
    }

    #[test]
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
    fn the_numbers_are_the_kernels() {
        assert_eq!(request_code_read!(9, 0x10, size_of::<DriverVersion>()), 0x800c_0910);
        assert_eq!(request_code_read!(9, 0x11, size_of::<ArrayInfo>()), 0x8048_0911);
        assert_eq!(request_code_read!(9, 0x12, size_of::<DiskInfo>()), 0x8014_0912);
        assert_eq!(request_code_read!(9, 0x15, size_of::<BitmapFile>()), 0x9000_0915);
        assert_eq!(request_code_write!(9, 0x21, size_of::<DiskInfo>()), 0x4014_0921);
        assert_eq!(request_code_none!(9, 0x22), 0x922);
        assert_eq!(request_code_write!(9, 0x23, size_of::<ArrayInfo>()), 0x4048_0923);
        assert_eq!(request_code_none!(9, 0x28), 0x928);
        assert_eq!(request_code_none!(9, 0x29), 0x929);
        assert_eq!(request_code_write!(9, 0x2b, size_of::<c_int>()), 0x4004_092b);
        assert_eq!(request_code_write!(9, 0x30, size_of::<Param>()), 0x400c_0930);
        assert_eq!(request_code_none!(9, 0x32), 0x932);
        assert_eq!(request_code_none!(0, 1), 1);
        assert_eq!(BLKGETSIZE64, 0x8008_1272);
        assert_eq!(request_code_none!(0x12, 104), 0x1268);
        assert_eq!(request_code_none!(0x12, 97), 0x1261);
    }
}
