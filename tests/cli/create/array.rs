//! `--array`: size, UUID and event count from a member, and what contradicts them.

use std::path::PathBuf;

use mdbitmap::format::md::{HostOrder, MdVersion, NewArray, NewMember, ResyncPoint};
use mdbitmap::units::{Events, Sectors, Slot};

use super::{create, examined};
use crate::support::{image, json, temp_dir};

const DEVICE: Sectors = Sectors::new(65_536);
const UUID: &str = "01234567:89abcdef:fedcba98:76543210";

fn mirror(version: MdVersion) -> NewArray {
    let mut array = NewArray::mirror(version, UUID.parse().unwrap(), 2, Sectors::new(40_000));
    array.events = Events::new(17);
    array
}

/// An image of the first member of `array`.
fn member(dir: &tempfile::TempDir, array: &NewArray) -> PathBuf {
    let new = NewMember { slot: Slot(0), device: DEVICE, device_uuid: [7; 16], numbers: (7, 0) };
    let member = array.member(&new).unwrap();
    let at = member.view().super_offset.to_bytes().unwrap().get();
    image(dir, "member", DEVICE.get() * 512, &[(at, member.raw())])
}

#[test]
fn a_member_of_any_version_tells_what_is_needed() {
    let old = [HostOrder::Little, HostOrder::Big].map(MdVersion::V0_90);
    for version in [MdVersion::V1_0, MdVersion::V1_1, MdVersion::V1_2].into_iter().chain(old) {
        let dir = temp_dir();
        let array = NewArray { bitmap_offset: None, ..mirror(version) };
        let (member, path) = (member(&dir, &array), dir.path().join("bitmap"));
        let run = create(&path, &["--array", member.to_str().unwrap(), "--json", "--clean"]);
        assert_eq!(run.status, 0, "{version:?}: {}", run.err);
        let told = json(&run.out, "create.schema.json");
        assert_eq!(told["array"]["metadata"], version.as_str());
        assert_eq!(told["uuid"], array.uuid.display_for(version));
        assert_eq!(told["notes"], serde_json::json!([]));
        let found = examined(&path);
        assert_eq!(found["sync_size_sectors"], 40_000, "{version:?}");
        assert_eq!((&found["events"], &found["events_cleared"]), (&17.into(), &17.into()));
        assert_eq!(found["chunks_dirty"], 0);
        let uuid = std::fs::read(&path).unwrap()[8..24].to_vec();
        assert_eq!(uuid, array.uuid.bytes(), "{version:?}");
    }
}

#[test]
fn options_that_contradict_the_array_are_errors() {
    let dir = temp_dir();
    let member = member(&dir, &mirror(MdVersion::V1_2));
    let member = member.to_str().unwrap();
    let path = dir.path().join("bitmap");
    for (args, message) in [
        (["-z", "19999"], "smaller than the 40000 sectors of the array"),
        (["-z", "20001"], "larger than the 40000 sectors of the array"),
        (["-u", "fedcba98:76543210:01234567:89abcdef"], "--uuid differs from the array's, 01234"),
    ] {
        let run = create(&path, &[&args[..], &["--array", member]].concat());
        assert_eq!(run.status, 2, "{}", run.err);
        assert!(run.err.contains(message), "{}", run.err);
    }
    let same = create(&path, &["-z", "20000", "-u", UUID, "--array", member]);
    assert_eq!(same.status, 0, "{}", same.err);
    assert!(same.out.contains("has an internal bitmap"), "{}", same.out);
}

#[test]
fn a_uuid_of_0_90_is_taken_as_mdadm_prints_it() {
    let dir = temp_dir();
    let version = MdVersion::V0_90(HostOrder::Little);
    let member = member(&dir, &mirror(version));
    let printed = mirror(version).uuid.display_for(version);
    assert_ne!(printed, UUID);
    let args = ["--array", member.to_str().unwrap(), "-u", &printed];
    assert_eq!(create(&dir.path().join("bitmap"), &args).status, 0);
}

#[test]
fn nobody_vouches_against_the_superblock() {
    let dir = temp_dir();
    let array = NewArray { resync: ResyncPoint::From(Sectors::ZERO), ..mirror(MdVersion::V1_2) };
    let member = member(&dir, &array);
    let path = dir.path().join("bitmap");
    let refused = create(&path, &["--clean", "--array", member.to_str().unwrap()]);
    assert_eq!(refused.status, 3);
    assert!(refused.err.contains("not shut down cleanly"), "{}", refused.err);
    assert!(!path.exists());
    assert_eq!(create(&path, &["--array", member.to_str().unwrap()]).status, 0);
}

#[test]
fn a_member_does_not_become_its_own_bitmap() {
    let dir = temp_dir();
    let member = member(&dir, &mirror(MdVersion::V1_2));
    let before = std::fs::read(&member).unwrap();
    let args = ["--array", member.to_str().unwrap(), "--force=overwrite"];
    let run = create(&member, &args);
    assert_eq!(run.status, 3);
    assert!(run.err.contains("it is what --array names"), "{}", run.err);
    assert!(std::fs::read(&member).unwrap() == before);
}

#[test]
fn what_is_no_member_is_said_so() {
    let dir = temp_dir();
    let empty = image(&dir, "empty", 1 << 20, &[]);
    let run = create(&dir.path().join("bitmap"), &["--array", empty.to_str().unwrap()]);
    assert_eq!(run.status, 4);
    assert!(run.err.contains("no md superblock of any version"), "{}", run.err);
    let run = create(&dir.path().join("bitmap"), &["--array", "/no/such/thing"]);
    assert_eq!(run.status, 5);
}
