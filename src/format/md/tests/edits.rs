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
        left: &[],
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

fn left(dev_number: u32, slot: u16) -> Left {
    Left { dev_number, slot: Slot(slot) }
}

#[test]
fn who_left_is_missing_in_every_account() {
    for version in ALL {
        for gone in 0..3 {
            let fresh = member(&mirror(version), (gone + 1) % 3);
            let other = member(&mirror(version), (gone + 2) % 3);
            let left = [left(gone.into(), gone)];
            let edit = SuperEdit { left: &left, ..edit(&fresh) };
            let [one, two] = [&fresh, &other].map(|sb| {
                let view = again(version, &sb.edited(&edit).unwrap()).view().clone();
                assert_eq!(view.role, sb.view().role, "{version:?}");
                assert_eq!(view.missing_slots(), [Slot(gone)], "{version:?}");
                view.roles
            });
            assert_eq!(one, two, "{version:?}");
            let nobody = if version.is_0_90() { Role::Faulty } else { Role::Spare };
            assert_eq!(one[usize::from(gone)], nobody, "{version:?}");
        }
    }
}

#[test]
fn leaving_changes_one_role_of_1_x_and_nothing_else() {
    let version = MdVersion::V1_2;
    let sb = member(&mirror(version), 0);
    let (stays, leaves) = (sb.edited(&edit(&sb)).unwrap(), [left(1, 1)]);
    let raw = sb.edited(&SuperEdit { left: &leaves, ..edit(&sb) }).unwrap();
    let differ: Vec<_> = (0..raw.len()).filter(|i| raw[*i] != stays[*i]).collect();
    // The low and high bytes of role 1, and the sum at 216.
    assert_eq!(raw[258..260], [0xff, 0xff]);
    assert!(differ.iter().all(|i| (216..220).contains(i) || (258..260).contains(i)), "{differ:?}");
    // One that failed before is, like any number nobody has, a spare's.
    let failed = patched(version, &sb, |raw| super1::set_role(raw, 2, 0xfffe));
    let both = [left(1, 1), left(2, 2)];
    let raw = failed.edited(&SuperEdit { left: &both, ..edit(&failed) }).unwrap();
    assert_eq!(raw[258..262], [0xff; 4]);
    // A number beyond the roles has nothing to lose.
    let beyond = [left(128, 2), left(u32::MAX, 2)];
    let raw = failed.edited(&SuperEdit { left: &beyond, ..edit(&failed) }).unwrap();
    assert_eq!(raw, failed.edited(&edit(&failed)).unwrap());
}

#[test]
fn leaving_0_90_empties_the_descriptor_and_counts_again() {
    leaves_0_90::<LittleEndian>(MdVersion::V0_90(HostOrder::Little));
    leaves_0_90::<BigEndian>(MdVersion::V0_90(HostOrder::Big));
}

fn leaves_0_90<B: byteorder::ByteOrder>(version: MdVersion) {
    use super090::{DISK_FAULTY, DISK_REMOVED, Disk, disk_at, sb};
    for (gone, state, failed) in [(0, DISK_REMOVED, 0), (1, DISK_REMOVED | DISK_FAULTY, 1)] {
        let this = patched(version, &member(&mirror(version), 2), |raw| {
            // Reserved bytes of the one that goes are no use to whoever comes.
            super090::disk_mut(raw, usize::from(gone))[100] = 7;
        });
        let left = [left(gone.into(), gone)];
        let raw = this.edited(&SuperEdit { left: &left, ..edit(&this) }).unwrap();
        let number = u32::from(gone);
        let empty = disk_at(&raw, usize::from(gone));
        let expected = Disk { number, major: 0, minor: 0, raid_disk: number, state };
        assert_eq!(Disk::read::<B>(empty), expected);
        assert!(empty[20..].iter().all(|b| *b == 0));
        let counts = [sb::NR_DISKS, sb::ACTIVE_DISKS, sb::WORKING_DISKS, sb::FAILED_DISKS];
        assert_eq!(counts.map(|c| c.get::<B>(&raw)), [2, 2, 2, failed]);
        assert_eq!(sb::SPARE_DISKS.get::<B>(&raw), 0);
    }
}

#[test]
fn a_rejoined_slot_is_full_again_after_it_was_left() {
    for version in ALL {
        let (stays, goes) = (member(&mirror(version), 0), member(&mirror(version), 1));
        let left = [left(1, 1)];
        let raw = stays.edited(&SuperEdit { left: &left, ..edit(&stays) }).unwrap();
        let alone = again(version, &raw);
        assert_refused(&goes, &edit(&alone));
        let joined = [joined(1, 1)];
        let back = SuperEdit { joined: &joined, own: Some(Slot(1)), ..edit(&alone) };
        let view = again(version, &goes.edited(&back).unwrap()).view().clone();
        assert!(view.missing_slots().is_empty(), "{version:?}");
    }
}

#[test]
fn departures_that_make_no_sense_are_refused() {
    for version in ALL {
        let sb = member(&mirror(version), 0);
        // This very member, and a slot that is not there.
        for bad in [left(0, 0), left(3, 3), left(1, u16::MAX)] {
            assert_refused(&sb, &SuperEdit { left: &[bad], ..edit(&sb) });
        }
        // One of two goes: among the rest of the list, too.
        assert_refused(&sb, &SuperEdit { left: &[left(1, 1), left(0, 0)], ..edit(&sb) });
        let (joined, gone) = ([joined(1, 1)], [left(1, 1)]);
        assert_refused(&sb, &SuperEdit { joined: &joined, left: &gone, ..edit(&sb) });
        // A member that takes a slot cannot leave it in the same breath.
        let alone = again(version, &sb.edited(&SuperEdit { left: &gone, ..edit(&sb) }).unwrap());
        let own = Some(Slot(1));
        let stale = member(&mirror(version), 1);
        assert_refused(&stale, &SuperEdit { left: &gone, own, ..edit(&alone) });
    }
    // By number another slot's, or the journal.
    let version = MdVersion::V1_2;
    let sb = member(&mirror(version), 0);
    assert_refused(&sb, &SuperEdit { left: &[left(2, 1)], ..edit(&sb) });
    let journal = patched(version, &sb, |raw| super1::set_role(raw, 2, 0xfffd));
    assert_refused(&journal, &SuperEdit { left: &[left(2, 2)], ..edit(&journal) });
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
