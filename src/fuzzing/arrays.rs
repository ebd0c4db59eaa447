//! Arrays in memory, made as they should be and then spoilt a little: what is spoilt everywhere is
//! never looked at closely.

use super::disks::Disk;
use super::draw::Draw;
use super::supers::mend;
use crate::array::geometry::{Geometry, layout_named};
use crate::format::bitmap::{NewBitmap, RawBitmapSuper, superblock::bitmap_super};
use crate::format::layout::FieldInfo;
use crate::format::md::{
    HostOrder, MdUuid, MdVersion, NewArray, NewMember, ResyncPoint, Superblock, super1, super090,
};
use crate::units::{ChunkSize, Events, Sectors, Slot};

/// The event count of an array that nothing happened to.
const EVENTS: u64 = 20;

const UUID: [u8; 16] = *b"0123456789abcdef";

/// The members, then the bitmap where that is a file.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) disks: Vec<Disk>,
    pub(super) members: usize,
}

/// An array; none where the numbers make none.
pub(super) fn made(draw: &mut Draw<'_>) -> Option<Made> {
    let (array, file) = (array(draw), draw.byte().is_multiple_of(4));
    let array = NewArray { bitmap_offset: array.bitmap_offset.filter(|_| !file), ..array };
    let device = array.least_device()?.saturating_add(Sectors::new(draw.below(24)));
    let mut members = Vec::new();
    for slot in 0..array.raid_disks {
        members.push(member(&array, Slot(slot), device, draw)?);
    }
    let everywhere = patches(draw, fields(array.version));
    let header = header(&array, members.first()?, draw);
    let bits = draw.take(256);
    let mut disks = Vec::new();
    for member in &members {
        let mut disk = Disk::new(device.get() * 512);
        fill(&mut disk, &array, member, draw);
        if let Some(at) = member.view().bitmap_at {
            lay_bitmap(&mut disk, at.get() * 512, &header, bits, draw);
        }
        lay_super(&mut disk, member, &everywhere, draw);
        disks.push(disk);
    }
    // Some are not at hand.
    let away = draw.byte();
    let mut slot = 0_u32;
    disks.retain(|_| {
        slot += 1;
        away & (1 << (slot - 1)) == 0 || away & 0xc0 == 0
    });
    let count = disks.len();
    if file {
        let mut disk = Disk::new(4096);
        lay_bitmap(&mut disk, 0, &header, bits, draw);
        disks.push(disk);
    }
    (count > 0).then_some(Made { disks, members: count })
}

fn array(draw: &mut Draw<'_>) -> NewArray {
    let version = draw.one_of(&[
        MdVersion::V1_2,
        MdVersion::V1_1,
        MdVersion::V1_0,
        MdVersion::V0_90(HostOrder::Little),
        MdVersion::V0_90(HostOrder::Big),
    ]);
    let disks = 1 + draw.u16() % 6;
    let size = Sectors::new(8 * (1 + draw.below(64)) + 2 * (draw.below(8) / 5));
    let mut array = NewArray::mirror(version, MdUuid::from_bytes(UUID), disks, size);
    array.level = draw.one_of(&[1, 1, 10, 5, 6, 4]);
    let names = match array.level {
        10 => ["n2", "f2", "o2", "n3"],
        _ => ["ls", "la", "rs", "parity-first"],
    };
    array.layout = layout_named(array.level, draw.one_of(&names)).unwrap_or(0);
    if array.level != 1 {
        array.chunk = Sectors::new(8 << (draw.byte() % 3));
    }
    array.bblog = draw.byte().is_multiple_of(4) && !version.is_0_90();
    if !version.is_at_end() {
        array.data_offset = Sectors::new(48);
    }
    array
}

fn member(
    array: &NewArray,
    slot: Slot,
    device: Sectors,
    draw: &mut Draw<'_>,
) -> Option<Superblock> {
    let away = draw.one_of(&[0, 0, 0, 0, 1, 2, 5, 12]);
    let clean = draw.flag();
    let resync = if clean { ResyncPoint::Clean } else { ResyncPoint::From(Sectors::ZERO) };
    let array = NewArray { events: Events::new(EVENTS - away), resync, ..array.clone() };
    let own = u8::try_from(slot.0).unwrap_or(0);
    let numbers = (8, u32::from(slot.0));
    let member = NewMember { slot, device, device_uuid: [own; 16], numbers };
    array.member(&member).ok()
}

/// The fields that may be spoilt.
fn fields(version: MdVersion) -> &'static [FieldInfo] {
    if version.is_0_90() { super090::sb::FIELDS } else { super1::sb::FIELDS }
}

/// A few places and what is written there: whole fields, and roles behind them.
fn patches(draw: &mut Draw<'_>, fields: &[FieldInfo]) -> Vec<(usize, Vec<u8>)> {
    let end = fields.last().map_or(0, |last| last.offset + last.width);
    let count = draw.byte();
    (0..count.saturating_sub(200) % 4)
        .map(|_| match draw.byte() % 4 {
            0 => (end + 2 * usize::from(draw.byte() % 8), draw.array::<2>().to_vec()),
            _ => {
                let field = draw.one_of(fields);
                let value = draw.number().to_le_bytes();
                (field.offset, value[..field.width.min(8)].to_vec())
            }
        })
        .collect()
}

fn patched(raw: &mut [u8], patches: &[(usize, Vec<u8>)]) {
    for (at, bytes) in patches {
        if let Some(place) = raw.get_mut(*at..*at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }
}

/// Lays the superblock there, its checksum right whatever became of it.
fn lay_super(
    disk: &mut Disk,
    member: &Superblock,
    everywhere: &[(usize, Vec<u8>)],
    draw: &mut Draw<'_>,
) {
    let (version, at) = (member.view().version, member.view().super_offset);
    let mut raw = member.raw().to_vec();
    patched(&mut raw, everywhere);
    patched(&mut raw, &patches(draw, fields(version)));
    mend(version, at, &mut raw);
    disk.put(at.get() * 512, &raw);
}

/// The bitmap's superblock: right, or nearly so.
fn header(array: &NewArray, member: &Superblock, draw: &mut Draw<'_>) -> RawBitmapSuper {
    let covered = Geometry::of(member.view()).map_or(array.size, |geometry| geometry.covered());
    let chunk = ChunkSize::from_bytes(4096 << (draw.byte() % 4)).unwrap_or(ChunkSize::LARGEST);
    let new = NewBitmap {
        uuid: UUID,
        events: Events::new(EVENTS - draw.one_of(&[0, 0, 0, 0, 0, 1, 3])),
        events_cleared: Events::new(EVENTS - draw.one_of(&[0, 2, 10, 10])),
        sync_size: covered,
        chunk,
        delay: 5,
        write_behind: 0,
        sectors_reserved: 0,
    };
    let mut raw = new.encode();
    if draw.byte() % 8 == 1 {
        raw.set_version(6);
        raw.set_chunksize(u32::try_from(chunk.sectors().get()).unwrap_or(8));
    }
    patched(&mut raw.0, &patches(draw, bitmap_super::FIELDS));
    raw
}

fn lay_bitmap(disk: &mut Disk, at: u64, raw: &RawBitmapSuper, bits: &[u8], draw: &mut Draw<'_>) {
    let mut raw = raw.clone();
    patched(&mut raw.0, &patches(draw, bitmap_super::FIELDS));
    let behind = if raw.version() == 6 { 1024 } else { 256 };
    disk.put(at, &raw.0);
    disk.put(at + behind, bits);
}

/// Data that tell where they are, and here and there whose they are.
fn fill(disk: &mut Disk, array: &NewArray, member: &Superblock, draw: &mut Draw<'_>) {
    let start = member.view().data_offset.get() * 512;
    let (own, odd) = (draw.byte(), draw.array::<8>());
    for page in 0..array.size.get() / 8 {
        let differs = odd[usize::try_from(page / 8 % 8).unwrap_or(0)] >> (page % 8) & 1 == 1;
        let byte = u8::try_from(page % 251).unwrap_or(0) ^ if differs { own } else { 0 };
        disk.put(start + page * 4096, &[byte; 4096]);
    }
}
