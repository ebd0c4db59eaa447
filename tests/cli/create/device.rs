//! Block devices: nothing of value is overwritten, and the bitmap is readable afterwards.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use mdbitmap::format::md::{MdVersion, NewArray, NewMember};
use mdbitmap::units::{Sectors, Slot};

use super::{create, examined};
use crate::support::{Loop, have_mdadm, image, json, mdadm, temp_dir};

const MIB: u64 = 1 << 20;

/// The md superblock of a 1.0 member, which lies near the end of its `device`.
fn superblock_at_end(device: Sectors) -> (u64, Vec<u8>) {
    let uuid = "01234567:89abcdef:fedcba98:76543210".parse().unwrap();
    let array = NewArray::mirror(MdVersion::V1_0, uuid, 2, Sectors::new(1024));
    let new = NewMember { slot: Slot(0), device, device_uuid: [7; 16], numbers: (7, 0) };
    let member = array.member(&new).unwrap();
    (member.view().super_offset.to_bytes().unwrap().get(), member.raw().to_vec())
}

#[test]
fn an_empty_device_takes_a_bitmap() {
    let dir = temp_dir();
    let backing = image(&dir, "backing", MIB, &[]);
    let Some(device) = Loop::attach_writable(&backing) else { return };
    let args = ["--chunk", "64", "--delay", "3", "--size", "580480", "--json"];
    let dry = create(&device.0, &[&args[..], &["-n"]].concat());
    assert_eq!(dry.status, 0, "{}", dry.err);
    assert!(fs::read(&device.0).unwrap().iter().all(|byte| *byte == 0));
    let run = create(&device.0, &args);
    assert_eq!(run.status, 0, "{}", run.err);
    let told = json(&run.out, "create.schema.json");
    assert_eq!(
        (&told["location"], &told["replaced"]),
        (&"device".into(), &serde_json::Value::Null)
    );
    assert_eq!(examined(&device.0)["chunks_total"], 9070);
    if have_mdadm() {
        let shown = mdadm(["-X", device.0.to_str().unwrap()]).out;
        assert!(shown.contains("9070 bits (chunks), 9070 dirty (100.0%)"), "{shown}");
    }
    let again = create(&device.0, &args);
    assert_eq!(again.status, 3);
    assert!(again.err.contains("it carries an md write-intent bitmap (--force="), "{}", again.err);
}

#[test]
fn what_a_device_carries_is_kept_unless_forced() {
    let dir = temp_dir();
    let (at, superblock) = superblock_at_end(Sectors::new(MIB / 512));
    let backing = image(&dir, "backing", MIB, &[(at, &superblock)]);
    let Some(device) = Loop::attach_writable(&backing) else { return };
    let before = fs::read(&device.0).unwrap();
    let refused = create(&device.0, &["-z", "1M"]);
    assert_eq!(refused.status, 3);
    assert!(refused.err.contains("it carries the superblock of an md array member"));
    assert!(fs::read(&device.0).unwrap() == before);
    let forced = create(&device.0, &["-z", "1M", "--force=overwrite", "--json"]);
    assert_eq!(forced.status, 0, "{}", forced.err);
    let told = json(&forced.out, "create.schema.json");
    assert_eq!(told["replaced"], "the superblock of an md array member");
    assert_eq!(told["notes"].as_array().unwrap().last().unwrap()["code"], "leftover");
}

#[test]
fn a_device_in_use_is_refused_whatever_is_forced() {
    let dir = temp_dir();
    let backing = image(&dir, "backing", MIB, &[]);
    let Some(device) = Loop::attach_writable(&backing) else { return };
    let force = ["-z", "1M", "--force=overwrite"];
    let claim = OpenOptions::new().read(true).custom_flags(nix::libc::O_EXCL).open(&device.0);
    let held = create(&device.0, &force);
    assert_eq!(held.status, 3);
    assert!(held.err.contains("another program has it open exclusively"), "{}", held.err);
    drop(claim.unwrap());
    let behind = create(&backing, &force);
    assert_eq!(behind.status, 3);
    let name = Path::new(&device.0).file_name().unwrap().to_str().unwrap();
    assert!(behind.err.contains(&format!("it is the file behind {name}")), "{}", behind.err);
    assert_eq!(create(&device.0, &force).status, 0);
}

#[test]
fn a_device_too_small_is_left_alone() {
    let dir = temp_dir();
    let backing = image(&dir, "backing", MIB, &[]);
    let Some(device) = Loop::attach_writable(&backing) else { return };
    let run = create(&device.0, &["-c", "512B", "-z", "64G"]);
    assert_eq!(run.status, 5);
    assert!(run.err.contains("no room: the bitmap takes"), "{}", run.err);
    assert!(fs::read(&device.0).unwrap().iter().all(|byte| *byte == 0));
}
