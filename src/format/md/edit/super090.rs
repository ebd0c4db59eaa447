//! Editing 0.90.

use byteorder::ByteOrder;

use super::super::super090::{
    CLEAN_CP, DISK_ACTIVE, DISK_FAULTY, DISK_REMOVED, DISK_SYNC, DISK_WRITEMOSTLY, Disk, MAX_DISKS,
    STATE_CLEAN, disk, disk_at, disk_mut, sb,
};
use super::super::view::{ResyncPoint, Role};
use super::super::{Superblock, checksum};
use super::{Joined, SuperEdit};
use crate::error::{Error, Result};
use crate::units::Slot;

/// The bytes of `this` after `edit`: all 4096.
pub(in super::super) fn edited<B: ByteOrder>(
    this: &Superblock,
    edit: &SuperEdit<'_>,
) -> Result<Vec<u8>> {
    let mut raw = this.raw.clone();
    array::<B>(&mut raw, edit);
    progress::<B>(&mut raw, edit);
    sb::DISKS.put::<B>(&mut raw, sb::DISKS.get::<B>(edit.freshest.raw()));
    for left in edit.left {
        leave::<B>(&mut raw, left.slot)?;
    }
    for joined in edit.joined {
        join::<B>(&mut raw, joined, edit.freshest.view.raid_disks)?;
    }
    count::<B>(&mut raw);
    let number = own_number(this, edit)?;
    says_its_number::<B>(&raw, number)?;
    let own: [u8; disk::SIZE] = sb_disk(&raw, number);
    sb::THIS_DISK.put::<B>(&mut raw, own);
    let sum = checksum::super090::<B>(&raw);
    sb::SB_CSUM.put::<B>(&mut raw, sum);
    Ok(raw)
}

/// What is the same in every member.
fn array<B: ByteOrder>(raw: &mut [u8], edit: &SuperEdit<'_>) {
    let from = edit.freshest.raw();
    macro_rules! copy {
        ($($field:ident)*) => {$(sb::$field.put::<B>(raw, sb::$field.get::<B>(from));)*};
    }
    copy! { MINOR_VERSION PATCH_VERSION CTIME LEVEL SIZE_KIB RAID_DISKS MD_MINOR NOT_PERSISTENT }
    copy! { STATE LAYOUT CHUNK_SIZE }
    sb::EVENTS.put::<B>(raw, edit.events.get());
    // As the kernel does: seconds that do not fit stay at the end of time.
    sb::UTIME.put::<B>(raw, u32::try_from(edit.utime).unwrap_or(u32::MAX));
}

/// How much agrees, and that this is current.
fn progress<B: ByteOrder>(raw: &mut [u8], edit: &SuperEdit<'_>) {
    let state = sb::STATE.get::<B>(raw);
    let (state, reached) = match edit.resync {
        ResyncPoint::Clean => (state | STATE_CLEAN, CLEAN_CP),
        // A point that does not fit is as good as none: all is resynced.
        ResyncPoint::From(at) => (state & !STATE_CLEAN, u32::try_from(at.get()).unwrap_or(0)),
    };
    sb::STATE.put::<B>(raw, state);
    sb::RECOVERY_CP.put::<B>(raw, reached);
    sb::CP_EVENTS.put::<B>(raw, edit.events.get());
}

/// Gives the device the descriptor of its slot; one it had beyond the slots is blanked.
fn join<B: ByteOrder>(raw: &mut [u8], joined: &Joined, raid_disks: u16) -> Result<()> {
    let slot = usize::from(joined.slot.0);
    if joined.slot.0 >= raid_disks || slot >= MAX_DISKS {
        return Err(Error::refused(format!("the array has no slot {}", joined.slot)));
    }
    for number in usize::from(raid_disks)..MAX_DISKS {
        let old = Disk::read::<B>(disk_at(raw, number));
        if !old.is_blank() && (old.major, old.minor) == (joined.major, joined.minor) {
            disk_mut(raw, number).fill(0);
        }
    }
    let write_mostly = if joined.write_mostly { DISK_WRITEMOSTLY } else { 0 };
    let number = u32::from(joined.slot.0);
    let new = Disk {
        number,
        major: joined.major,
        minor: joined.minor,
        raid_disk: number,
        state: DISK_ACTIVE | DISK_SYNC | write_mostly,
    };
    new.write::<B>(disk_mut(raw, slot));
    Ok(())
}

/// Leaves in the slot what `super_90_sync` leaves where nobody is: removed and, but for the first
/// slot, faulty.
fn leave<B: ByteOrder>(raw: &mut [u8], slot: Slot) -> Result<()> {
    let index = usize::from(slot.0);
    if index >= MAX_DISKS {
        return Err(Error::refused(format!("0.90 has no descriptor {index}")));
    }
    let number = u32::from(slot.0);
    let faulty = if index == 0 { 0 } else { DISK_FAULTY };
    let state = DISK_REMOVED | faulty;
    let descriptor = disk_mut(raw, index);
    descriptor.fill(0);
    Disk { number, major: 0, minor: 0, raid_disk: number, state }.write::<B>(descriptor);
    Ok(())
}

/// Counts devices as `super_90_sync` does, whose first slot is not counted as failed when empty.
fn count<B: ByteOrder>(raw: &mut [u8]) {
    let (mut present, mut active, mut failed, mut spare) = (0, 0, 0, 0);
    for number in 0..MAX_DISKS {
        let disk = Disk::read::<B>(disk_at(raw, number));
        let has = |bit| disk.state & bit != 0;
        match () {
            () if disk.is_blank() => {}
            () if has(DISK_REMOVED) => failed += u32::from(has(DISK_FAULTY)),
            () if has(DISK_FAULTY) => present += 1,
            () if has(DISK_ACTIVE) => (present, active) = (present + 1, active + 1),
            () => (present, spare) = (present + 1, spare + 1),
        }
    }
    sb::NR_DISKS.put::<B>(raw, present);
    sb::ACTIVE_DISKS.put::<B>(raw, active);
    sb::WORKING_DISKS.put::<B>(raw, active + spare);
    sb::FAILED_DISKS.put::<B>(raw, failed);
    sb::SPARE_DISKS.put::<B>(raw, spare);
}

/// The descriptor `this_disk` must be a copy of.
fn own_number(this: &Superblock, edit: &SuperEdit<'_>) -> Result<usize> {
    let number = match (edit.own, this.view.role) {
        (Some(slot), _) | (None, Role::Active(slot)) => usize::from(slot.0),
        (None, _) => usize::try_from(this.view.dev_number).unwrap_or(usize::MAX),
    };
    if number >= MAX_DISKS {
        return Err(Error::refused(format!("0.90 has no descriptor {number}")));
    }
    Ok(number)
}

/// The member would become another one by the way.
fn says_its_number<B: ByteOrder>(raw: &[u8], number: usize) -> Result<()> {
    let says = Disk::read::<B>(disk_at(raw, number)).number;
    if usize::try_from(says) == Ok(number) {
        return Ok(());
    }
    Err(Error::refused(format!("descriptor {number} says that it is number {says}")))
}

fn sb_disk(raw: &[u8], number: usize) -> [u8; disk::SIZE] {
    let mut copy = [0; disk::SIZE];
    copy.copy_from_slice(disk_at(raw, number));
    copy
}
