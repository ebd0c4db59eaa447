//! Reasons from made-up facts, and the real thing on real files.

use std::fs;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use tempfile::TempDir;

use super::reasons::{Facts, Node, Probe, Relation, reasons};
use super::*;
use crate::error::Kind;
use crate::format::md::{MdVersion, NewArray, NewMember};
use crate::sysfs::{DevNum, md::MdArray, tables::Mount};
use crate::units::{Sectors, Slot};

fn free() -> Facts {
    Facts {
        nodes: Vec::new(),
        loops: Vec::new(),
        mounts: Vec::new(),
        swap_devices: Vec::new(),
        swap_file: false,
        arrays: Vec::new(),
        bitmap_of: Vec::new(),
        probe: Probe::Free,
    }
}

fn node(relation: Relation, name: &str, minor: u64, holders: &[&str]) -> Node {
    let holders = holders.iter().map(ToString::to_string).collect();
    Node { relation, name: name.into(), number: DevNum { major: 8, minor }, holders }
}

#[test]
fn a_member_of_an_array_is_told_from_other_holders() {
    let array =
        MdArray { name: "md0".into(), state: "clean".into(), slaves: Vec::new(), uuid: None };
    let nodes = vec![node(Relation::Itself, "sda", 0, &["dm-0", "md0"])];
    let found = reasons(&Facts { nodes, arrays: vec![array], ..free() });
    assert_eq!(
        found,
        [InUse::HeldBy { holder: "dm-0".into() }, InUse::RunningArray { name: "md0".into() }]
    );
    assert_eq!(sentence(&found), "dm-0 is made of it; it is a member of the assembled array md0");
}

#[test]
fn use_of_a_partition_or_of_the_disk_around_counts() {
    let nodes = vec![
        node(Relation::Itself, "sda2", 2, &[]),
        node(Relation::Partition, "sda1", 1, &[]),
        node(Relation::Disk, "sda", 0, &["dm-0"]),
    ];
    let number = DevNum { major: 8, minor: 1 };
    let mounts =
        vec![Mount { number, at: "/mnt".into(), source: "/dev/sda1".into(), kind: "ext4".into() }];
    let swap_devices = vec![DevNum { major: 8, minor: 2 }];
    let found = reasons(&Facts { nodes, mounts, swap_devices, ..free() });
    let sentences: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        sentences,
        [
            "it holds swap in use",
            "its partition sda1 is in use: it is mounted on /mnt",
            "the disk sda it is on is in use: dm-0 is made of it",
        ]
    );
}

#[test]
fn a_failed_exclusive_open_is_told_where_nothing_explains_it() {
    let probe = Probe::ExclusiveOpenFails;
    assert_eq!(reasons(&Facts { probe, ..free() }), [InUse::ExclusiveOpenFails]);
    let nodes = vec![node(Relation::Itself, "sda", 0, &["dm-0"])];
    assert_eq!(reasons(&Facts { probe, nodes, ..free() }).len(), 1);
    assert_eq!(reasons(&free()), []);
}

#[test]
fn a_file_behind_a_loop_device_is_in_use_under_any_name() {
    let dir = TempDir::new().unwrap();
    let (image, other) = (dir.path().join("image"), dir.path().join("other"));
    fs::write(&image, "x").unwrap();
    fs::hard_link(&image, &other).unwrap();
    let loop0 = dir.path().join("sys/block/loop0");
    fs::create_dir_all(loop0.join("loop")).unwrap();
    fs::write(loop0.join("dev"), "7:0\n").unwrap();
    fs::write(loop0.join("loop/backing_file"), format!("{}\n", image.display())).unwrap();
    let system = System::at(dir.path());
    let expected = [InUse::LoopBacking { device: "loop0".into() }];
    assert_eq!(usage_of(&other, &system).unwrap(), expected);
}

#[test]
fn a_written_file_is_locked_against_a_second_writer() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("image");
    fs::write(&path, "x").unwrap();
    let system = System::at(dir.path());
    assert_eq!(usage_of(&path, &system).unwrap(), []);
    let held = open_exclusive(&path, true, OFlag::empty()).unwrap();
    let error = open_exclusive(&path, true, OFlag::empty()).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains("another program has locked it"), "{error}");
    assert_eq!(usage_of(&path, &system).unwrap(), [InUse::Locked]);
    open_exclusive(&path, false, OFlag::empty()).unwrap();
    drop(held);
    open_exclusive(&path, true, OFlag::empty()).unwrap();
}

#[test]
fn only_files_and_block_devices_are_opened_and_none_is_made() {
    let dir = TempDir::new().unwrap();
    for path in [dir.path().to_owned(), PathBuf::from("/dev/null")] {
        let error = open_exclusive(&path, false, OFlag::empty()).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert_eq!(usage_of(&path, &System::at(dir.path())).unwrap_err().kind(), Kind::Usage);
    }
    let missing = dir.path().join("missing");
    assert_eq!(open_exclusive(&missing, true, OFlag::empty()).unwrap_err().kind(), Kind::Io);
    assert!(!missing.exists());
}

#[test]
fn a_running_array_is_known_by_its_members_superblock() {
    let dir = TempDir::new().unwrap();
    let uuid = "01234567:89abcdef:fedcba98:76543210".parse().unwrap();
    let array = NewArray::mirror(MdVersion::V1_2, uuid, 2, Sectors::new(4096));
    let device = Sectors::new(8192);
    let new = NewMember { slot: Slot(0), device, device_uuid: [1; 16], numbers: (7, 0) };
    let member = array.member(&new).unwrap();
    let mut disk = vec![0; 8192 * 512];
    disk[4096..4096 + member.raw().len()].copy_from_slice(member.raw());
    fs::create_dir_all(dir.path().join("dev")).unwrap();
    fs::write(dir.path().join("dev/sda1"), disk).unwrap();
    let md0 = dir.path().join("sys/block/md0");
    fs::create_dir_all(md0.join("md")).unwrap();
    fs::write(md0.join("md/array_state"), "clean\n").unwrap();
    fs::create_dir_all(md0.join("slaves/sda1")).unwrap();
    let system = System::at(dir.path());
    assert_eq!(array_running(uuid.bytes(), &system).unwrap().as_deref(), Some("md0"));
    assert_eq!(array_running([9; 16], &system).unwrap(), None);
    fs::remove_file(dir.path().join("dev/sda1")).unwrap();
    let error = array_running([9; 16], &system).unwrap_err().to_string();
    assert!(error.contains("cannot tell which array md0 is"), "{error}");
}

#[test]
fn the_lockspace_of_a_clustered_array_is_known_by_its_uuid() {
    let dir = TempDir::new().unwrap();
    let system = System::at(dir.path());
    let uuid = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
    assert_eq!(cluster_lockspace(uuid, &system).unwrap(), None);
    for name in ["clvmd", "01020304-0506-0708-090a-0b0c0d0e0f10"] {
        fs::create_dir_all(dir.path().join("sys/kernel/dlm").join(name)).unwrap();
    }
    let found = cluster_lockspace(uuid, &system).unwrap();
    assert_eq!(found.as_deref(), Some("01020304-0506-0708-090a-0b0c0d0e0f10"));
    assert_eq!(cluster_lockspace([9; 16], &system).unwrap(), None);
}
