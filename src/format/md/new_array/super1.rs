//! A new 1.x superblock.

use super::super::super::codec::LittleEndian;
use super::super::features::Features;
use super::super::super1::{MAX_ROLES, MAX_SECTOR, ROLE_SPARE, length, sb, set_role};
use super::super::version::MdVersion;
use super::super::view::ResyncPoint;
use super::super::{MAGIC, SUPER_BYTES, checksum};
use super::{NewArray, NewMember};
use crate::error::{Error, Result};
use crate::units::Sectors;

/// Roles mdadm makes room for.
const ROLES: u16 = 128;

/// The bytes of it, for a superblock at sector `at`.
pub(super) fn raw(array: &NewArray, member: &NewMember, at: Sectors) -> Result<Vec<u8>> {
    if u32::from(array.raid_disks) > MAX_ROLES {
        return Err(Error::usage("1.x has 1920 slots at most"));
    }
    let mut raw = vec![0; SUPER_BYTES];
    macro_rules! put {
        ($($field:ident = $value:expr;)*) => {$(
            sb::$field.put::<LittleEndian>(&mut raw, $value);
        )*};
    }
    let end = if array.version == MdVersion::V1_0 { data_end(array, at) } else { member.device };
    let bitmap = Features::BITMAP_OFFSET.bits();
    let roles = array.raid_disks.max(ROLES);
    put! {
        MAGIC = MAGIC;
        MAJOR_VERSION = 1;
        FEATURE_MAP = array.bitmap_offset.map_or(0, |_| bitmap);
        SET_UUID = array.uuid.bytes();
        SET_NAME = name_bytes(array)?;
        CTIME = array.ctime;
        LEVEL = array.level;
        LAYOUT = array.layout;
        DEV_SECTORS = array.size.get();
        CHUNKSIZE = array.chunk_in(1)?;
        RAID_DISKS = u32::from(array.raid_disks);
        BITMAP_OFFSET = array.bitmap_offset.unwrap_or(0);
        DATA_OFFSET = array.data_offset.get();
        DATA_SIZE = end.saturating_sub(array.data_offset).get();
        SUPER_OFFSET = at.get();
        DEV_NUMBER = u32::from(member.slot.0);
        DEVICE_UUID = member.device_uuid;
        BBLOG_SIZE = if array.bblog { 8 } else { 0 };
        BBLOG_OFFSET = bblog_offset(array);
        UTIME = array.ctime;
        EVENTS = array.events.get();
        RESYNC_OFFSET = match array.resync {
            ResyncPoint::Clean => MAX_SECTOR,
            ResyncPoint::From(sector) => sector.get(),
        };
        MAX_DEV = u32::from(roles);
    }
    for number in 0..roles {
        let role = if number < array.raid_disks { number } else { ROLE_SPARE };
        set_role(&mut raw, usize::from(number), role);
    }
    let sum = checksum::super1(&raw[..length(u32::from(roles))]);
    put! { SB_CSUM = sum; }
    Ok(raw)
}

/// Where the data must end in 1.0: at whatever comes first behind it.
fn data_end(array: &NewArray, at: Sectors) -> Sectors {
    let back = array.bitmap_offset.unwrap_or(0).min(bblog_offset(array)).min(0);
    at.checked_add_signed(i64::from(back)).unwrap_or(Sectors::ZERO)
}

fn bblog_offset(array: &NewArray) -> i32 {
    match array.version {
        _ if !array.bblog => 0,
        MdVersion::V1_0 => -8,
        _ => {
            let bitmap = array.bitmap_offset.unwrap_or(8).max(8);
            let space = i32::try_from(array.bitmap_space.get()).unwrap_or(i32::MAX);
            bitmap.saturating_add(space)
        }
    }
}

fn name_bytes(array: &NewArray) -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    let room = bytes.get_mut(..array.name.len());
    let room = room.ok_or_else(|| Error::usage("a name has 32 bytes at most"))?;
    room.copy_from_slice(array.name.as_bytes());
    Ok(bytes)
}
