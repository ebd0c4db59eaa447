//! What every version of the superblock says, in one shape.

use std::fmt;

use super::features::Features;
use super::uuid::MdUuid;
use super::version::MdVersion;
use crate::units::{Events, Sectors, Slot};

/// What a device is to its array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It holds the data of a slot.
    Active(Slot),
    /// It waits for work.
    Spare,
    /// It failed, or it is not there.
    Faulty,
    /// It is the journal.
    Journal,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Active(slot) => write!(f, "active in slot {slot}"),
            Self::Spare => f.write_str("a spare"),
            Self::Faulty => f.write_str("faulty"),
            Self::Journal => f.write_str("the journal"),
        }
    }
}

/// How much of the array is known to agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResyncPoint {
    /// All of it: no write was under way.
    Clean,
    /// What lies before this sector; zero while the array is in use.
    From(Sectors),
}

/// Where a member keeps its list of bad blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BblogPlace {
    /// First sector of the log on the member.
    pub at: Sectors,
    /// Its length.
    pub size: Sectors,
    /// Entries count in units of 2^shift sectors.
    pub shift: u8,
}

/// What a superblock says, whatever its version.
#[derive(Clone, Debug)]
pub struct SuperView {
    /// Which version it is.
    pub version: MdVersion,
    /// The array it belongs to.
    pub uuid: MdUuid,
    /// The array's name, often `host:name`; empty in 0.90.
    pub name: String,
    /// The member's own UUID; none in 0.90.
    pub device_uuid: Option<[u8; 16]>,
    /// RAID level, or one of the negative ones (-1 linear).
    pub level: i32,
    /// Arrangement within the level.
    pub layout: u32,
    /// Chunk of the striped levels, zero for RAID1.
    pub chunk: Sectors,
    /// What the array uses of every member.
    pub size: Sectors,
    /// Slots in the array.
    pub raid_disks: u16,
    /// Where the data begins on this member.
    pub data_offset: Sectors,
    /// Room for data on this member.
    pub data_size: Sectors,
    /// Where this superblock is.
    pub super_offset: Sectors,
    /// Where the internal bitmap's superblock is on this member, if it has one.
    pub bitmap_at: Option<Sectors>,
    /// What the internal bitmap may fill from there without touching anything else.
    pub bitmap_room: Sectors,
    /// The same for a lockless bitmap, which mdadm lays over the place of a bad-block log that has
    /// nothing in it yet.
    pub lockless_room: Sectors,
    /// Index of this member in `roles`; not its slot.
    pub dev_number: u32,
    /// What this superblock says of its own device.
    pub role: Role,
    /// What it says of every device, by number.
    pub roles: Vec<Role>,
    /// How many times the superblocks were updated.
    pub events: Events,
    /// How much of the array agrees.
    pub resync: ResyncPoint,
    /// Last update, in seconds since 1970.
    pub utime: u64,
    /// Creation, in seconds since 1970.
    pub ctime: u64,
    /// How far this member was rebuilt, while it is.
    pub recovery_offset: Option<Sectors>,
    /// Whether that rebuild follows the bitmap.
    pub recovery_bitmap: bool,
    /// The raw feature bits; empty in 0.90.
    pub features: Features,
    /// Reads avoid this member.
    pub write_mostly: bool,
    /// I/O to this member is not retried.
    pub failfast: bool,
    /// The array is changing shape.
    pub reshape: bool,
    /// The array has a journal device.
    pub journal: bool,
    /// The array has a partial parity log.
    pub ppl: bool,
    /// This member is to replace the one in its slot.
    pub replacement: bool,
    /// A cluster uses the array.
    pub clustered: bool,
    /// Where the bad blocks are listed, if they are; read it where `BAD_BLOCKS` is set.
    pub bblog: Option<BblogPlace>,
    /// Logical block size of the array in bytes, where the superblock records it.
    pub logical_block_size: Option<u32>,
}

impl SuperView {
    /// The device numbers that hold `slot`, lowest first; two while one replaces the other.
    pub fn devices_in(&self, slot: Slot) -> impl Iterator<Item = usize> {
        let wanted = Role::Active(slot);
        self.roles.iter().enumerate().filter(move |(_, r)| **r == wanted).map(|(i, _)| i)
    }

    /// The slots nobody holds, by this superblock.
    #[must_use]
    pub fn missing_slots(&self) -> Vec<Slot> {
        let all = (0..self.raid_disks).map(Slot);
        all.filter(|slot| self.devices_in(*slot).next().is_none()).collect()
    }
}
