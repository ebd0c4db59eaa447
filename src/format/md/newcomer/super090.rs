//! A newcomer's superblock of version 0.90.
//!
//! Members of 0.90 share one table of devices; the newcomer has a line of its own in its copy alone,
//! behind the slots, which is what makes it a spare for every kernel.

use byteorder::ByteOrder;

use super::super::super090::{Disk, MAX_DISKS, disk, disk_at, disk_mut, sb};
use super::super::{Superblock, checksum};
use super::Newcomer;
use crate::error::{Error, Result};

/// The bytes of it.
pub(super) fn raw<B: ByteOrder>(member: &Superblock, new: &Newcomer) -> Result<Vec<u8>> {
    let behind_slots = new.dev_number >= u32::from(member.view().raid_disks);
    let number = usize::try_from(new.dev_number).ok();
    let number = number.filter(|number| behind_slots && *number < MAX_DISKS);
    let number = number.ok_or_else(|| Error::refused("the array has no room for another"))?;
    let mut raw = member.raw().to_vec();
    let (major, minor) = new.numbers;
    let spare = Disk { number: new.dev_number, major, minor, raid_disk: new.dev_number, state: 0 };
    disk_mut(&mut raw, number).fill(0);
    spare.write::<B>(disk_mut(&mut raw, number));
    let mut own = [0; disk::SIZE];
    own.copy_from_slice(disk_at(&raw, number));
    sb::THIS_DISK.put::<B>(&mut raw, own);
    sb::EVENTS.put::<B>(&mut raw, 0);
    sb::CP_EVENTS.put::<B>(&mut raw, 0);
    let sum = checksum::super090::<B>(&raw);
    sb::SB_CSUM.put::<B>(&mut raw, sum);
    Ok(raw)
}
