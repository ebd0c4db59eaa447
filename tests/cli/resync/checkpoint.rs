//! A full resync without a bitmap goes on where it stopped, if somebody names a file for that.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::array::Array;
use super::told;
use crate::support::run;

/// Killed as soon as something is kept of it; the limit makes that a part of all.
fn killed_midway(array: &Array, file: &str) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mdbitmap"))
        .args(["resync", "--full", "--limit", "4M", "--checkpoint", file])
        .args(array.members())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while fs::metadata(file).map_or(0, |meta| meta.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it was done before it was stopped");
        sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn it_goes_on_from_a_checkpoint_and_takes_it_away_at_the_end() {
    let array = Array::new().without_bitmap();
    let file = array.path("checkpoint");
    killed_midway(&array, &file);
    let said = told(&["--full", "--checkpoint", &file], &array.members(), 0);
    assert_eq!((&said["decision"], &said["outcome"]), (&"full".into(), &"done".into()));
    assert!(said["bytes_read"].as_u64() < said["bytes_total"].as_u64(), "it began anew: {said}");
    assert_eq!(array.practice.differences().unwrap(), []);
    assert!(!Path::new(&file).exists());
}

#[test]
fn a_checkpoint_of_other_members_does_not_count() {
    let (one, other) = (Array::new().without_bitmap(), other());
    let file = one.path("checkpoint");
    killed_midway(&one, &file);
    let said = told(&["--full", "--checkpoint", &file], &other.members(), 0);
    assert_eq!(said["bytes_read"], said["bytes_total"], "{said}");
    assert_eq!(other.practice.differences().unwrap(), []);
}

fn other() -> Array {
    let uuid = "76543210:fedcba98:89abcdef:01234567";
    Array::with_uuid(mdbitmap::format::md::MdVersion::V1_2, uuid).without_bitmap()
}

#[test]
fn it_is_for_full_resyncs_without_a_bitmap() {
    let array = Array::new();
    let file = array.path("checkpoint");
    let members = array.members();
    let with = |options: &[&str]| {
        let mut all = vec!["resync"];
        all.extend(options);
        all.extend(&members);
        run(all).status
    };
    assert_eq!(with(&["--checkpoint", &file]), 2);
    assert_eq!(with(&["--full", "--checkpoint", &file]), 2, "the array has a bitmap");
    let precious = array.file("precious", b"data");
    let bare = Array::new().without_bitmap();
    let mut all = vec!["resync", "--full", "--checkpoint", &precious];
    all.extend(bare.members());
    assert_eq!(run(all).status, 3);
    assert_eq!(fs::read(&precious).unwrap(), b"data");
}
