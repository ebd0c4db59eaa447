//! New superblocks, for practice arrays in plain files and for tests.
//!
//! Places follow mdadm: an internal bitmap 8 sectors behind a 1.1 or 1.2 superblock, before a 1.0
//! one, and 4 KiB behind a 0.90 one. What is built is decoded again before it is handed out, so a
//! combination the kernel would refuse is an error here.

use byteorder::ByteOrder;

use super::super::codec::{BigEndian, LittleEndian};
use super::features::Features;
use super::super1::{self, MAX_SECTOR, ROLE_SPARE};
use super::super090::{self, Disk};
use super::uuid::MdUuid;
use super::version::{HostOrder, MdVersion};
use super::view::ResyncPoint;
use super::{MAGIC, Superblock, checksum, place};
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::units::{Events, SECTOR_BYTES, Sectors, Slot};

/// What all members of a new array have in common.
#[derive(Clone, Debug)]
pub struct NewArray {
    /// Version of the superblocks.
    pub version: MdVersion,
    /// The array's UUID.
    pub uuid: MdUuid,
    /// Its name, 32 bytes at most; 0.90 has none.
    pub name: String,
    /// RAID level.
    pub level: i32,
    /// Arrangement within the level.
    pub layout: u32,
    /// Chunk of the striped levels.
    pub chunk: Sectors,
    /// Slots.
    pub raid_disks: u16,
    /// What the array uses of every member; whole KiB for 0.90.
    pub size: Sectors,
    /// Where the data begins; 0.90 always begins at 0.
    pub data_offset: Sectors,
    /// From the superblock to the internal bitmap, if there is one; fixed for 0.90.
    pub bitmap_offset: Option<i32>,
    /// Whether room for bad blocks is set aside (1.x).
    pub bblog: bool,
    /// Creation and last update, in seconds since 1970.
    pub ctime: u64,
    /// The event count.
    pub events: Events,
    /// How much of the array agrees.
    pub resync: ResyncPoint,
}

/// One member of a new array.
#[derive(Clone, Copy, Debug)]
pub struct NewMember {
    /// The slot it holds, which is also its number.
    pub slot: Slot,
    /// Size of the whole member.
    pub device: Sectors,
    /// Its own UUID (1.x).
    pub device_uuid: [u8; 16],
    /// Major and minor device number (0.90).
    pub numbers: (u32, u32),
}

impl NewArray {
    /// A RAID1 with an internal bitmap at the usual place, just created and clean.
    #[must_use]
    pub fn mirror(version: MdVersion, uuid: MdUuid, raid_disks: u16, size: Sectors) -> Self {
        Self {
            version,
            uuid,
            name: String::new(),
            level: 1,
            layout: 0,
            chunk: Sectors::ZERO,
            raid_disks,
            size,
            data_offset: Sectors::new(if version.is_at_end() { 0 } else { 2048 }),
            bitmap_offset: Some(if version == MdVersion::V1_0 { -16 } else { 8 }),
            bblog: !version.is_0_90(),
            ctime: 0,
            events: Events::ZERO,
            resync: ResyncPoint::Clean,
        }
    }

    /// Sectors a member needs at least.
    #[must_use]
    pub fn least_device(&self) -> Option<Sectors> {
        let end = self.data_offset.checked_add(self.size)?.get();
        let tail = match self.version {
            MdVersion::V1_1 | MdVersion::V1_2 => return Some(Sectors::new(end)),
            MdVersion::V0_90(_) => {
                return end.checked_next_multiple_of(128)?.checked_add(128).map(Sectors::new);
            }
            // Bitmap or log, then the superblock in the last 8 to 12 KiB.
            MdVersion::V1_0 => u64::from(self.bitmap_offset.map_or(8, i32::unsigned_abs)) + 16,
        };
        end.checked_next_multiple_of(8)?.checked_add(tail).map(Sectors::new)
    }

    /// The superblock of one member.
    ///
    /// # Errors
    /// Where it does not fit the member or the kernel would refuse it.
    pub fn member(&self, member: &NewMember) -> Result<Superblock> {
        let at = place::place(self.version, member.device)
            .ok_or_else(|| Error::usage("the member is too small for a superblock"))?;
        let raw = match self.version {
            MdVersion::V0_90(HostOrder::Little) => self.raw090::<LittleEndian>(member)?,
            MdVersion::V0_90(HostOrder::Big) => self.raw090::<BigEndian>(member)?,
            _ => self.raw1(member, at)?,
        };
        let refused = match Superblock::decode(self.version, at, &raw, member.device) {
            Probe::Found(built) if built.is_sound() => return Ok(built),
            Probe::Found(built) => built.findings,
            Probe::Damaged { findings } => findings,
            Probe::NotMd => Vec::new(),
        };
        let why: Vec<_> = refused.into_iter().map(|f| f.message).collect();
        Err(Error::usage(format!("no valid superblock: {}", why.join("; "))))
    }

    fn raw1(&self, member: &NewMember, at: Sectors) -> Result<Vec<u8>> {
        use super1::sb;
        let mut raw = vec![0; super::SUPER_BYTES];
        macro_rules! put {
            ($($field:ident = $value:expr;)*) => {$(
                sb::$field.put::<LittleEndian>(&mut raw, $value);
            )*};
        }
        let end = if self.version == MdVersion::V1_0 { self.log_start(at) } else { member.device };
        let bitmap = Features::BITMAP_OFFSET.bits();
        put! {
            MAGIC = MAGIC;
            MAJOR_VERSION = 1;
            FEATURE_MAP = self.bitmap_offset.map_or(0, |_| bitmap);
            SET_UUID = self.uuid.bytes();
            SET_NAME = self.name_bytes()?;
            CTIME = self.ctime;
            LEVEL = self.level;
            LAYOUT = self.layout;
            DEV_SECTORS = self.size.get();
            CHUNKSIZE = self.chunk_in(1)?;
            RAID_DISKS = u32::from(self.raid_disks);
            BITMAP_OFFSET = self.bitmap_offset.unwrap_or(0);
            DATA_OFFSET = self.data_offset.get();
            DATA_SIZE = end.saturating_sub(self.data_offset).get();
            SUPER_OFFSET = at.get();
            DEV_NUMBER = u32::from(member.slot.0);
            DEVICE_UUID = member.device_uuid;
            BBLOG_SIZE = if self.bblog { 8 } else { 0 };
            BBLOG_OFFSET = self.bblog_offset();
            UTIME = self.ctime;
            EVENTS = self.events.get();
            RESYNC_OFFSET = match self.resync {
                ResyncPoint::Clean => MAX_SECTOR,
                ResyncPoint::From(sector) => sector.get(),
            };
            MAX_DEV = ROLES;
        }
        for number in 0..ROLES_COUNT {
            let slot = u16::try_from(number).ok().filter(|n| *n < self.raid_disks);
            super1::set_role(&mut raw, number, slot.unwrap_or(ROLE_SPARE));
        }
        let sum = checksum::super1(&raw[..super1::length(ROLES)]);
        put! { SB_CSUM = sum; }
        Ok(raw)
    }

    /// Where the data must end in 1.0: at whatever comes first behind it.
    fn log_start(&self, at: Sectors) -> Sectors {
        let back = self.bitmap_offset.unwrap_or(0).min(self.bblog_offset()).min(0);
        at.checked_add_signed(i64::from(back)).unwrap_or(Sectors::ZERO)
    }

    fn bblog_offset(&self) -> i32 {
        match self.version {
            _ if !self.bblog => 0,
            MdVersion::V1_0 => -8,
            _ => 16,
        }
    }

    fn name_bytes(&self) -> Result<[u8; 32]> {
        let mut bytes = [0; 32];
        let room = bytes.get_mut(..self.name.len());
        let room = room.ok_or_else(|| Error::usage("a name has 32 bytes at most"))?;
        room.copy_from_slice(self.name.as_bytes());
        Ok(bytes)
    }

    /// The chunk in units of `1 / per_sector` sectors.
    fn chunk_in(&self, per_sector: u64) -> Result<u32> {
        let chunk = self.chunk.get().checked_mul(per_sector);
        let chunk = chunk.and_then(|c| u32::try_from(c).ok());
        chunk.ok_or_else(|| Error::usage("the chunk is too large"))
    }

    fn raw090<B: ByteOrder>(&self, member: &NewMember) -> Result<Vec<u8>> {
        use super090::{CLEAN_CP, STATE_BITMAP_PRESENT, STATE_CLEAN, disk_mut, sb};
        if usize::from(self.raid_disks) > super090::MAX_DISKS {
            return Err(Error::usage("0.90 has 27 slots at most"));
        }
        let mut raw = vec![0; sb::SIZE];
        macro_rules! put {
            ($($field:ident = $value:expr;)*) => {$(sb::$field.put::<B>(&mut raw, $value);)*};
        }
        let (state, reached) = match self.resync {
            ResyncPoint::Clean => (STATE_CLEAN, CLEAN_CP),
            ResyncPoint::From(at) => (0, u32::try_from(at.get()).unwrap_or(0)),
        };
        let bitmap = self.bitmap_offset.map_or(0, |_| STATE_BITMAP_PRESENT);
        let seconds = u32::try_from(self.ctime).unwrap_or(u32::MAX);
        let disks = u32::from(self.raid_disks);
        let uuid = self.uuid.bytes();
        let word = |i: usize| [uuid[i], uuid[i + 1], uuid[i + 2], uuid[i + 3]];
        put! {
            MD_MAGIC = MAGIC;
            MINOR_VERSION = 90;
            SET_UUID0 = word(0);
            SET_UUID1 = word(4);
            SET_UUID2 = word(8);
            SET_UUID3 = word(12);
            CTIME = seconds;
            LEVEL = self.level;
            SIZE_KIB = u32::try_from(self.size.get() / 2)
                .map_err(|_| Error::usage("0.90 members are smaller than 4 TiB"))?;
            NR_DISKS = disks;
            RAID_DISKS = disks;
            UTIME = seconds;
            STATE = state | bitmap;
            ACTIVE_DISKS = disks;
            WORKING_DISKS = disks;
            EVENTS = self.events.get();
            CP_EVENTS = self.events.get();
            RECOVERY_CP = reached;
            LAYOUT = self.layout;
            CHUNK_SIZE = self.chunk_in(SECTOR_BYTES)?;
        }
        let (major, minor) = member.numbers;
        for slot in 0..self.raid_disks {
            let number = u32::from(slot);
            // Names of the other members are not known; made up from this one's.
            let minor = minor.saturating_add(number).saturating_sub(u32::from(member.slot.0));
            let state = super090::DISK_ACTIVE | super090::DISK_SYNC;
            let disk = Disk { number, major, minor, raid_disk: number, state };
            disk.write::<B>(disk_mut(&mut raw, usize::from(slot)));
            if slot == member.slot.0 {
                disk.write::<B>(&mut raw[sb::THIS_DISK.offset()..]);
            }
        }
        let sum = checksum::super090::<B>(&raw);
        sb::SB_CSUM.put::<B>(&mut raw, sum);
        Ok(raw)
    }
}

/// Roles mdadm makes room for.
const ROLES: u32 = 128;
/// The same, to count with.
const ROLES_COUNT: usize = 128;
