//! Every mark is found, and noise is not taken for one.

use super::*;
use crate::format::md::{HostOrder, MdVersion, NewArray, NewMember};
use crate::units::{Sectors, Slot};

const SIZE: usize = 1 << 20;

fn windows(disk: &[u8]) -> Windows {
    let len = disk.len().min(usize::try_from(WINDOW).unwrap());
    Windows {
        head: disk[..len].to_vec(),
        tail: disk[disk.len() - len..].to_vec(),
        size: Bytes::from(disk.len()),
    }
}

fn marked(at: u64, mark: &[u8]) -> Option<&'static str> {
    let mut disk = vec![0; SIZE];
    let at = usize::try_from(at).unwrap();
    disk[at..at + mark.len()].copy_from_slice(mark);
    identify(&windows(&disk))
}

#[test]
fn every_mark_of_the_table_is_found() {
    for (name, at, mark) in MARKS {
        let found = marked(*at, mark).unwrap();
        assert_eq!(found, *name);
    }
}

#[test]
fn nothing_is_found_on_an_empty_or_tiny_device() {
    assert_eq!(identify(&windows(&vec![0; SIZE])), None);
    assert_eq!(identify(&windows(&vec![0xff; SIZE])), None);
    for size in [0, 1, 511, 512, 4096] {
        assert_eq!(identify(&windows(&vec![0; size])), None);
    }
}

#[test]
fn marks_that_may_lie_in_several_places_are_found_in_each() {
    assert_eq!(marked(4086, b"SWAPSPACE2"), Some("swap space"));
    assert_eq!(marked(65526, b"SWAPSPACE2"), Some("swap space"));
    let uberblock = 0x00ba_b10c_u64;
    assert_eq!(marked((128 + 5) << 10, &uberblock.to_le_bytes()), Some("a ZFS volume"));
    let last = (1 << 20) - (256 << 10) + (200 << 10);
    assert_eq!(marked(last, &uberblock.to_be_bytes()), Some("a ZFS volume"));
    let end = (1 << 20) - 512;
    assert_eq!(marked(end, b"EFI PART"), Some("the backup of a GPT partition table"));
    let mut label = b"LABELONE".to_vec();
    label.resize(24, 0);
    label.extend_from_slice(b"LVM2 001");
    assert_eq!(marked(512, &label), Some("an LVM physical volume"));
}

#[test]
fn a_boot_mark_needs_a_partition_that_makes_sense() {
    let mut sector = vec![0; 512];
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(marked(0, &sector), None);
    sector[446 + 4] = 0x83;
    sector[446 + 8..446 + 16].copy_from_slice(&[1, 0, 0, 0, 9, 0, 0, 0]);
    assert_eq!(marked(0, &sector), Some("an MBR partition table"));
    sector[446 + 16] = 0x12;
    assert_eq!(marked(0, &sector), None);
}

#[test]
fn superblocks_of_all_versions_are_found_wherever_they_lie() {
    let versions = [MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2];
    let old = [HostOrder::Little, HostOrder::Big].map(MdVersion::V0_90);
    for version in versions.into_iter().chain(old) {
        let uuid = "01234567:89abcdef:fedcba98:76543210".parse().unwrap();
        let size = Sectors::new(1 << 15);
        let array = NewArray::mirror(version, uuid, 2, size);
        let device = Sectors::new((1 << 15) + 4096);
        let new = NewMember { slot: Slot(0), device, device_uuid: [1; 16], numbers: (7, 0) };
        let member = array.member(&new).unwrap();
        let mut disk = vec![0; usize::try_from(device.get() * 512).unwrap()];
        let at = usize::try_from(member.view().super_offset.get() * 512).unwrap();
        disk[at..at + member.raw().len()].copy_from_slice(member.raw());
        let found = identify(&windows(&disk));
        assert_eq!(found, Some("the superblock of an md array member"), "{version:?}");
    }
}
