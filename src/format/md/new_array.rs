//! New superblocks, for practice arrays in plain files and for tests.
//!
//! Places follow mdadm: an internal bitmap 8 sectors behind a 1.1 or 1.2 superblock, before a 1.0
//! one, and 4 KiB behind a 0.90 one. What is built is decoded again before it is handed out, so a
//! combination the kernel would refuse is an error here.

mod super090;
mod super1;

use super::super::codec::{BigEndian, LittleEndian};
use super::uuid::MdUuid;
use super::version::{HostOrder, MdVersion};
use super::view::ResyncPoint;
use super::{Superblock, place};
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::units::{Events, Sectors, Slot};

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
    /// What a bitmap in front of the data gets (1.1, 1.2), 4 KiB as a rule.
    pub bitmap_space: Sectors,
    /// Whether room for bad blocks is set aside (1.x): behind the bitmap, or before a 1.0
    /// superblock.
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
            bitmap_space: Sectors::new(8),
            bblog: !version.is_0_90(),
            ctime: 0,
            events: Events::ZERO,
            resync: ResyncPoint::Clean,
        }
    }

    /// The same with `space` set aside for the bitmap, which moves data or log out of its way;
    /// 0.90 has 60 KiB and no choice.
    #[must_use]
    pub fn with_bitmap_space(mut self, space: Sectors) -> Self {
        self.bitmap_space = space;
        let whole = i32::try_from(space.get()).unwrap_or(i32::MAX);
        if self.version == MdVersion::V1_0 {
            self.bitmap_offset = Some(whole.saturating_add(8).saturating_neg());
        } else if !self.version.is_0_90() {
            let needed = space.saturating_add(Sectors::new(24)).get().next_multiple_of(2048);
            self.data_offset = self.data_offset.max(Sectors::new(needed));
        }
        self
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
        if member.slot.0 >= self.raid_disks {
            return Err(Error::usage(format!("the array has no slot {}", member.slot)));
        }
        if self.version.is_0_90() && !self.size.get().is_multiple_of(2) {
            return Err(Error::usage("0.90 counts whole KiB"));
        }
        let raw = match self.version {
            MdVersion::V0_90(HostOrder::Little) => super090::raw::<LittleEndian>(self, member)?,
            MdVersion::V0_90(HostOrder::Big) => super090::raw::<BigEndian>(self, member)?,
            _ => super1::raw(self, member, at)?,
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

    /// The chunk in units of `1 / per_sector` sectors.
    fn chunk_in(&self, per_sector: u64) -> Result<u32> {
        let chunk = self.chunk.get().checked_mul(per_sector);
        let chunk = chunk.and_then(|c| u32::try_from(c).ok());
        chunk.ok_or_else(|| Error::usage("the chunk is too large"))
    }
}
