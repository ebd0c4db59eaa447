//! The 1.x superblock: 256 bytes and a role of two bytes for each device, little-endian.
//!
//! The checks are the kernel's own on load, in its order where the order matters; each becomes a
//! finding. What no reader could interpret (checksum, length, place) makes the superblock damaged,
//! the rest leaves it readable.

use super::super::Probe;
use super::super::codec::{LittleEndian, Wire};
use super::super::finding::Finding;
use super::features::Features;
use super::room::{self, Obstacles};
use super::uuid::MdUuid;
use super::version::MdVersion;
use super::view::{BblogPlace, ResyncPoint, Role, SuperView};
use super::{MAGIC, checksum, place};
use crate::units::{Events, Sectors, Slot};

mod check;

crate::wire_table! {
    /// `struct mdp_superblock_1`, without its roles.
    pub mod sb, 256 {
        MAGIC: u32 = 0, "magic", "0xa92b4efc";
        MAJOR_VERSION: u32 = 4, "major_version", "1; the minor version is implied by the place";
        FEATURE_MAP: u32 = 8, "feature_map", "bits; an unknown one makes the kernel refuse";
        PAD0: u32 = 12, "pad0", "zero";
        SET_UUID: [u8; 16] = 16, "set_uuid", "the array's UUID";
        SET_NAME: [u8; 32] = 32, "set_name", "the array's name, padded with zeros";
        CTIME: u64 = 64, "ctime", "creation: low 40 bits seconds, high 24 microseconds";
        LEVEL: i32 = 72, "level", "RAID level; -1 linear";
        LAYOUT: u32 = 76, "layout", "arrangement of RAID5, 6, 10 and, with its bit, RAID0";
        DEV_SECTORS: u64 = 80, "size", "sectors the array uses of every member";
        CHUNKSIZE: u32 = 88, "chunksize", "sectors; zero for RAID1";
        RAID_DISKS: u32 = 92, "raid_disks", "slots of the array";
        BITMAP_OFFSET: i32 = 96, "bitmap_offset", "sectors from this superblock to the bitmap; with PPL: u16 offset, u16 size";
        NEW_LEVEL: i32 = 100, "new_level", "level after the reshape";
        RESHAPE_POSITION: u64 = 104, "reshape_position", "next array sector to reshape";
        DELTA_DISKS: i32 = 112, "delta_disks", "slots the reshape adds";
        NEW_LAYOUT: u32 = 116, "new_layout", "layout after the reshape";
        NEW_CHUNK: u32 = 120, "new_chunk", "chunk after the reshape, in sectors";
        NEW_OFFSET: i32 = 124, "new_offset", "sectors the reshape moves data_offset by";
        DATA_OFFSET: u64 = 128, "data_offset", "sector where the data begins on this member";
        DATA_SIZE: u64 = 136, "data_size", "sectors usable for data on this member";
        SUPER_OFFSET: u64 = 144, "super_offset", "sector of this superblock";
        RECOVERY_OFFSET: u64 = 152, "recovery_offset", "sectors rebuilt; on a journal device: journal_tail";
        DEV_NUMBER: u32 = 160, "dev_number", "index of this member in dev_roles";
        CNT_CORRECTED_READ: u32 = 164, "cnt_corrected_read", "read errors put right by rewriting";
        DEVICE_UUID: [u8; 16] = 168, "device_uuid", "this member's UUID";
        DEVFLAGS: u8 = 184, "devflags", "1 WriteMostly, 2 FailFast";
        BBLOG_SHIFT: u8 = 185, "bblog_shift", "bad-block entries count in 2^shift sectors";
        BBLOG_SIZE: u16 = 186, "bblog_size", "sectors of the bad-block log";
        BBLOG_OFFSET: i32 = 188, "bblog_offset", "sectors from this superblock to the log; zero: none";
        UTIME: u64 = 192, "utime", "last update: low 40 bits seconds";
        EVENTS: u64 = 200, "events", "updates of the superblocks";
        RESYNC_OFFSET: u64 = 208, "resync_offset", "sectors that agree; all ones: clean";
        SB_CSUM: u32 = 216, "sb_csum", "sum of the words up to the last role";
        MAX_DEV: u32 = 220, "max_dev", "entries in dev_roles, 1920 at most";
        LOGICAL_BLOCK_SIZE: u32 = 224, "logical_block_size", "bytes, since 6.19; before that padding";
        PAD3: [u8; 28] = 228, "pad3", "zero";
    }
}

/// Entries `dev_roles` may have: what 4096 bytes hold.
pub const MAX_ROLES: u32 = 1920;
/// `resync_offset` and friends: all of it.
pub const MAX_SECTOR: u64 = u64::MAX;
/// Role of a device without a slot.
pub const ROLE_SPARE: u16 = 0xffff;
/// Role of a device that failed or is not there.
pub const ROLE_FAULTY: u16 = 0xfffe;
/// Role of the journal device.
pub const ROLE_JOURNAL: u16 = 0xfffd;
/// Roles below this are slots.
pub const ROLE_MAX: u16 = 0xff00;
/// Bit of `devflags`.
pub const WRITE_MOSTLY: u8 = 1;
/// Bit of `devflags`.
pub const FAIL_FAST: u8 = 2;

/// Low 40 bits of a time: the seconds.
const SECONDS: u64 = (1 << 40) - 1;

/// The bytes a superblock with `max_dev` roles takes.
#[must_use]
pub fn length(max_dev: u32) -> usize {
    sb::SIZE + 2 * usize::try_from(max_dev.min(MAX_ROLES)).unwrap_or(usize::MAX)
}

/// The role of device `number`; the caller has checked that it is below `max_dev`.
pub(super) fn role_at(raw: &[u8], number: usize) -> u16 {
    u16::get::<LittleEndian>(&raw[sb::SIZE + 2 * number..])
}

/// Replaces the role of device `number`.
pub(super) fn set_role(raw: &mut [u8], number: usize, role: u16) {
    role.put::<LittleEndian>(&mut raw[sb::SIZE + 2 * number..]);
}

/// What a raw role means.
#[must_use]
pub fn role(raw: u16) -> Role {
    match raw {
        ROLE_SPARE => Role::Spare,
        ROLE_JOURNAL => Role::Journal,
        slot if slot < ROLE_MAX => Role::Active(Slot(slot)),
        _ => Role::Faulty,
    }
}

type Decoded = Probe<(SuperView, Vec<Finding>)>;

/// Decodes the superblock that lies at sector `at`.
pub(super) fn decode(version: MdVersion, at: Sectors, raw: &[u8], device: Sectors) -> Decoded {
    if raw.len() < 4 || sb::MAGIC.get::<LittleEndian>(raw) != MAGIC {
        return Probe::NotMd;
    }
    let damage = damage(version, at, raw, device);
    if !damage.is_empty() {
        return Probe::Damaged { findings: damage };
    }
    let mut findings = Vec::new();
    let mut view = plain(version, at, raw);
    place_bitmap(&mut view, raw, device, &mut findings);
    check::run(&view, raw, device, &mut findings);
    Probe::Found((view, findings))
}

/// What keeps every reader from trusting the rest.
fn damage(version: MdVersion, at: Sectors, raw: &[u8], device: Sectors) -> Vec<Finding> {
    let mut findings = Vec::new();
    if raw.len() < sb::SIZE {
        let message = format!("only {} of 256 bytes of the superblock could be read", raw.len());
        return vec![Finding::error("super-short", message)];
    }
    let major = sb::MAJOR_VERSION.get::<LittleEndian>(raw);
    if major != 1 {
        findings.push(Finding::error("super-version", format!("major version {major} is not 1")));
    }
    let max_dev = sb::MAX_DEV.get::<LittleEndian>(raw);
    if max_dev > MAX_ROLES {
        let message = format!("max_dev {max_dev} is above {MAX_ROLES}");
        findings.push(Finding::error("super-max-dev", message));
        return findings;
    }
    let Some(covered) = raw.get(..length(max_dev)) else {
        let message = format!("the roles of {max_dev} devices end behind what could be read");
        findings.push(Finding::error("super-short", message));
        return findings;
    };
    let (stored, sum) = (sb::SB_CSUM.get::<LittleEndian>(raw), checksum::super1(covered));
    if stored != sum {
        let message = format!("checksum {stored:#010x} does not match, {sum:#010x} would");
        findings.push(Finding::error("super-checksum", message));
    }
    let claimed = sb::SUPER_OFFSET.get::<LittleEndian>(raw);
    if claimed != at.get() {
        let message = format!("it says it lies at sector {claimed}, but was found at {}", at.get());
        findings.push(Finding::error("super-offset", message));
    } else if place::place(version, device) != Some(at) {
        let message = format!("a {version} superblock does not belong at sector {}", at.get());
        findings.push(Finding::error("super-offset", message));
    }
    findings
}

/// Everything but the bitmap's place.
fn plain(version: MdVersion, at: Sectors, raw: &[u8]) -> SuperView {
    let features = Features::from_bits(sb::FEATURE_MAP.get::<LittleEndian>(raw));
    let roles = roles(raw);
    let dev_number = sb::DEV_NUMBER.get::<LittleEndian>(raw);
    let own = usize::try_from(dev_number).ok().and_then(|n| roles.get(n).copied());
    let devflags = sb::DEVFLAGS.get::<LittleEndian>(raw);
    let recovery = Sectors::new(sb::RECOVERY_OFFSET.get::<LittleEndian>(raw));
    let block = sb::LOGICAL_BLOCK_SIZE.get::<LittleEndian>(raw);
    let raid_disks = sb::RAID_DISKS.get::<LittleEndian>(raw);
    SuperView {
        version,
        uuid: MdUuid::from_bytes(sb::SET_UUID.get::<LittleEndian>(raw)),
        name: name(raw),
        device_uuid: Some(sb::DEVICE_UUID.get::<LittleEndian>(raw)),
        level: sb::LEVEL.get::<LittleEndian>(raw),
        layout: sb::LAYOUT.get::<LittleEndian>(raw),
        chunk: Sectors::new(u64::from(sb::CHUNKSIZE.get::<LittleEndian>(raw))),
        size: Sectors::new(sb::DEV_SECTORS.get::<LittleEndian>(raw)),
        raid_disks: u16::try_from(raid_disks).unwrap_or(u16::MAX),
        data_offset: Sectors::new(sb::DATA_OFFSET.get::<LittleEndian>(raw)),
        data_size: Sectors::new(sb::DATA_SIZE.get::<LittleEndian>(raw)),
        super_offset: at,
        bitmap_at: None,
        bitmap_room: Sectors::ZERO,
        lockless_room: Sectors::ZERO,
        dev_number,
        // The kernel takes a device beyond the roles for a spare.
        role: own.unwrap_or(Role::Spare),
        roles,
        events: Events::new(sb::EVENTS.get::<LittleEndian>(raw)),
        resync: resync(sb::RESYNC_OFFSET.get::<LittleEndian>(raw)),
        utime: sb::UTIME.get::<LittleEndian>(raw) & SECONDS,
        ctime: sb::CTIME.get::<LittleEndian>(raw) & SECONDS,
        recovery_offset: features.contains(Features::RECOVERY_OFFSET).then_some(recovery),
        recovery_bitmap: features.contains(Features::RECOVERY_BITMAP),
        features,
        write_mostly: devflags & WRITE_MOSTLY != 0,
        failfast: devflags & FAIL_FAST != 0,
        reshape: features.contains(Features::RESHAPE_ACTIVE),
        journal: features.contains(Features::JOURNAL),
        ppl: features.contains(Features::PPL) || features.contains(Features::MULTIPLE_PPLS),
        replacement: features.contains(Features::REPLACEMENT),
        clustered: features.contains(Features::CLUSTERED),
        bblog: bblog(at, raw),
        logical_block_size: (block != 0).then_some(block),
    }
}

fn roles(raw: &[u8]) -> Vec<Role> {
    let end = length(sb::MAX_DEV.get::<LittleEndian>(raw));
    raw[sb::SIZE..end].chunks_exact(2).map(|r| role(u16::get::<LittleEndian>(r))).collect()
}

fn name(raw: &[u8]) -> String {
    let bytes = sb::SET_NAME.get::<LittleEndian>(raw);
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn resync(offset: u64) -> ResyncPoint {
    match offset {
        MAX_SECTOR => ResyncPoint::Clean,
        from => ResyncPoint::From(Sectors::new(from)),
    }
}

/// The bad-block log's place, where one is set aside at a sensible one.
fn bblog(at: Sectors, raw: &[u8]) -> Option<BblogPlace> {
    let offset = sb::BBLOG_OFFSET.get::<LittleEndian>(raw);
    let size = Sectors::new(u64::from(sb::BBLOG_SIZE.get::<LittleEndian>(raw)));
    if offset == 0 || size.is_zero() {
        return None;
    }
    let at = at.checked_add_signed(i64::from(offset))?;
    Some(BblogPlace { at, size, shift: sb::BBLOG_SHIFT.get::<LittleEndian>(raw) })
}

/// Fills in `bitmap_at`, `bitmap_room` and `lockless_room`.
fn place_bitmap(view: &mut SuperView, raw: &[u8], device: Sectors, findings: &mut Vec<Finding>) {
    if !view.features.contains(Features::BITMAP_OFFSET) {
        return;
    }
    let offset = sb::BITMAP_OFFSET.get::<LittleEndian>(raw);
    let at = view.super_offset.checked_add_signed(i64::from(offset));
    let Some(at) = at.filter(|at| *at < device && offset != 0) else {
        let message = format!("bitmap_offset {offset} leads outside this member");
        findings.push(Finding::error("bitmap-offset", message));
        return;
    };
    view.bitmap_at = Some(at);
    let near = obstacles(view, raw, device);
    // Until the list is in use.
    let listed = view.features.contains(Features::BAD_BLOCKS);
    let alone = SuperView { bblog: view.bblog.filter(|_| listed), ..view.clone() };
    view.lockless_room = room::of(&alone, at, &near).unwrap_or(Sectors::ZERO);
    match room::of(view, at, &near) {
        Ok(room) => view.bitmap_room = room,
        Err(what) => {
            let message = format!("the bitmap at sector {} lies inside the {what}", at.get());
            findings.push(Finding::error("bitmap-overlap", message));
        }
    }
}

/// What lies on a member of `device` sectors and is not told by its view.
pub(super) fn obstacles(view: &SuperView, raw: &[u8], device: Sectors) -> Obstacles {
    let moves = view.features.contains(Features::NEW_OFFSET);
    let moved = if moves { sb::NEW_OFFSET.get::<LittleEndian>(raw) } else { 0 };
    Obstacles { device, moved: i64::from(moved), super_sectors: roles_end(raw) }
}

/// Sectors the superblock takes with its roles.
pub(super) fn roles_end(raw: &[u8]) -> u64 {
    let bytes = length(sb::MAX_DEV.get::<LittleEndian>(raw));
    (bytes as u64).div_ceil(crate::units::SECTOR_BYTES)
}
