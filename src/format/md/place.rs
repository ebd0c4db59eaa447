//! Where a superblock may be on a member of a given size.

use super::version::{HostOrder, MdVersion};
use crate::units::Sectors;

/// 0.90 lies in the last whole 64 KiB block.
const RESERVED_0_90: u64 = 128;
/// 1.0 lies 8 KiB before the end or up to 4 KiB more.
const TAIL_1_0: u64 = 16;
/// Sectors a superblock takes at most.
const SUPER: u64 = 8;

/// Where superblocks may be on a member of `device` sectors, in the order in which to look.
///
/// 0.90 comes twice, once for each byte order. A place that the device is too small for is left
/// out.
#[must_use]
pub fn candidates(device: Sectors) -> Vec<(MdVersion, Sectors)> {
    let versions = [
        MdVersion::V1_2,
        MdVersion::V1_1,
        MdVersion::V1_0,
        MdVersion::V0_90(HostOrder::Little),
        MdVersion::V0_90(HostOrder::Big),
    ];
    versions.into_iter().filter_map(|v| place(v, device).map(|at| (v, at))).collect()
}

/// Where a superblock of `version` is on a member of `device` sectors, if it fits there.
pub(super) fn place(version: MdVersion, device: Sectors) -> Option<Sectors> {
    let n = device.get();
    let at = match version {
        MdVersion::V1_2 => 8,
        MdVersion::V1_1 => 0,
        MdVersion::V1_0 => n.checked_sub(TAIL_1_0)? & !7,
        MdVersion::V0_90(_) => (n & !(RESERVED_0_90 - 1)).checked_sub(RESERVED_0_90)?,
    };
    (at.checked_add(SUPER)? <= n).then_some(Sectors::new(at))
}
