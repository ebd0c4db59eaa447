//! A new 0.90 superblock.

use byteorder::ByteOrder;

use super::super::super090::{
    CLEAN_CP, DISK_ACTIVE, DISK_SYNC, Disk, MAX_DISKS, STATE_BITMAP_PRESENT, STATE_CLEAN, disk_mut,
    sb,
};
use super::super::view::ResyncPoint;
use super::super::{MAGIC, checksum};
use super::{NewArray, NewMember};
use crate::error::{Error, Result};
use crate::units::SECTOR_BYTES;

/// The bytes of it.
pub(super) fn raw<B: ByteOrder>(array: &NewArray, member: &NewMember) -> Result<Vec<u8>> {
    if usize::from(array.raid_disks) > MAX_DISKS {
        return Err(Error::usage("0.90 has 27 slots at most"));
    }
    let mut raw = vec![0; sb::SIZE];
    macro_rules! put {
        ($($field:ident = $value:expr;)*) => {$(sb::$field.put::<B>(&mut raw, $value);)*};
    }
    let (state, reached) = match array.resync {
        ResyncPoint::Clean => (STATE_CLEAN, CLEAN_CP),
        ResyncPoint::From(at) => (0, u32::try_from(at.get()).unwrap_or(0)),
    };
    let bitmap = array.bitmap_offset.map_or(0, |_| STATE_BITMAP_PRESENT);
    let seconds = u32::try_from(array.ctime).unwrap_or(u32::MAX);
    let disks = u32::from(array.raid_disks);
    let uuid = array.uuid.bytes();
    let word = |i: usize| [uuid[i], uuid[i + 1], uuid[i + 2], uuid[i + 3]];
    put! {
        MD_MAGIC = MAGIC;
        MINOR_VERSION = 90;
        SET_UUID0 = word(0);
        SET_UUID1 = word(4);
        SET_UUID2 = word(8);
        SET_UUID3 = word(12);
        CTIME = seconds;
        LEVEL = array.level;
        SIZE_KIB = u32::try_from(array.size.get() / 2)
            .map_err(|_| Error::usage("0.90 members are smaller than 4 TiB"))?;
        NR_DISKS = disks;
        RAID_DISKS = disks;
        UTIME = seconds;
        STATE = state | bitmap;
        ACTIVE_DISKS = disks;
        WORKING_DISKS = disks;
        EVENTS = array.events.get();
        CP_EVENTS = array.events.get();
        RECOVERY_CP = reached;
        LAYOUT = array.layout;
        CHUNK_SIZE = array.chunk_in(SECTOR_BYTES)?;
    }
    descriptors::<B>(&mut raw, array, member);
    let sum = checksum::super090::<B>(&raw);
    sb::SB_CSUM.put::<B>(&mut raw, sum);
    Ok(raw)
}

fn descriptors<B: ByteOrder>(raw: &mut [u8], array: &NewArray, member: &NewMember) {
    let (major, minor) = member.numbers;
    for slot in 0..array.raid_disks {
        let number = u32::from(slot);
        // Names of the other members are not known; made up from this one's.
        let minor = minor.saturating_add(number).saturating_sub(u32::from(member.slot.0));
        let state = DISK_ACTIVE | DISK_SYNC;
        let disk = Disk { number, major, minor, raid_disk: number, state };
        disk.write::<B>(disk_mut(raw, usize::from(slot)));
        if slot == member.slot.0 {
            disk.write::<B>(&mut raw[sb::THIS_DISK.offset()..]);
        }
    }
}
