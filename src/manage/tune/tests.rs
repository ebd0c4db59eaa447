//! What is refused before the kernel is asked, and a made-up machine.

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::error::Kind;
use crate::running;

/// An array in a made-up sysfs.
fn machine(files: &[(&str, &str)]) -> (tempfile::TempDir, System) {
    let root = tempfile::tempdir().unwrap();
    let md = root.path().join("sys/block/md0/md");
    let usual = [
        ("array_state", "clean"),
        ("level", "raid1"),
        ("bitmap/location", "+8"),
        ("bitmap/metadata", "internal"),
        ("bitmap/time_base", "5.000"),
        ("bitmap/backlog", "0"),
        ("bitmap/max_backlog_used", "3"),
        ("dev-sda/slot", "0"),
        ("dev-sda/state", "in_sync"),
        ("dev-sdb/slot", "1"),
        ("dev-sdb/state", "in_sync"),
    ];
    for (path, text) in usual.iter().chain(files) {
        let path = md.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }
    fs::create_dir_all(root.path().join("dev")).unwrap();
    fs::write(root.path().join("dev/md0"), "").unwrap();
    let system = System::at(root.path());
    (root, system)
}

fn of(files: &[(&str, &str)]) -> Array {
    let (_root, system) = machine(files);
    running::look("md0", &system).unwrap().unwrap()
}

fn refused(files: &[(&str, &str)], write_behind: Option<u32>, expected: &str) {
    let options = TuneOptions { write_behind, delay: Some(1), dry_run: false };
    let error = possible(&of(files), &options).unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn write_behind_needs_a_member_that_may_lag() {
    refused(&[], Some(1), "no member is write-mostly");
    refused(&[("dev-sdb/state", "faulty,write_mostly")], Some(1), "no member is write-mostly");
    refused(&[("level", "raid10"), ("dev-sdb/state", "write_mostly")], Some(1), "raid1 only");
    let options = TuneOptions { write_behind: Some(1), ..TuneOptions::default() };
    possible(&of(&[("dev-sdb/state", "in_sync,write_mostly")]), &options).unwrap();
    let off = TuneOptions { write_behind: Some(0), ..TuneOptions::default() };
    possible(&of(&[]), &off).unwrap();
}

#[test]
fn without_such_a_bitmap_nothing_can_be_set() {
    refused(&[("bitmap/location", "none")], None, "no bitmap");
    refused(&[("llbitmap/bits", "")], None, "lockless");
}

#[test]
fn what_is_asked_is_written_read_back_and_told() {
    let (root, system) = machine(&[("dev-sdb/state", "in_sync,write_mostly")]);
    let options = TuneOptions { delay: Some(7), write_behind: Some(256), dry_run: true };
    let would = tune(&PathBuf::from("md0"), &options, &system);
    let Ok(would) = would else { return }; // Only root gets so far.
    assert_eq!(would.steps.len(), 2);
    let set = |key: &str| fs::read_to_string(root.path().join("sys/block/md0/md").join(key));
    assert_eq!(set("bitmap/backlog").unwrap(), "0\n");
    let shown = tune(&PathBuf::from("md0"), &TuneOptions::default(), &system).unwrap();
    assert!(shown.steps.is_empty());
    assert_eq!(shown.facts[0].value, FactValue::Number(5));
    assert_eq!(shown.facts[2].value, FactValue::Number(3));
}

#[test]
fn fractions_of_nothing_are_none() {
    assert_eq!(whole_seconds("5.000\n"), "5");
    assert_eq!(whole_seconds("5.250"), "5.250");
    assert_eq!(whole_seconds("12"), "12");
}
