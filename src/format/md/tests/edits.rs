//! What an edit changes, and above all what it does not.

use std::ops::Range;

use super::super::super::codec::LittleEndian;
use super::super::super::layout::FieldInfo;
use super::*;
use crate::error::Kind;

fn edit(freshest: &Superblock) -> SuperEdit<'_> {
    SuperEdit {
        freshest,
        events: Events::new(18),
        resync: ResyncPoint::Clean,
        utime: 1_800_000_000,
        joined: &[],
        own: None,
    }
}

fn joined(dev_number: u32, slot: u16) -> Joined {
    Joined { dev_number, slot: Slot(slot), major: 8, minor: 33, write_mostly: false }
}

/// The names of the fields in which the two differ; bytes beyond the table are "roles".
fn changed(fields: &[FieldInfo], before: &[u8], after: &[u8]) -> Vec<&'static str> {
    let ends = fields.last().map_or(0, |f| f.offset + f.width);
    let rest = FieldInfo { name: "roles", offset: ends, width: after.len() - ends, meaning: "" };
    let differs = |f: &FieldInfo| {
        let bytes: Range<usize> = f.offset..f.offset + f.width;
        before[bytes.clone()] != after[bytes]
    };
    fields.iter().chain([&rest]).filter(|f| differs(f)).map(|f| f.name).collect()
}

/// `sb` with its checksum made right again after `change`.
pub(super) fn patched(
    version: MdVersion,
    sb: &Superblock,
    change: impl FnOnce(&mut [u8]),
) -> Superblock {
    let mut raw = sb.raw().to_vec();
    change(&mut raw);
    match version {
        MdVersion::V0_90(HostOrder::Big) => resum::<BigEndian>(&mut raw),
        MdVersion::V0_90(HostOrder::Little) => resum::<LittleEndian>(&mut raw),
        _ => {
            let max_dev = super1::sb::MAX_DEV.get::<LittleEndian>(&raw);
            let sum = checksum::super1(&raw[..super1::length(max_dev)]);
            super1::sb::SB_CSUM.put::<LittleEndian>(&mut raw, sum);
        }
    }
    decode(version, &raw).found().unwrap()
}

fn resum<B: byteorder::ByteOrder>(raw: &mut [u8]) {
    let sum = checksum::super090::<B>(raw);
    super090::sb::SB_CSUM.put::<B>(raw, sum);
}

fn again(version: MdVersion, raw: &[u8]) -> Superblock {
    let sb = decode(version, raw).found().unwrap();
    assert_eq!(sb.findings(), [], "{version:?}");
    sb
}

fn assert_refused(sb: &Superblock, edit: &SuperEdit<'_>) {
    assert_eq!(sb.edited(edit).unwrap_err().kind(), Kind::Refused, "{edit:?}");
}

#[test]
fn finishing_a_resync_changes_the_event_time_point_and_sum_alone() {
    for version in ALL {
        let mut array = mirror(version);
        array.resync = ResyncPoint::From(Sectors::new(800));
        let sb = member(&array, 2);
        let raw = sb.edited(&edit(&sb)).unwrap();
        let (fields, expected): (_, &[_]) = if version.is_0_90() {
            let names = ["utime", "state", "sb_csum", "events", "cp_events", "recovery_cp"];
            (super090::sb::FIELDS, &names.map(|n| n))
        } else {
            (super1::sb::FIELDS, &["utime", "events", "resync_offset", "sb_csum"])
        };
        assert_eq!(changed(fields, sb.raw(), &raw), expected, "{version:?}");
        let view = again(version, &raw).view().clone();
        assert_eq!(view.resync, ResyncPoint::Clean);
        assert_eq!((view.events, view.utime), (Events::new(18), 1_800_000_000));
    }
}

#[test]
fn an_unfinished_resync_keeps_its_point() {
    for version in ALL {
        let sb = member(&mirror(version), 0);
        let resync = ResyncPoint::From(Sectors::new(4096));
        let raw = sb.edited(&SuperEdit { resync, ..edit(&sb) }).unwrap();
        assert_eq!(again(version, &raw).view().resync, resync, "{version:?}");
    }
}

#[test]
fn what_nobody_knows_survives() {
    let sb = member(&mirror(MdVersion::V1_2), 0);
    let odd = patched(MdVersion::V1_2, &sb, |raw| {
        super1::sb::LOGICAL_BLOCK_SIZE.put::<LittleEndian>(raw, 4096);
        super1::sb::CNT_CORRECTED_READ.put::<LittleEndian>(raw, 77);
        super1::sb::DEVFLAGS.put::<LittleEndian>(raw, 0x83);
        super1::sb::NEW_LAYOUT.put::<LittleEndian>(raw, 9);
    });
    let raw = odd.edited(&edit(&odd)).unwrap();
    let names = changed(super1::sb::FIELDS, odd.raw(), &raw);
    assert_eq!(names, ["utime", "events", "sb_csum"]);
    assert_eq!(odd.view().logical_block_size, Some(4096));
    let old = MdVersion::V0_90(HostOrder::Big);
    let odd = patched(old, &member(&mirror(old), 0), |raw| raw[70..80].fill(0x5a));
    let raw = odd.edited(&edit(&odd)).unwrap();
    assert_eq!(raw[70..80], [0x5a; 10]);
}

#[test]
fn a_1_2_superblock_is_written_no_longer_than_it_is() {
    let sb = member(&mirror(MdVersion::V1_2), 0);
    // 128 roles: 512 bytes; a bitmap may begin at 1024.
    assert_eq!(sb.edited(&edit(&sb)).unwrap().len(), 512);
}

#[test]
fn a_member_joins_a_1_x_array_under_its_number() {
    let fresh = member(&mirror(MdVersion::V1_2), 0);
    let fresh = patched(MdVersion::V1_2, &fresh, |raw| super1::set_role(raw, 2, 0xfffe));
    assert_eq!(fresh.view().missing_slots(), [Slot(2)]);
    let stale = patched(MdVersion::V1_2, &member(&mirror(MdVersion::V1_2), 2), |raw| {
        super1::sb::DEV_NUMBER.put::<LittleEndian>(raw, 5);
        super1::sb::FEATURE_MAP.put::<LittleEndian>(raw, 1 | 2 | 128);
        super1::sb::RECOVERY_OFFSET.put::<LittleEndian>(raw, 640);
    });
    assert_eq!(stale.view().recovery_offset, Some(Sectors::new(640)));
    let joined = [joined(5, 2)];
    let for_others = SuperEdit { joined: &joined, ..edit(&fresh) };
    let for_itself = SuperEdit { own: Some(Slot(2)), ..for_others };
    let others = again(MdVersion::V1_2, &fresh.edited(&for_others).unwrap());
    let own = again(MdVersion::V1_2, &stale.edited(&for_itself).unwrap());
    assert_eq!(others.view().roles, own.view().roles);
    assert_eq!(others.view().devices_in(Slot(2)).collect::<Vec<_>>(), [5]);
    assert_eq!(own.view().role, Role::Active(Slot(2)));
    assert_eq!((own.view().recovery_offset, own.view().recovery_bitmap), (None, false));
    assert_eq!(own.view().device_uuid, Some([2; 16]));
    assert_eq!(own.view().features, Features::BITMAP_OFFSET);
}

#[test]
fn more_numbers_than_roles_make_the_superblock_longer() {
    let fresh = patched(MdVersion::V1_2, &member(&mirror(MdVersion::V1_2), 0), |raw| {
        super1::set_role(raw, 1, 0xfffe);
    });
    let joined = [joined(200, 1)];
    let raw = fresh.edited(&SuperEdit { joined: &joined, ..edit(&fresh) }).unwrap();
    assert_eq!(raw.len(), 1024);
    let view = again(MdVersion::V1_2, &raw).view().clone();
    assert_eq!(view.roles.len(), 201);
    assert_eq!((view.roles[199], view.roles[200]), (Role::Spare, Role::Active(Slot(1))));
    // 1.2 with a bitmap 1 KiB behind its start has no room for as many roles as that.
    let tight = NewArray { bitmap_offset: Some(2), ..mirror(MdVersion::V1_2) };
    let tight =
        patched(MdVersion::V1_2, &member(&tight, 0), |raw| super1::set_role(raw, 1, 0xfffe));
    let far = [Joined { dev_number: 500, ..joined[0] }];
    assert_refused(&tight, &SuperEdit { joined: &far, ..edit(&tight) });
}

#[test]
fn a_member_joins_a_0_90_array_under_its_slot() {
    for order in [HostOrder::Little, HostOrder::Big] {
        let version = MdVersion::V0_90(order);
        match order {
            HostOrder::Little => joins_0_90::<LittleEndian>(version),
            HostOrder::Big => joins_0_90::<BigEndian>(version),
        }
    }
}

fn joins_0_90<B: byteorder::ByteOrder>(version: MdVersion) {
    use super090::{Disk, disk_at, disk_mut, sb};
    let lost = Disk { number: 1, major: 0, minor: 0, raid_disk: 1, state: 9 };
    let failed = Disk { number: 3, major: 8, minor: 33, raid_disk: 3, state: 1 };
    let fresh = patched(version, &member(&mirror(version), 0), |raw| {
        lost.write::<B>(disk_mut(raw, 1));
        failed.write::<B>(disk_mut(raw, 3));
    });
    assert_eq!(fresh.view().missing_slots(), [Slot(1)]);
    let stale = member(&mirror(version), 1);
    let joined = [Joined { write_mostly: true, ..joined(1, 1) }];
    let for_itself = SuperEdit { joined: &joined, own: Some(Slot(1)), ..edit(&fresh) };
    let raw = stale.edited(&for_itself).unwrap();
    let view = again(version, &raw).view().clone();
    assert_eq!(view.role, Role::Active(Slot(1)));
    assert!(view.write_mostly && view.missing_slots().is_empty());
    let expected = Disk { number: 1, major: 8, minor: 33, raid_disk: 1, state: 6 | 1 << 9 };
    assert_eq!(Disk::read::<B>(disk_at(&raw, 1)), expected);
    assert!(Disk::read::<B>(disk_at(&raw, 3)).is_blank());
    let counts = [sb::NR_DISKS, sb::ACTIVE_DISKS, sb::WORKING_DISKS, sb::FAILED_DISKS];
    assert_eq!(counts.map(|c| c.get::<B>(&raw)), [3, 3, 3, 0]);
    let others = fresh.edited(&SuperEdit { own: None, ..for_itself }).unwrap();
    assert_eq!(others[512..3968], raw[512..3968]);
    assert_eq!(again(version, &others).view().role, Role::Active(Slot(0)));
}

#[test]
fn edits_that_make_no_sense_are_refused() {
    let version = MdVersion::V1_2;
    let sb = member(&mirror(version), 0);
    for bad in [joined(3, 1), joined(2, 1), joined(3, 9), joined(2000, 1)] {
        assert_refused(&sb, &SuperEdit { joined: &[bad], ..edit(&sb) });
    }
    let unknown = patched(version, &sb, |raw| {
        super1::sb::FEATURE_MAP.put::<LittleEndian>(raw, 1 | 1 << 20);
    });
    assert!(!unknown.is_sound());
    assert_refused(&unknown, &edit(&sb));
    assert_refused(&sb, &edit(&unknown));
    // The freshest member's bitmap would lie in this one's data.
    let far = NewArray { data_offset: Sectors::new(4096), bblog: false, ..mirror(version) };
    let far = NewArray { bitmap_offset: Some(3000), ..far };
    assert_refused(&sb, &edit(&member(&far, 1)));
    let gone = patched(version, &sb, |raw| super1::set_role(raw, 2, 0xfffe));
    let stale = member(&mirror(version), 2);
    assert_refused(&stale, &edit(&gone));
    stale.edited(&SuperEdit { own: Some(Slot(2)), ..edit(&gone) }).unwrap();
    let other = MdUuid::from_bytes([9; 16]);
    let other = member(&NewArray { uuid: other, ..mirror(version) }, 0);
    assert_refused(&sb, &edit(&other));
}
