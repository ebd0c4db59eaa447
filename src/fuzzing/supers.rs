//! md superblocks of every version, and what editing makes of them.

use super::draw::Draw;
use super::geometry;
use crate::array::geometry::Geometry;
use crate::format::Probe;
use crate::format::codec::{BigEndian, LittleEndian};
use crate::format::md::super1;
use crate::format::md::super090;
use crate::format::md::{
    HostOrder, Joined, Left, MdVersion, ResyncPoint, SUPER_BYTES, SuperEdit, Superblock,
    candidates, checksum,
};
use crate::units::{Events, Sectors, Slot};

const VERSIONS: [MdVersion; 5] = [
    MdVersion::V1_2,
    MdVersion::V1_1,
    MdVersion::V1_0,
    MdVersion::V0_90(HostOrder::Little),
    MdVersion::V0_90(HostOrder::Big),
];

/// A superblock: which version it is to be, the size of its member, its bytes.
pub(super) fn superblock(bytes: &[u8]) {
    let mut draw = Draw::new(bytes);
    let version = draw.one_of(&VERSIONS);
    let device = Sectors::new(draw.number());
    let change = Draw::new(draw.take(12));
    let mut raw = draw.rest().to_vec();
    raw.truncate(SUPER_BYTES + 512);
    let place = candidates(device).into_iter().find(|(found, _)| *found == version);
    let at = place.map_or(Sectors::new(8), |(_, at)| at);
    decoded(version, at, &raw, device, change.clone());
    mend(version, at, &mut raw);
    decoded(version, at, &raw, device, change);
}

fn decoded(version: MdVersion, at: Sectors, raw: &[u8], device: Sectors, change: Draw<'_>) {
    if let Probe::Found(found) = Superblock::decode(version, at, raw, device) {
        assert!(raw.starts_with(found.raw()) && found.raw().len() <= SUPER_BYTES);
        look(&found);
        edit(&found, change);
    }
}

/// Gives the superblock the place and the checksum it should have: no fuzzer guesses them.
pub(super) fn mend(version: MdVersion, at: Sectors, raw: &mut [u8]) {
    match version {
        MdVersion::V0_90(order) if raw.len() >= super090::sb::SIZE => mend090(order, raw),
        MdVersion::V1_0 | MdVersion::V1_1 | MdVersion::V1_2 => mend1(at, raw),
        MdVersion::V0_90(_) => {}
    }
}

fn mend090(order: HostOrder, raw: &mut [u8]) {
    let sum = super090::sb::SB_CSUM;
    match order {
        HostOrder::Little => sum.put::<LittleEndian>(raw, checksum::super090::<LittleEndian>(raw)),
        HostOrder::Big => sum.put::<BigEndian>(raw, checksum::super090::<BigEndian>(raw)),
    }
}

fn mend1(at: Sectors, raw: &mut [u8]) {
    use super1::sb;
    if raw.len() < sb::SIZE {
        return;
    }
    sb::SUPER_OFFSET.put::<LittleEndian>(raw, at.get());
    let covered = super1::length(sb::MAX_DEV.get::<LittleEndian>(raw));
    if let Some(sum) = raw.get(..covered).map(checksum::super1) {
        sb::SB_CSUM.put::<LittleEndian>(raw, sum);
    }
}

fn look(found: &Superblock) {
    let view = found.view();
    assert_eq!(found.disagreement(found), None);
    for range in found.occupied() {
        assert!(range.end() >= range.start);
    }
    for slot in view.missing_slots() {
        assert!(slot.0 < view.raid_disks && view.devices_in(slot).next().is_none());
    }
    if let (Some(at), true) = (view.bitmap_at, found.is_sound()) {
        let end = at.checked_add(view.bitmap_room);
        assert!(end.is_some_and(|end| end <= found.device()), "the bitmap leaves its member");
        // Only 1.x can have lockless ones.
        assert!(view.version.is_0_90() || view.lockless_room >= view.bitmap_room);
    }
    let _ = (found.device_numbers(), view.uuid.display_for(view.version));
    if let Ok(geometry) = Geometry::of(view) {
        geometry::holds(&geometry, view.size, &[0, 1, view.size.get() / 2, u64::MAX]);
    }
}

/// Editing says what it was told to say, of a superblock that stays sound, and no more the second
/// time.
fn edit(found: &Superblock, mut draw: Draw<'_>) {
    let kinds = draw.byte();
    let (dev_number, slot) = (u32::from(draw.u16()), Slot(draw.u16()));
    let joined = [Joined { dev_number, slot, major: 8, minor: 1, write_mostly: false }];
    let left = [Left { dev_number: u32::from(draw.byte()), slot: Slot(u16::from(draw.byte())) }];
    let has = |bit: u8| kinds & bit != 0;
    let events = Events::new(found.view().events.get().saturating_add(u64::from(draw.byte())));
    let from = ResyncPoint::From(Sectors::new(u64::from(draw.u16())));
    let edit = SuperEdit {
        freshest: found,
        events,
        resync: if has(1) { ResyncPoint::Clean } else { from },
        utime: 12,
        joined: if has(2) { &joined } else { &[] },
        left: if has(4) { &left } else { &[] },
        own: has(8).then_some(slot),
    };
    let Ok(bytes) = found.edited(&edit) else { return };
    let (version, at) = (found.view().version, found.view().super_offset);
    let Probe::Found(again) = Superblock::decode(version, at, &bytes, found.device()) else {
        panic!("what was edited cannot be read");
    };
    assert!(again.is_sound() && bytes.len().is_multiple_of(512));
    let (old, new) = (found.view(), again.view());
    assert_eq!((new.events, new.uuid, new.level), (events, old.uuid, old.level));
    assert_eq!(
        (new.size, new.data_offset, new.bitmap_at),
        (old.size, old.data_offset, old.bitmap_at)
    );
    assert!(kinds & 10 != 0 || new.role == old.role, "{:?} became {:?}", old.role, new.role);
    let twice =
        again.edited(&SuperEdit { freshest: &again, joined: &[], left: &[], own: None, ..edit });
    assert_eq!(twice.ok().as_deref(), Some(&bytes[..]), "editing goes on changing");
}
