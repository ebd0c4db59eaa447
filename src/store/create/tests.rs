//! What only happens between two system calls.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;

use super::place::{DevicePlace, FilePlace, Place};
use super::*;
use crate::error::Kind;
use crate::format::bitmap::{decode, superblock::MAGIC};
use crate::guard::Entry;
use crate::units::{Bytes, Chunks};

fn options(path: &Path) -> CreateOptions {
    CreateOptions {
        path: path.to_owned(),
        chunk: ChunkSize::from_bytes(512),
        delay: 5,
        size: Some(Sectors::new(100_000)),
        uuid: None,
        write_behind: 0,
        clean: false,
        array: None,
        overwrite: false,
        dry_run: false,
    }
}

fn a_plan(path: &Path) -> Plan {
    plan::plan(&options(path), None).unwrap()
}

fn file_place(dir: &TempDir) -> FilePlace {
    let path = dir.path().join("bitmap");
    let entry = Entry::find(&path).unwrap();
    FilePlace { path, entry, old: None }
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_file_that_appears_meanwhile_is_not_replaced() {
    let dir = TempDir::new().unwrap();
    let place = file_place(&dir);
    fs::write(&place.path, "somebody else's").unwrap();
    let error = file::write(&place, &a_plan(&place.path), &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(fs::read(&place.path).unwrap(), b"somebody else's");
    assert_eq!(names(&dir), ["bitmap"]);
}

#[test]
fn the_directory_that_was_judged_is_the_one_that_is_written_to() {
    let dir = TempDir::new().unwrap();
    let (ours, moved) = (dir.path().join("ours"), dir.path().join("moved"));
    fs::create_dir(&ours).unwrap();
    let path = ours.join("bitmap");
    for overwrite in [false, true] {
        let wanted = CreateOptions { overwrite, ..options(&path) };
        let Place::File(place) = Place::judge(&wanted, &System::default()).unwrap() else {
            panic!("a file is no device");
        };
        fs::rename(&ours, &moved).unwrap();
        fs::create_dir(&ours).unwrap();
        fs::write(&path, "precious").unwrap();
        file::write(&place, &a_plan(&path), &AtomicBool::new(false)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        assert!(decode(&fs::read(moved.join("bitmap")).unwrap()).value.is_some());
        fs::remove_dir_all(&ours).unwrap();
        fs::rename(&moved, &ours).unwrap();
    }
}

#[test]
fn what_is_replaced_is_what_was_looked_at() {
    let dir = TempDir::new().unwrap();
    let mut place = file_place(&dir);
    fs::write(&place.path, "looked at").unwrap();
    place.old = Some(File::open(&place.path).unwrap());
    place.still_there().unwrap();
    fs::remove_file(&place.path).unwrap();
    assert_eq!(place.still_there().unwrap_err().kind(), Kind::Refused);
    fs::write(&place.path, "precious").unwrap();
    assert_eq!(place.still_there().unwrap_err().kind(), Kind::Refused);
    // Seen when it gets its name, however long it was written.
    let error = file::write(&place, &a_plan(&place.path), &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert_eq!(fs::read(&place.path).unwrap(), b"precious");
    assert_eq!(names(&dir), ["bitmap"]);
}

#[test]
fn a_temporary_name_does_where_nameless_files_are_unknown() {
    for replace in [false, true] {
        let dir = TempDir::new().unwrap();
        let mut place = file_place(&dir);
        if replace {
            fs::write(&place.path, "old").unwrap();
            place.old = Some(File::open(&place.path).unwrap());
        }
        let temp = file::Temp::named_from_the_start(&place).unwrap();
        assert_eq!(names(&dir).len(), if replace { 2 } else { 1 });
        temp.publish().unwrap();
        assert_eq!(names(&dir), ["bitmap"]);
        assert_eq!(fs::metadata(&place.path).unwrap().len(), 0);
        drop(file::Temp::named_from_the_start(&place).unwrap());
        assert_eq!(names(&dir), ["bitmap"]);
    }
}

#[test]
fn a_file_on_a_system_without_links_is_claimed_first() {
    let dir = TempDir::new().unwrap();
    let place = file_place(&dir);
    let mut temp = file::Temp::named_from_the_start(&place).unwrap();
    temp.claim().unwrap();
    assert_eq!(temp.claim(), Err(nix::errno::Errno::EEXIST));
    temp.replace().unwrap();
    drop(temp);
    assert_eq!(names(&dir), ["bitmap"]);
}

#[test]
fn a_stopped_device_holds_no_valid_bitmap_old_or_new() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("device");
    let plan = a_plan(&path);
    let mut old = plan.bitmap.encode().0.to_vec();
    old.resize(1 << 20, 0);
    fs::write(&path, &old).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let place = DevicePlace { path: path.clone(), file, size: Bytes::new(1 << 20), carries: None };
    let error = device::write(&place, &plan, &AtomicBool::new(true)).unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    assert_ne!(fs::read(&path).unwrap()[..4], MAGIC.to_le_bytes());
    device::write(&place, &plan, &AtomicBool::new(false)).unwrap();
    let value = decode(&fs::read(&path).unwrap()).value.unwrap();
    assert_eq!(value.chunks(), Chunks::new(100_000));
}

#[test]
fn bits_come_in_order_and_in_small_blocks() {
    let mut wide = options(Path::new("x"));
    wide.size = Some(Sectors::new(8 * (5 << 19)));
    let plan = plan::plan(&wide, None).unwrap();
    let (mut at, mut most) = (256, 0);
    let put = |offset: u64, block: &[u8]| {
        assert_eq!(offset, at);
        assert!(block.iter().all(|byte| *byte == 0xff));
        (at, most) = (at + block.len() as u64, most.max(block.len()));
        Ok(())
    };
    blocks::bits((plan.bytes, plan.clean), &AtomicBool::new(false), put, |e| panic!("{e}"))
        .unwrap();
    assert_eq!((at, most), (plan.bytes.get(), 1 << 20));
}
