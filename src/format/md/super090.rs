//! The 0.90 superblock: 4096 bytes in the byte order of the host that wrote them.
//!
//! The order is a type parameter throughout. Both halves of the event counts are ordered so that
//! they read as one 64-bit number in either order.

use byteorder::ByteOrder;

use super::super::Probe;
use super::super::finding::Finding;
use super::features::Features;
use super::uuid::MdUuid;
use super::version::MdVersion;
use super::view::{ResyncPoint, Role, SuperView};
use super::{MAGIC, checksum, place};
use crate::units::{Events, SECTOR_BYTES, Sectors, Slot};

mod check;

crate::wire_table! {
    /// `mdp_super_t`.
    pub mod sb, 4096 {
        MD_MAGIC: u32 = 0, "md_magic", "0xa92b4efc";
        MAJOR_VERSION: u32 = 4, "major_version", "0";
        MINOR_VERSION: u32 = 8, "minor_version", "90; 91 during a reshape";
        PATCH_VERSION: u32 = 12, "patch_version", "usually 0";
        GVALID_WORDS: u32 = 16, "gvalid_words", "not used";
        SET_UUID0: [u8; 4] = 20, "set_uuid0", "the array's UUID, first word";
        CTIME: u32 = 24, "ctime", "creation, in seconds since 1970";
        LEVEL: i32 = 28, "level", "RAID level; -1 linear";
        SIZE_KIB: u32 = 32, "size", "KiB the array uses of every member";
        NR_DISKS: u32 = 36, "nr_disks", "devices present";
        RAID_DISKS: u32 = 40, "raid_disks", "slots of the array";
        MD_MINOR: u32 = 44, "md_minor", "preferred minor number";
        NOT_PERSISTENT: u32 = 48, "not_persistent", "0";
        SET_UUID1: [u8; 4] = 52, "set_uuid1", "the array's UUID, second word";
        SET_UUID2: [u8; 4] = 56, "set_uuid2", "the array's UUID, third word";
        SET_UUID3: [u8; 4] = 60, "set_uuid3", "the array's UUID, fourth word";
        GSTATE_CRESERVED: [u8; 64] = 64, "gstate_creserved", "zero";
        UTIME: u32 = 128, "utime", "last update, in seconds since 1970";
        STATE: u32 = 132, "state", "bits: 0 CLEAN, 1 ERRORS, 5 CLUSTERED, 8 BITMAP_PRESENT";
        ACTIVE_DISKS: u32 = 136, "active_disks", "devices that hold a slot";
        WORKING_DISKS: u32 = 140, "working_disks", "those and the spares";
        FAILED_DISKS: u32 = 144, "failed_disks", "slots nobody holds";
        SPARE_DISKS: u32 = 148, "spare_disks", "spares";
        SB_CSUM: u32 = 152, "sb_csum", "sum of all words";
        EVENTS: u64 = 156, "events", "updates of the superblocks: events_lo and events_hi";
        CP_EVENTS: u64 = 164, "cp_events", "events when recovery_cp was written";
        RECOVERY_CP: u32 = 172, "recovery_cp", "sectors that agree; all ones when clean";
        RESHAPE_POSITION: u64 = 176, "reshape_position", "next array sector to reshape (91)";
        NEW_LEVEL: i32 = 184, "new_level", "level after the reshape (91)";
        DELTA_DISKS: i32 = 188, "delta_disks", "slots the reshape adds (91)";
        NEW_LAYOUT: u32 = 192, "new_layout", "layout after the reshape (91)";
        NEW_CHUNK: u32 = 196, "new_chunk", "chunk after the reshape, in bytes (91)";
        GSTATE_SRESERVED: [u8; 56] = 200, "gstate_sreserved", "zero";
        LAYOUT: u32 = 256, "layout", "arrangement of RAID5, 6 and 10";
        CHUNK_SIZE: u32 = 260, "chunk_size", "bytes; zero for RAID1";
        ROOT_PV: u32 = 264, "root_pv", "not used";
        ROOT_BLOCK: u32 = 268, "root_block", "not used";
        PSTATE_RESERVED: [u8; 240] = 272, "pstate_reserved", "zero";
        DISKS: [u8; 3456] = 512, "disks", "27 descriptors of 128 bytes, by number";
        THIS_DISK: [u8; 128] = 3968, "this_disk", "the descriptor of this member";
    }
}

crate::wire_table! {
    /// `mdp_disk_t`: what a superblock says of one device.
    pub mod disk, 128 {
        NUMBER: u32 = 0, "number", "its index; equals the slot while it holds one";
        MAJOR: u32 = 4, "major", "device number when last seen";
        MINOR: u32 = 8, "minor", "device number when last seen";
        RAID_DISK: u32 = 12, "raid_disk", "its slot";
        STATE: u32 = 16, "state", "bits: 0 FAULTY, 1 ACTIVE, 2 SYNC, 3 REMOVED, 4 CLUSTER_ADD, 5 CANDIDATE, 9 WRITEMOSTLY, 10 FAILFAST, 18 JOURNAL";
        RESERVED: [u8; 108] = 20, "reserved", "zero";
    }
}

/// Descriptors in `disks`.
pub const MAX_DISKS: usize = 27;
/// `state` of the superblock: all of the array agrees.
pub const STATE_CLEAN: u32 = 1;
/// `state` of the superblock: a cluster uses it.
pub const STATE_CLUSTERED: u32 = 1 << 5;
/// `state` of the superblock: an internal bitmap follows.
pub const STATE_BITMAP_PRESENT: u32 = 1 << 8;
/// `state` of a descriptor: the device failed.
pub const DISK_FAULTY: u32 = 1;
/// `state` of a descriptor: it holds a slot.
pub const DISK_ACTIVE: u32 = 1 << 1;
/// `state` of a descriptor: what it holds is up to date.
pub const DISK_SYNC: u32 = 1 << 2;
/// `state` of a descriptor: nobody is there.
pub const DISK_REMOVED: u32 = 1 << 3;
/// `state` of a descriptor: reads avoid it.
pub const DISK_WRITEMOSTLY: u32 = 1 << 9;
/// `state` of a descriptor: its I/O is not retried.
pub const DISK_FAILFAST: u32 = 1 << 10;
/// `state` of a descriptor: it is the journal.
pub const DISK_JOURNAL: u32 = 1 << 18;
/// `recovery_cp` of a clean array.
pub const CLEAN_CP: u32 = u32::MAX;
/// From the superblock to the internal bitmap.
pub const BITMAP_OFFSET: Sectors = Sectors::new(8);
/// What the internal bitmap may fill: 60 KiB.
pub const BITMAP_ROOM: Sectors = Sectors::new(120);

/// Most that KiB in 32 bits can say of a member, in sectors: just below 4 TiB.
const SIZE_LIMIT: u64 = (2 << 32) - 2;

/// One descriptor, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Its index.
    pub number: u32,
    /// Major device number when last seen.
    pub major: u32,
    /// Minor device number when last seen.
    pub minor: u32,
    /// Its slot.
    pub raid_disk: u32,
    /// Bits.
    pub state: u32,
}

impl Disk {
    /// Reads the descriptor that begins at `raw[0]`.
    #[must_use]
    pub fn read<B: ByteOrder>(raw: &[u8]) -> Self {
        Self {
            number: disk::NUMBER.get::<B>(raw),
            major: disk::MAJOR.get::<B>(raw),
            minor: disk::MINOR.get::<B>(raw),
            raid_disk: disk::RAID_DISK.get::<B>(raw),
            state: disk::STATE.get::<B>(raw),
        }
    }

    /// Writes it to the descriptor that begins at `raw[0]`; the reserved bytes stay.
    pub fn write<B: ByteOrder>(self, raw: &mut [u8]) {
        disk::NUMBER.put::<B>(raw, self.number);
        disk::MAJOR.put::<B>(raw, self.major);
        disk::MINOR.put::<B>(raw, self.minor);
        disk::RAID_DISK.put::<B>(raw, self.raid_disk);
        disk::STATE.put::<B>(raw, self.state);
    }

    /// Whether nothing was ever written to it.
    #[must_use]
    pub fn is_blank(self) -> bool {
        self == Self { number: 0, major: 0, minor: 0, raid_disk: 0, state: 0 }
    }

    /// What the device is to the array; during a reshape an active one need not be in sync.
    #[must_use]
    pub fn role(self, reshape: bool) -> Role {
        let has = |bit| self.state & bit != 0;
        let slot = u16::try_from(self.raid_disk).map(Slot);
        match slot {
            _ if has(DISK_FAULTY) || has(DISK_REMOVED) || self.is_blank() => Role::Faulty,
            _ if has(DISK_JOURNAL) => Role::Journal,
            Ok(slot) if has(DISK_SYNC) || (reshape && has(DISK_ACTIVE)) => Role::Active(slot),
            _ => Role::Spare,
        }
    }
}

/// The bytes of descriptor `number`, which is below [`MAX_DISKS`].
pub(super) fn disk_at(raw: &[u8], number: usize) -> &[u8] {
    let start = sb::DISKS.offset() + number * disk::SIZE;
    &raw[start..start + disk::SIZE]
}

/// The bytes of descriptor `number`, to be changed.
pub(super) fn disk_mut(raw: &mut [u8], number: usize) -> &mut [u8] {
    let start = sb::DISKS.offset() + number * disk::SIZE;
    &mut raw[start..start + disk::SIZE]
}

/// Whether the generic constants are the same, `nr_disks` aside, as the kernel wants them.
pub(super) fn same_generic(one: &[u8], other: &[u8]) -> bool {
    let (start, end) = (sb::NR_DISKS.offset(), sb::RAID_DISKS.offset());
    one[..start] == other[..start] && one[end..sb::UTIME.offset()] == other[end..sb::UTIME.offset()]
}

type Decoded = Probe<(SuperView, Vec<Finding>)>;

/// Decodes the superblock that lies at sector `at`.
pub(super) fn decode<B: ByteOrder>(
    version: MdVersion,
    at: Sectors,
    raw: &[u8],
    device: Sectors,
) -> Decoded {
    if raw.len() < 4 || sb::MD_MAGIC.get::<B>(raw) != MAGIC {
        return Probe::NotMd;
    }
    let damage = damage::<B>(version, at, raw, device);
    if !damage.is_empty() {
        return Probe::Damaged { findings: damage };
    }
    let view = view::<B>(version, at, raw);
    let mut findings = Vec::new();
    check::run::<B>(&view, raw, &mut findings);
    Probe::Found((view, findings))
}

/// What keeps every reader from trusting the rest.
fn damage<B: ByteOrder>(
    version: MdVersion,
    at: Sectors,
    raw: &[u8],
    device: Sectors,
) -> Vec<Finding> {
    if raw.len() < sb::SIZE {
        let message = format!("only {} of 4096 bytes of the superblock could be read", raw.len());
        return vec![Finding::error("super-short", message)];
    }
    let mut findings = Vec::new();
    let (major, minor) = (sb::MAJOR_VERSION.get::<B>(raw), sb::MINOR_VERSION.get::<B>(raw));
    if major != 0 || !(90..=91).contains(&minor) {
        let message = format!("version {major}.{minor} is neither 0.90 nor 0.91");
        findings.push(Finding::error("super-version", message));
    }
    let (stored, sum) = (sb::SB_CSUM.get::<B>(raw), checksum::super090::<B>(raw));
    if checksum::fold16(stored) != checksum::fold16(sum) {
        let message = format!("checksum {stored:#010x} does not match, {sum:#010x} would");
        findings.push(Finding::error("super-checksum", message));
    }
    if place::place(version, device) != Some(at) {
        let message = format!("a {version} superblock does not belong at sector {}", at.get());
        findings.push(Finding::error("super-offset", message));
    }
    findings
}

fn view<B: ByteOrder>(version: MdVersion, at: Sectors, raw: &[u8]) -> SuperView {
    let state = sb::STATE.get::<B>(raw);
    let reshape = sb::MINOR_VERSION.get::<B>(raw) == 91;
    let this = Disk::read::<B>(&raw[sb::THIS_DISK.offset()..]);
    let own = own_disk::<B>(raw).unwrap_or(this);
    let level = sb::LEVEL.get::<B>(raw);
    let bitmap_at = at.checked_add(BITMAP_OFFSET).filter(|_| state & STATE_BITMAP_PRESENT != 0);
    let chunk = u64::from(sb::CHUNK_SIZE.get::<B>(raw)) / SECTOR_BYTES;
    SuperView {
        version,
        uuid: uuid(raw),
        name: String::new(),
        device_uuid: None,
        level,
        layout: sb::LAYOUT.get::<B>(raw),
        chunk: Sectors::new(chunk),
        size: Sectors::new(u64::from(sb::SIZE_KIB.get::<B>(raw)) * 2),
        raid_disks: u16::try_from(sb::RAID_DISKS.get::<B>(raw)).unwrap_or(u16::MAX),
        data_offset: Sectors::ZERO,
        data_size: if level >= 1 { at.min(Sectors::new(SIZE_LIMIT)) } else { at },
        super_offset: at,
        bitmap_at,
        bitmap_room: bitmap_at.map_or(Sectors::ZERO, |_| BITMAP_ROOM),
        lockless_room: Sectors::ZERO,
        dev_number: this.number,
        role: own.role(reshape),
        roles: roles::<B>(raw, reshape),
        events: Events::new(sb::EVENTS.get::<B>(raw)),
        resync: resync::<B>(raw, state),
        utime: u64::from(sb::UTIME.get::<B>(raw)),
        ctime: u64::from(sb::CTIME.get::<B>(raw)),
        recovery_offset: None,
        recovery_bitmap: false,
        features: Features::default(),
        write_mostly: own.state & DISK_WRITEMOSTLY != 0,
        failfast: own.state & DISK_FAILFAST != 0,
        reshape,
        journal: false,
        ppl: false,
        replacement: false,
        clustered: state & STATE_CLUSTERED != 0,
        bblog: None,
        logical_block_size: None,
    }
}

/// The descriptor the kernel goes by: the one `this_disk` names, not `this_disk` itself.
fn own_disk<B: ByteOrder>(raw: &[u8]) -> Option<Disk> {
    let number = disk::NUMBER.get::<B>(&raw[sb::THIS_DISK.offset()..]);
    let number = usize::try_from(number).ok().filter(|n| *n < MAX_DISKS)?;
    Some(Disk::read::<B>(disk_at(raw, number)))
}

fn uuid(raw: &[u8]) -> MdUuid {
    let mut bytes = [0; 16];
    let words = [sb::SET_UUID0, sb::SET_UUID1, sb::SET_UUID2, sb::SET_UUID3];
    for (to, word) in bytes.chunks_exact_mut(4).zip(words) {
        // Four plain bytes have no order.
        to.copy_from_slice(&word.get::<byteorder::LittleEndian>(raw));
    }
    MdUuid::from_bytes(bytes)
}

/// The roles up to the last descriptor in use, the slots at least.
fn roles<B: ByteOrder>(raw: &[u8], reshape: bool) -> Vec<Role> {
    let disks: Vec<_> = (0..MAX_DISKS).map(|i| Disk::read::<B>(disk_at(raw, i))).collect();
    let used = disks.iter().rposition(|d| !d.is_blank()).map_or(0, |last| last + 1);
    let slots = usize::try_from(sb::RAID_DISKS.get::<B>(raw)).unwrap_or(MAX_DISKS);
    let count = used.max(slots.min(MAX_DISKS));
    disks[..count].iter().map(|d| d.role(reshape)).collect()
}

fn resync<B: ByteOrder>(raw: &[u8], state: u32) -> ResyncPoint {
    if state & STATE_CLEAN != 0 {
        return ResyncPoint::Clean;
    }
    let current = sb::CP_EVENTS.get::<B>(raw) == sb::EVENTS.get::<B>(raw);
    let reached = if current { sb::RECOVERY_CP.get::<B>(raw) } else { 0 };
    ResyncPoint::From(Sectors::new(u64::from(reached)))
}
