//! A missing member replaced offline: what is said first, what comes of it, what is refused.

use std::fs;

use super::array::{Array, clean, events, failed};
use super::told;
use crate::support::run;

/// Member 2 failed and was removed at event 10; the others went on to event 19 and were stopped.
fn degraded() -> Array {
    let array = Array::new();
    for slot in 0..2 {
        array.edit(slot, |raw| {
            clean(raw);
            failed(raw, 2);
        });
    }
    array.edit(2, |raw| events(raw, 10));
    // Of one content, as members of a clean array are.
    fs::copy(array.members()[0], array.path("right")).unwrap();
    array
}

fn blank(array: &Array, bytes: u64) -> String {
    let path = array.file("new.img", &[]);
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(bytes).unwrap();
    path
}

fn size(array: &Array) -> u64 {
    fs::metadata(array.members()[0]).unwrap().len()
}

#[test]
fn a_dry_run_tells_and_writes_nothing_and_a_run_completes_the_array() {
    let array = degraded();
    let new = blank(&array, size(&array));
    let (replace, members) = (format!("2={new}"), array.members());
    let before = (array.images(), fs::read(&new).unwrap());
    let said = told(&["--dry-run", "--replace", &replace], &members[..2], 0);
    assert_eq!((&said["decision"], &said["outcome"]), (&"full".into(), &"planned".into()));
    assert!(said["reason"].as_str().unwrap().contains("slot 2 is filled anew with"), "{said}");
    assert_eq!(said["replaced"][0]["complete"], false);
    assert_eq!(said["array"]["members"][2]["state"], "new");
    assert_eq!(said["array"]["missing"], serde_json::json!([]));
    assert!(before == (array.images(), fs::read(&new).unwrap()));

    let said = told(&["--replace", &replace], &members[..2], 0);
    assert_eq!((&said["outcome"], &said["chunks_dirty_after"]), (&"done".into(), &0.into()));
    assert_eq!(
        (&said["replaced"][0]["slot"], &said["replaced"][0]["complete"]),
        (&2.into(), &true.into())
    );
    let at = usize::try_from(array.practice.data_offset.get() * 512).unwrap();
    let len = array.data(0).len();
    assert!(fs::read(&new).unwrap()[at..at + len] == array.data(0));
    // By the same command, and as a member like the others.
    assert_eq!(told(&["--replace", &replace], &members[..2], 0)["decision"], "nothing");
    assert_eq!(told(&[], &[members[0], members[1], &new], 0)["decision"], "nothing");
    // The old one is not taken back.
    let old = run(["resync", "--json", members[0], members[1], &new, members[2]]);
    assert_eq!(old.status, 0, "{old:?}");
    assert!(old.out.contains("\"outside\""), "{}", old.out);
}

#[test]
fn a_person_reads_who_takes_which_place() {
    let array = degraded();
    let new = blank(&array, size(&array));
    let replace = format!("--replace=2={new}");
    let args = ["resync", "--progress=none", &replace, array.members()[0], array.members()[1]];
    let first = run(args);
    assert_eq!((first.status, first.err.as_str()), (0, ""));
    for part in ["new", "Full resync, 16.00 MiB: slot 2 is filled anew", "The array is clean."] {
        assert!(first.out.contains(part), "{part} in {}", first.out);
    }
    assert!(!first.out.contains("is missing"), "{}", first.out);
}

/// Exit 3 with `why`, dry or not, and not a byte changed.
fn refused(array: &Array, new: &str, args: &[&str], why: &str) {
    let before = (array.images(), fs::read(new).unwrap());
    for dry in [&["--dry-run"][..], &[]] {
        let run = run([&["resync", "--json"], dry, args].concat());
        assert_eq!((run.status, run.out.as_str()), (3, ""), "{args:?}: {}", run.err);
        assert!(run.err.contains(why), "{why} in {}", run.err);
        assert!(before == (array.images(), fs::read(new).unwrap()), "{why}");
    }
}

#[test]
fn what_must_not_be_replaced_or_written_over_is_refused_with_its_reason() {
    let array = degraded();
    let new = blank(&array, size(&array));
    let members = array.members();
    let [a, b, old] = [members[0], members[1], members[2]];
    let at = |slot: u16, path: &str| format!("--replace={slot}={path}");
    refused(&array, &new, &[&at(1, &new), a, b], "slot 1 is not missing");
    refused(&array, &new, &[&at(2, &new), a, b, old], "is behind");
    refused(&array, &new, &[&at(2, a), a, b], "the same as");
    refused(&array, &new, &[&at(2, old), a, b], "it was a member of this array, in slot 2");
    refused(&array, &new, &[&at(2, b), "--force=overwrite", a], "may be in sync");
    let small = blank(&array, 1 << 20);
    refused(&array, &small, &[&at(2, &small), a, b], "too small");
    let mut bytes = vec![0; usize::try_from(size(&array)).unwrap()];
    bytes[0x438..0x43a].copy_from_slice(&[0x53, 0xef]);
    let used = array.file("used.img", &bytes);
    refused(&array, &used, &[&at(2, &used), a, b], "it carries an ext2, ext3 or ext4 file system");
    let forced = told(&["--force=overwrite", &at(2, &used)], &[a, b], 0);
    assert_eq!(forced["replaced"][0]["complete"], true);
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    let array = degraded();
    let new = blank(&array, size(&array));
    let members = array.members();
    for (args, why) in [
        (vec![format!("--replace=7={new}")], "no slot 7"),
        (vec!["--replace=2".into()], "SLOT=DEV"),
        (vec!["--replace=two=x".into()], "not the number of a slot"),
        (vec!["--replace=2=".into()], "no device"),
        (vec!["--force=overwrite".into()], "--replace"),
    ] {
        let run = run(["resync"]
            .into_iter()
            .chain(args.iter().map(String::as_str))
            .chain(members[..2].iter().copied()));
        assert_eq!(run.status, 2, "{args:?}: {run:?}");
        assert!(run.err.contains(why), "{why} in {}", run.err);
    }
}
