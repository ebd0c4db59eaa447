//! Each thing the kernel objects to has its finding.

use super::super::super::codec::LittleEndian;
use super::super::super::finding::Severity;
use super::edits::patched;
use super::*;

/// What is found after `change`, worst first; the sum is made right before.
fn codes(version: MdVersion, change: impl FnOnce(&mut [u8])) -> Vec<(Severity, &'static str)> {
    let sb = patched(version, &member(&mirror(version), 1), change);
    assert_eq!(sb.is_sound(), sb.findings().iter().all(|f| f.severity < Severity::Error));
    sb.findings().iter().map(|f| (f.severity, f.code)).collect()
}

macro_rules! with {
    ($($field:ident = $value:expr),*) => {
        codes(MdVersion::V1_2, |raw| { $(super1::sb::$field.put::<LittleEndian>(raw, $value);)* })
    };
}

#[test]
fn a_1_x_superblock_is_checked_as_the_kernel_does() {
    use Severity::{Error, Info, Warning};
    assert_eq!(with!(FEATURE_MAP = 1 | 1 << 13), [(Error, "unknown-features")]);
    assert_eq!(with!(FEATURE_MAP = 1 | 4096), [(Error, "feature-conflict")]);
    assert_eq!(with!(FEATURE_MAP = 1 | 1024), [(Error, "feature-conflict")]);
    assert_eq!(with!(PAD0 = 1), [(Error, "super-padding")]);
    assert_eq!(with!(PAD3 = [1; 28]), [(Error, "super-padding")]);
    assert_eq!(with!(LOGICAL_BLOCK_SIZE = 4096), []);
    assert_eq!(with!(LOGICAL_BLOCK_SIZE = 100), [(Error, "logical-block-size")]);
    assert_eq!(with!(DATA_SIZE = 9), [(Error, "data-size"), (Error, "data-too-small")]);
    assert_eq!(with!(DATA_SIZE = 63_489), [(Error, "data-beyond-device")]);
    assert_eq!(with!(DATA_SIZE = u64::MAX), [(Error, "data-beyond-device")]);
    assert_eq!(with!(BITMAP_OFFSET = 0), [(Error, "bitmap-offset")]);
    assert_eq!(with!(BITMAP_OFFSET = -9), [(Error, "bitmap-offset")]);
    assert_eq!(with!(BITMAP_OFFSET = i32::MIN), [(Error, "bitmap-offset")]);
    assert_eq!(with!(BITMAP_OFFSET = 17), [(Error, "bitmap-overlap")]);
    assert_eq!(with!(BITMAP_OFFSET = 4000), [(Error, "bitmap-overlap")]);
    assert_eq!(with!(BBLOG_OFFSET = 0, FEATURE_MAP = 1 | 8), [(Error, "bblog-place")]);
    assert_eq!(with!(BBLOG_SHIFT = 64), [(Warning, "bblog-size")]);
    assert_eq!(with!(BBLOG_SIZE = 9, FEATURE_MAP = 1 | 8), [(Error, "bblog-size")]);
    assert_eq!(with!(BBLOG_OFFSET = 3000), [(Warning, "bblog-place")]);
    assert_eq!(with!(DEV_NUMBER = 128), [(Warning, "dev-number")]);
    assert_eq!(with!(RAID_DISKS = 2), [(Error, "role-slot")]);
    assert_eq!(with!(RESYNC_OFFSET = 40_001), [(Warning, "resync-offset")]);
    assert_eq!(with!(SET_NAME = [0xff; 32]), [(Info, "name-encoding")]);
}

#[test]
fn a_1_x_superblock_in_its_own_data_is_told() {
    let found = with!(DATA_OFFSET = 8, FEATURE_MAP = 0);
    assert!(found.contains(&(Severity::Error, "data-offset")), "{found:?}");
}

#[test]
fn odd_roles_are_told() {
    let version = MdVersion::V1_2;
    let strange = codes(version, |raw| super1::set_role(raw, 9, 0xff42));
    assert_eq!(strange, [(Severity::Error, "role-unknown")]);
    let journal = codes(version, |raw| super1::set_role(raw, 1, 0xfffd));
    assert_eq!(journal, [(Severity::Error, "role-journal")]);
}

#[test]
fn a_0_90_superblock_is_checked_as_the_kernel_does() {
    use super090::{disk, disk_mut, sb};
    let version = MdVersion::V0_90(HostOrder::Big);
    let none = codes(version, |raw| sb::RAID_DISKS.put::<BigEndian>(raw, 0));
    assert!(none.contains(&(Severity::Error, "raid-disks")));
    let big = codes(version, |raw| sb::SIZE_KIB.put::<BigEndian>(raw, u32::MAX));
    assert_eq!(big, [(Severity::Error, "data-too-small")]);
    let slot = codes(version, |raw| disk::RAID_DISK.put::<BigEndian>(disk_mut(raw, 2), 7));
    assert_eq!(slot, [(Severity::Error, "role-slot")]);
    let this = sb::THIS_DISK.offset();
    let number = codes(version, |raw| disk::NUMBER.put::<BigEndian>(&mut raw[this..], 27));
    assert_eq!(number, [(Severity::Error, "dev-number")]);
    let state = codes(version, |raw| disk::STATE.put::<BigEndian>(&mut raw[this..], 0));
    assert_eq!(state, [(Severity::Warning, "this-disk")]);
}

#[test]
fn members_that_contradict_each_other_are_told_apart() {
    for version in ALL {
        let (a, b) = (member(&mirror(version), 0), member(&mirror(version), 1));
        assert_eq!(a.disagreement(&b), None, "{version:?}");
        let other = NewArray { uuid: MdUuid::from_bytes([3; 16]), ..mirror(version) };
        assert_eq!(a.disagreement(&member(&other, 1)), Some("UUID"), "{version:?}");
    }
    let old = MdVersion::V0_90(HostOrder::Little);
    let shorter = NewArray { size: Sectors::new(39_998), ..mirror(old) };
    let generic = member(&mirror(old), 0).disagreement(&member(&shorter, 1));
    assert_eq!(generic, Some("generic part"));
}

#[test]
fn space_for_a_larger_bitmap_moves_what_is_in_its_way() {
    for version in ALL {
        let array = mirror(version).with_bitmap_space(Sectors::new(256));
        let room = member(&array, 0).view().bitmap_room;
        assert_eq!(room.get(), if version.is_0_90() { 120 } else { 256 }, "{version:?}");
    }
}

#[test]
fn what_does_not_fit_a_version_is_not_built() {
    let numbers = (7, 0);
    let build = |array: &NewArray, slot| {
        let new = NewMember { slot: Slot(slot), device: DEVICE, device_uuid: [0; 16], numbers };
        array.member(&new).map(|sb| sb.view().role).ok()
    };
    for version in ALL {
        let wide = |raid_disks| NewArray { raid_disks, ..mirror(version) };
        let most = if version.is_0_90() { 27 } else { 200 };
        let last = Role::Active(Slot(most - 1));
        assert_eq!(build(&wide(most), most - 1), Some(last), "{version:?}");
        assert_eq!(build(&wide(most), most), None, "{version:?}");
        assert_eq!(build(&wide(1921), 0), None, "{version:?}");
        let odd = NewArray { size: Sectors::new(40_001), ..mirror(version) };
        assert_eq!(build(&odd, 0).is_none(), version.is_0_90(), "{version:?}");
    }
}
