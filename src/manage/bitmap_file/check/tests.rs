//! Every answer of the kernel that can be foreseen is given before it is asked.

use std::sync::atomic::AtomicBool;

use nix::errno::Errno;

use super::*;
use crate::error::Kind;
use crate::format::bitmap::NewBitmap;
use crate::guard::InUse;
use crate::manage::bitmap_file::Writer;
use crate::sysfs::System;

const UUID: [u8; 16] = [7; 16];
const COVERED: Sectors = Sectors::new(80_000);

fn new() -> NewBitmap {
    NewBitmap {
        uuid: UUID,
        events: Events::new(20),
        events_cleared: Events::new(20),
        sync_size: COVERED,
        chunk: ChunkSize::from_bytes(65536).unwrap(),
        delay: 5,
        write_behind: 0,
        sectors_reserved: 0,
    }
}

fn wanted() -> Wanted {
    let uuid = Some((MdUuid::from_bytes(UUID), MdVersion::V1_2));
    Wanted { uuid, events: Events::new(20), covered: COVERED, clean: false }
}

/// A file with these bytes in front and as much as 8 KiB in all, seen on a friendly file system.
fn with(header: &[u8], length: usize) -> BitmapFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut bytes = header.to_vec();
    bytes.resize(length, 0);
    std::fs::write(file.path(), bytes).unwrap();
    let stop = AtomicBool::new(false);
    let mut found = BitmapFile::open(file.path(), &System::default(), &stop).unwrap();
    found.facts.map = Map::Whole;
    found.facts.writers.clear();
    found.facts.mode = 0o600;
    found
}

fn good() -> BitmapFile {
    with(&new().encode().0, 8192)
}

fn refused(file: &BitmapFile, kind: Kind, expected: &str) {
    let error = check(file, &wanted()).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(expected), "{error}");
}

fn notes(file: &BitmapFile, wanted: &Wanted) -> Vec<&'static str> {
    check(file, wanted).unwrap().iter().map(|note| note.code).collect()
}

#[test]
fn the_array_s_own_bitmap_is_taken_without_a_word() {
    assert_eq!(notes(&good(), &wanted()), [""; 0]);
}

#[test]
fn what_others_use_is_refused_and_named() {
    let mut file = good();
    file.facts.in_use = vec![InUse::BitmapFileOf { array: "md5".into() }];
    refused(&file, Kind::Refused, "md5");
    file.facts.in_use.clear();
    file.facts.writers = vec![Writer { pid: 12, name: "rsync".into() }];
    refused(&file, Kind::Refused, "rsync (process 12)");
}

#[test]
fn what_is_no_bitmap_for_the_kernel_is_damaged() {
    refused(&with(b"hello", 8192), Kind::Damaged, "not a bitmap");
    refused(&with(&[], 0), Kind::Damaged, "empty");
    let mut raw = new().encode();
    raw.set_daemon_sleep(0);
    refused(&with(&raw.0, 8192), Kind::Damaged, "sweep interval");
    raw = new().encode();
    raw.set_version(6);
    refused(&with(&raw.0, 8192), Kind::Refused, "lockless");
    raw.set_version(5);
    refused(&with(&raw.0, 8192), Kind::Refused, "cluster");
}

#[test]
fn another_array_s_is_refused_but_where_there_is_no_uuid() {
    let file = with(&NewBitmap { uuid: [8; 16], ..new() }.encode().0, 8192);
    refused(&file, Kind::Refused, "another array");
    assert_eq!(notes(&file, &Wanted { uuid: None, ..wanted() }), [""; 0]);
}

#[test]
fn the_length_is_what_the_array_takes_and_not_what_the_file_says() {
    // 625 chunks, 79 bytes of bits.
    assert_eq!(notes(&with(&new().encode().0, 256 + 79), &wanted()), [""; 0]);
    refused(&with(&new().encode().0, 256 + 78), Kind::Damaged, "334 bytes of the 335");
    let grown = Wanted { covered: Sectors::new(90_000_000), ..wanted() };
    let error = check(&good(), &grown).unwrap_err();
    assert!(error.to_string().contains("too short"), "{error}");
}

#[test]
fn blocks_that_the_kernel_reads_must_have_a_place() {
    let mut file = good();
    file.facts.map = Map::HoleAt(Bytes::new(0));
    refused(&file, Kind::Refused, "hole at byte 0");
    // The whole first page is read, but not the second.
    file.facts.map = Map::HoleAt(Bytes::new(4095));
    refused(&file, Kind::Refused, "hole");
    file.facts.map = Map::HoleAt(Bytes::new(4096));
    check(&file, &wanted()).unwrap();
    file.facts.map = Map::Never;
    refused(&file, Kind::Refused, "ext4");
}

#[test]
fn a_file_nobody_may_write_is_refused() {
    let mut file = good();
    file.facts.unwritable = Some(Errno::EROFS);
    refused(&file, Kind::Refused, "Read-only file system");
}

#[test]
fn bits_that_the_kernel_will_not_believe_are_told() {
    let late = Wanted { events: Events::new(21), ..wanted() };
    assert_eq!(notes(&good(), &late), ["stale-bitmap"]);
    let message = check(&good(), &late).unwrap().remove(0).message;
    assert!(message.contains("resyncs all"), "{message}");
    let clean = check(&good(), &Wanted { clean: true, ..late }).unwrap().remove(0).message;
    assert!(clean.contains("nothing is resynced"), "{clean}");
    let mut raw = new().encode();
    raw.set_state(StateFlags::STALE);
    assert_eq!(notes(&with(&raw.0, 8192), &wanted()), ["stale-bitmap"]);
    // A bitmap ahead of the array is believed.
    assert_eq!(notes(&good(), &Wanted { events: Events::new(3), ..wanted() }), [""; 0]);
}

#[test]
fn what_is_odd_is_told() {
    let mut file = with(&NewBitmap { sync_size: Sectors::new(9), ..new() }.encode().0, 8192);
    assert_eq!(notes(&file, &wanted()), ["other-size"]);
    file.facts.mode = 0o666;
    assert_eq!(notes(&file, &wanted()), ["other-size", "exposed-bitmap"]);
}
