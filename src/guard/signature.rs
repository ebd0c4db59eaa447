//! What a device carries, told by well-known marks at its start and end.
//!
//! To know that something is there matters, not what exactly: `create` refuses to write over it.
//! The table is ours; offsets are those of the formats' own documents. Nothing is missed by
//! reading too little: all marks lie in the two windows.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::members::size_of;
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::format::bitmap::superblock::MAGIC as BITMAP_MAGIC;
use crate::format::md::{SUPER_BYTES, Superblock, candidates};
use crate::units::{Bytes, SECTOR_BYTES};

/// Bytes looked at from the start, and from the end.
const WINDOW: u64 = 256 << 10;

/// The start and the end of a device; they overlap on a small one.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Bytes from the start.
    pub head: Vec<u8>,
    /// Bytes up to the end.
    pub tail: Vec<u8>,
    /// Size of the whole device.
    pub size: Bytes,
}

impl Windows {
    /// Reads both windows; `path` is for the message.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn read(file: &File, path: &Path) -> Result<Self> {
        Self::with(size_of(file, path)?, |at, len| read_at(file, at, len, path))
    }

    /// Both windows of a device of `size`, by `read`, which is given a place and a length.
    ///
    /// # Errors
    /// What `read` says.
    pub fn with(
        size: Bytes,
        mut read: impl FnMut(Bytes, usize) -> Result<Vec<u8>>,
    ) -> Result<Self> {
        let len = Bytes::new(size.get().min(WINDOW));
        let whole = len.to_usize().unwrap_or(0);
        let head = read(Bytes::ZERO, whole)?;
        let tail = read(size.saturating_sub(len), whole)?;
        Ok(Self { head, tail, size })
    }

    /// `len` bytes at `at`, where one of the windows holds them.
    fn get(&self, at: u64, len: usize) -> Option<&[u8]> {
        let from = |window: &[u8], start: u64| -> Option<(usize, usize)> {
            let first = usize::try_from(at.checked_sub(start)?).ok()?;
            let end = first.checked_add(len)?;
            (end <= window.len()).then_some((first, end))
        };
        let tail_start = self.size.get().checked_sub(self.tail.len() as u64)?;
        let head = from(&self.head, 0).map(|(a, b)| &self.head[a..b]);
        head.or_else(|| from(&self.tail, tail_start).map(|(a, b)| &self.tail[a..b]))
    }

    fn has(&self, at: u64, mark: &[u8]) -> bool {
        self.get(at, mark.len()) == Some(mark)
    }
}

fn read_at(file: &File, at: Bytes, len: usize, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, at.get())
        .map_err(|error| Error::io("read", path, error).at_offset(at))?;
    Ok(bytes)
}

/// Marks that lie at one place: what it is, where, the bytes.
const MARKS: &[(&str, u64, &[u8])] = &[
    ("an md write-intent bitmap", 0, &BITMAP_MAGIC.to_le_bytes()),
    ("an ext2, ext3 or ext4 file system", 0x438, &[0x53, 0xef]),
    ("an XFS file system", 0, b"XFSB"),
    ("a Btrfs file system", 0x1_0040, b"_BHRfS_M"),
    ("a LUKS volume", 0, b"LUKS\xba\xbe"),
    ("a LUKS volume", 0x4000, b"SKUL\xba\xbe"),
    ("a BitLocker volume", 3, b"-FVE-FS-"),
    ("an F2FS file system", 0x400, &0xf2f5_2010_u32.to_le_bytes()),
    ("an NTFS file system", 3, b"NTFS    "),
    ("an exFAT file system", 3, b"EXFAT   "),
    ("a FAT file system", 54, b"FAT12   "),
    ("a FAT file system", 54, b"FAT16   "),
    ("a FAT file system", 82, b"FAT32   "),
    ("an ISO 9660 image", 0x8001, b"CD001"),
    ("a UDF file system", 0x8001, b"BEA01"),
    ("a SquashFS image", 0, b"hsqs"),
    ("a CramFS image", 0, &0x28cd_3d45_u32.to_le_bytes()),
    ("an EROFS image", 0x400, &0xe0f5_e1e2_u32.to_le_bytes()),
    ("a bcachefs or bcache volume", 0x1018, &BCACHE),
    ("a bcachefs volume", 0x1018, &BCACHEFS),
    ("a ReiserFS file system", 0x1_0034, b"ReIsEr"),
    ("a JFS file system", 0x8000, b"JFS1"),
    ("a NILFS2 file system", 0x406, &0x3434_u16.to_le_bytes()),
    ("a GFS2 file system", 0x1_0000, &0x0116_1970_u32.to_be_bytes()),
    ("an OCFS2 file system", 0x1000, b"OCFSV2"),
    ("an HFS+ file system", 0x400, b"H+\x00\x04"),
    ("an HFS+ file system", 0x400, b"HX\x00\x05"),
    ("an APFS volume", 32, b"NXSB"),
    ("a DRBD or device mapper snapshot", 0, b"SnAp"),
    ("a VDO volume", 0, b"dmvdo001"),
    ("a Stratis pool", 0x204, b"!Stra0tis\x86\xff\x02^\x41rh"),
    ("a Ceph BlueStore volume", 0, b"bluestore block device"),
    ("a GPT partition table", 512, b"EFI PART"),
    ("a GPT partition table", 4096, b"EFI PART"),
];

const BCACHE: [u8; 16] = [
    0xc6, 0x85, 0x73, 0xf6, 0x4e, 0x1a, 0x45, 0xca, 0x82, 0x65, 0xf5, 0x7f, 0x48, 0xba, 0x6d, 0x81,
];
const BCACHEFS: [u8; 16] = [
    0xc6, 0x85, 0x73, 0xf6, 0x66, 0xce, 0x90, 0xa9, 0xd9, 0x6a, 0x60, 0xcf, 0x80, 0x3d, 0xf7, 0xef,
];

/// What the device carries, as far as anybody can tell; none when it looks free.
#[must_use]
pub fn identify(windows: &Windows) -> Option<&'static str> {
    let mark = MARKS.iter().find(|(_, at, mark)| windows.has(*at, mark)).map(|(name, ..)| *name);
    md_superblock(windows)
        .or(mark)
        .or_else(|| lvm(windows))
        .or_else(|| swap(windows))
        .or_else(|| zfs(windows))
        .or_else(|| backup_gpt(windows))
        .or_else(|| mbr(windows))
}

/// A superblock of any version, sound or not.
fn md_superblock(windows: &Windows) -> Option<&'static str> {
    let device = windows.size.to_sectors_floor();
    candidates(device).into_iter().find_map(|(version, at)| {
        let bytes = windows.get(at.to_bytes()?.get(), SUPER_BYTES)?;
        let found = Superblock::decode(version, at, bytes, device);
        (!matches!(found, Probe::NotMd)).then_some("the superblock of an md array member")
    })
}

/// LVM2 may label any of the first four sectors.
fn lvm(windows: &Windows) -> Option<&'static str> {
    let labelled = |sector: u64| {
        let at = sector * SECTOR_BYTES;
        windows.has(at, b"LABELONE") && windows.has(at + 24, b"LVM2")
    };
    (0..4).any(labelled).then_some("an LVM physical volume")
}

/// The mark ends the first page, whose size depends on the machine.
fn swap(windows: &Windows) -> Option<&'static str> {
    let marks: [&[u8]; 4] = [b"SWAPSPACE2", b"SWAP-SPACE", b"S1SUSPEND", b"LINHIB0001"];
    let ends = [4096_u64, 8192, 16384, 65536];
    let found = ends.iter().any(|end| marks.iter().any(|mark| windows.has(end - 10, mark)));
    found.then_some("swap space")
}

/// Uberblocks, in either byte order, in the labels at the start and at the end.
fn zfs(windows: &Windows) -> Option<&'static str> {
    const MAGIC: u64 = 0x00ba_b10c;
    let size = windows.size.get() & !(WINDOW - 1);
    let labels = [Some(0), size.checked_sub(WINDOW)];
    let slots = labels.into_iter().flatten().flat_map(|label| {
        (0..128_u64).filter_map(move |slot| label.checked_add((128 + slot) << 10))
    });
    let mut marked = slots.filter(|at| {
        windows.has(*at, &MAGIC.to_le_bytes()) || windows.has(*at, &MAGIC.to_be_bytes())
    });
    marked.next().map(|_| "a ZFS volume")
}

/// The copy in the last logical block outlives an overwritten start.
fn backup_gpt(windows: &Windows) -> Option<&'static str> {
    let at = |block: u64| windows.size.get().checked_sub(block);
    let found = [512, 4096].into_iter().filter_map(at).any(|at| windows.has(at, b"EFI PART"));
    found.then_some("the backup of a GPT partition table")
}

/// A boot sector's mark alone proves nothing; partitions that make sense do.
fn mbr(windows: &Windows) -> Option<&'static str> {
    let sector = windows.get(0, 512).filter(|sector| sector[510..] == [0x55, 0xaa])?;
    let entries: Vec<&[u8]> = sector[446..510].chunks_exact(16).collect();
    let device = windows.size.to_sectors_floor().get();
    let sane = entries.iter().all(|entry| entry[0] & 0x7f == 0);
    let used = entries.iter().any(|entry| is_partition(entry, device));
    (sane && used).then_some("an MBR partition table")
}

fn is_partition(entry: &[u8], device: u64) -> bool {
    let word = |at: usize| {
        u64::from(u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]]))
    };
    let (start, len) = (word(8), word(12));
    entry[4] != 0 && start > 0 && len > 0 && start < device
}

#[cfg(test)]
mod tests;
