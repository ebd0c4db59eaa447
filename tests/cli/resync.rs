//! `mdbitmap resync`: what it decides, what it says, what it leaves behind.

use serde_json::Value;

use array::Array;

use crate::support::{self, json, mdadm, run};

pub(crate) mod array;
mod bad;
mod bitmaps;
mod build;
mod care;
mod checkpoint;
mod engine;
mod lockless;
mod members;
mod output;
mod readonly;
mod refusals;
mod replace;
mod signals;

/// What a program is told of a run with `args` on `members`, which must end with `status`.
fn told(args: &[&str], members: &[&str], status: i32) -> Value {
    let run = run([&["resync", "--json"], args, members].concat());
    assert_eq!(run.status, status, "{args:?} {}", run.err);
    json(&run.out, "resync.schema.json")
}

#[test]
fn after_a_power_cut_dirty_chunks_are_copied_and_a_second_run_finds_nothing() {
    for (name, version) in array::VERSIONS {
        let array = Array::of(version);
        let (good, dirty) = (array.data(0), array.practice.dirty_chunks().get());
        assert_ne!(array.practice.differences().unwrap(), []);
        let first = told(&[], &array.members(), 0);
        assert_eq!((&first["decision"], &first["outcome"]), (&"partial".into(), &"done".into()));
        assert_eq!(first["array"]["uuid"], array.practice.uuid.display_for(version), "{name}");
        assert_eq!(first["chunks_total"], array.practice.chunks().get());
        assert_eq!(first["chunks_dirty_before"], dirty);
        assert_eq!(first["chunks_synced"], dirty);
        assert_eq!(first["chunks_dirty_after"], 0);
        assert_eq!(first["bytes_read"], first["bytes_total"]);
        array.assert_settled();
        assert!(array.data(0) == good, "{name}");

        let images = array.images();
        let second = told(&[], &array.members(), 0);
        assert_eq!((&second["decision"], &second["outcome"]), (&"nothing".into(), &"done".into()));
        assert_eq!(second["bytes_total"], 0);
        assert!(array.images() == images, "{name}");
    }
}

#[test]
fn mdadm_finds_the_members_clean_afterwards() {
    if !support::have_mdadm() {
        return;
    }
    for (name, version) in array::VERSIONS {
        let array = Array::of(version);
        told(&[], &array.members(), 0);
        for member in array.members() {
            let said = mdadm(["-E", member]);
            assert_eq!(said.status, 0, "{said:?}");
            let state = said.out.lines().find(|line| line.trim_start().starts_with("State :"));
            assert_eq!(state.unwrap().trim(), "State : clean", "{name}");
            assert!(said.out.contains("- correct"), "{name}: {}", said.out);
        }
    }
}

#[test]
fn full_copies_everything_whatever_the_bits_say() {
    let array = Array::new();
    told(&[], &array.members(), 0);
    // Where no bit is set, so nobody but --full would find it.
    array.spoil(2);
    assert_eq!(told(&[], &array.members(), 0)["decision"], "nothing");
    assert_ne!(array.practice.differences().unwrap(), []);
    let full = told(&["--full"], &array.members(), 0);
    assert_eq!((&full["decision"], &full["outcome"]), (&"full".into(), &"done".into()));
    assert_eq!(full["bytes_total"], 16 << 20);
    assert_eq!(full["chunks_synced"], full["chunks_total"]);
    array.assert_settled();
}

#[test]
fn the_words_for_a_person_say_decision_part_and_result() {
    let array = Array::new();
    let args = [&["resync", "--progress", "none"], &array.members()[..]].concat();
    let first = run(&args);
    assert_eq!((first.status, first.err.as_str()), (0, ""));
    for part in ["source", "target", "Partial resync, 21 of 256 chunks", "The array is clean."] {
        assert!(first.out.contains(part), "{part} in {}", first.out);
    }
    let second = run(&args);
    assert!(second.out.contains("Nothing to do: the array was shut down cleanly"), "{second:?}");
}

#[test]
fn a_limit_that_is_none_is_a_usage_error() {
    let array = Array::new();
    let before = array.images();
    for bad in ["0", "0K", "fast", "1X", "-1", "1.5M", "", "99999999999999P"] {
        let limit = format!("--limit={bad}");
        let run = run([&["resync", &limit], &array.members()[..]].concat());
        assert_eq!(run.status, 2, "{bad}: {run:?}");
    }
    assert!(array.images() == before);
    assert_eq!(told(&["--limit", "100M"], &array.members(), 0)["outcome"], "done");
}

#[test]
fn what_is_no_member_is_damaged_and_what_is_missing_is_io() {
    let array = Array::new();
    let other = array.file("other", &[7; 1 << 20]);
    let missing = array.path("missing");
    let directory = array.practice.dir.to_str().unwrap();
    for (last, status, message) in [
        (other.as_str(), 4, "no md superblock: not a member of an array"),
        (&missing, 5, "No such file or directory"),
        (directory, 2, "neither a regular file nor a block device"),
    ] {
        let before = array.images();
        let run = run(["resync", "--json", array.members()[0], last]);
        assert_eq!((run.status, run.out.as_str()), (status, ""), "{}", run.err);
        assert!(run.err.contains(last) && run.err.contains(message), "{}", run.err);
        assert!(array.images() == before);
    }
    assert_eq!(run(["resync"]).status, 2);
}
