//! Made-up machines, some of which lie, and waiting without a clock.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;

use super::*;
use crate::error::Kind;
use crate::sysfs::System;

mod recorded;

fn machine(files: &[(&str, &str)]) -> (TempDir, System) {
    let root = TempDir::new().unwrap();
    for (path, text) in files {
        let path = root.path().join("sys/block").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let system = System::at(root.path());
    (root, system)
}

const RESYNCING: &[(&str, &str)] = &[
    ("md0/md/array_state", "active\n"),
    ("md0/md/level", "raid1\n"),
    ("md0/md/metadata_version", "1.2\n"),
    ("md0/md/raid_disks", "2\n"),
    ("md0/md/degraded", "0\n"),
    ("md0/md/bitmap/location", "+8\n"),
    ("md0/md/bitmap/metadata", "internal\n"),
    ("md0/md/bitmap/chunksize", "65536\n"),
    ("md0/md/sync_action", "resync\n"),
    ("md0/md/sync_completed", "1024 / 4096\n"),
    ("md0/md/sync_speed", "256\n"),
    ("md0/md/mismatch_cnt", "128\n"),
    ("md0/md/dev-sdb/slot", "1\n"),
    ("md0/md/dev-sdb/state", "in_sync,write_mostly\n"),
    ("md0/md/dev-sda/slot", "0\n"),
    ("md0/md/dev-sda/state", "in_sync\n"),
    ("md0/md/dev-sdc/slot", "none\n"),
    ("md0/md/dev-sdc/state", "spare\n"),
    ("md1/md/array_state", "clear\n"),
    ("mdx/size", "0\n"),
];

#[test]
fn an_array_is_what_its_attributes_say() {
    let (_root, system) = machine(RESYNCING);
    let found = all(&system).unwrap();
    assert_eq!(found.len(), 1, "neither cleared nor half-made devices are arrays");
    let array = &found[0];
    assert_eq!((array.level.as_deref(), array.state), (Some("raid1"), "active"));
    let names: Vec<_> = array.members.iter().map(|m| (m.name.as_str(), m.is_in_sync())).collect();
    assert_eq!(names, [("sda", true), ("sdb", true), ("sdc", false)]);
    assert_eq!((array.bitmap.kind, array.bitmap.offset), (BitmapKind::Internal, Some(8)));
    let (done, total) = (Bytes::new(512 << 10), Bytes::new(2 << 20));
    assert_eq!(array.sync.progress, Progress::At { done, total });
    assert_eq!((array.sync.eta(), array.mismatches), (Some(6), Some(Sectors::new(128))));
}

#[test]
fn hostile_texts_become_none() {
    let huge = "9".repeat(5000);
    let (root, system) = machine(&[
        ("md0/md/array_state", "\u{1b}[2J"),
        ("md0/md/level", "ra id1\u{7}"),
        ("md0/md/raid_disks", "99999999999999999999999"),
        ("md0/md/degraded", "-1"),
        ("md0/md/bitmap/location", "+99999999999999999999"),
        ("md0/md/bitmap/chunksize", "0"),
        ("md0/md/sync_action", "party"),
        ("md0/md/sync_completed", "9 / 0"),
        ("md0/md/sync_speed", "18446744073709551615"),
        ("md0/md/mismatch_cnt", &huge),
        ("md0/md/dev-a/slot", "65536"),
        ("md0/md/dev-a/state", "in_sync,\u{1b}[1m,,X"),
    ]);
    symlink("/dev/zero", root.path().join("sys/block/md0/md/uuid")).unwrap();
    let array = look("md0", &system).unwrap().unwrap();
    assert_eq!((array.state, array.level, array.uuid), ("unknown", None, None));
    assert_eq!((array.raid_disks, array.degraded, array.mismatches), (None, None, None));
    assert_eq!((array.bitmap.kind, array.bitmap.chunk), (BitmapKind::Unknown, None));
    assert_eq!((array.sync.action, array.sync.progress), (Action::Unknown, Progress::None));
    assert_eq!((array.sync.speed, array.sync.eta()), (None, None));
    assert_eq!(array.members[0].slot, None);
    assert_eq!(array.members[0].states, ["in_sync"]);
}

#[test]
fn progress_is_believed_only_where_it_makes_sense() {
    for text in ["none", "", "5 / 4", "1 / 0", "0 / 0", "+1 / 2", "1/2", "1 / 99999999999999999999"]
    {
        assert_eq!(parse::progress(text), Progress::None, "{text}");
    }
    assert_eq!(parse::progress("delayed"), Progress::Delayed);
}

#[test]
fn every_kind_of_bitmap_is_known() {
    use BitmapKind::{Clustered, File, Internal, Lockless, None as No, Unknown};
    let table = [
        (None, false, false, (No, None)),
        (None, true, false, (Lockless, None)),
        (Some("none"), true, false, (No, None)),
        (Some("file"), false, false, (File, None)),
        (Some("-16"), false, false, (Internal, Some(-16))),
        (Some("+8"), true, false, (Lockless, Some(8))),
        (Some("+8"), false, true, (Clustered, Some(8))),
        (Some("8"), false, false, (Unknown, None)),
        (Some("+-8"), false, false, (Unknown, None)),
    ];
    for (location, lockless, clustered, expected) in table {
        assert_eq!(parse::bitmap(location, lockless, clustered), expected, "{location:?}");
    }
}

#[test]
fn the_kernel_counts_the_states_of_a_lockless_bitmap() {
    let six = "unwritten 5\nclean 4\ndirty 3\nneed sync 2\nsyncing 1\n";
    let eight = "need sync unwritten 9\nsyncing unwritten 8\nclean unwritten 7\n";
    let of = |text: &str| parse::states(text).map(|n| (n.dirty.get(), n.total.get()));
    assert_eq!(of(six), Some((6, 15)));
    assert_eq!(of(&format!("{six}{eight}")), Some((6, 39)));
    assert_eq!(of("clean 1\nnews to us 2\n"), Some((2, 3)));
    for text in ["", "no bitmap", "bitmap io error", "clean", "clean -1", "clean 0", "dirty 1\n\n"]
    {
        assert_eq!(of(text), None, "{text:?}");
    }
    let metadata = "chunksize 128\nchunkshift 7\nchunks 496\noffset 8\ndaemon_sleep 30";
    assert_eq!(parse::lockless_chunk(metadata), Some(Bytes::new(65536)));
    assert_eq!(parse::lockless_chunk("no bitmap"), None);

    let lockless = [
        ("md0/md/llbitmap/bits", six),
        ("md0/md/llbitmap/metadata", metadata),
        ("md0/md/bitmap/chunksize", "0\n"),
    ];
    let (_root, system) = machine(&[RESYNCING, &lockless].concat());
    let mut array = look("md0", &system).unwrap().unwrap();
    count_dirty(&mut array, &system, &AtomicBool::new(false));
    assert_eq!(array.bitmap.kind, BitmapKind::Lockless);
    assert_eq!(array.bitmap.chunk, Some(Bytes::new(65536)));
    let dirty = array.bitmap.dirty.unwrap();
    assert_eq!((dirty.dirty.get(), dirty.total.get()), (6, 15));
    let (_root, system) =
        machine(&[RESYNCING, &[("md0/md/llbitmap/bits", "bitmap io error\n")]].concat());
    let mut array = look("md0", &system).unwrap().unwrap();
    count_dirty(&mut array, &system, &AtomicBool::new(false));
    assert!(array.bitmap.why.unwrap().contains("bitmap io error"));
}

#[test]
fn a_count_that_cannot_be_had_is_a_reason() {
    let (_root, system) = machine(RESYNCING);
    let mut array = look("md0", &system).unwrap().unwrap();
    count_dirty(&mut array, &system, &AtomicBool::new(false));
    assert_eq!(array.bitmap.dirty, None);
    assert!(array.bitmap.why.unwrap().contains("dev/sda"), "the member's node does not exist");
}

#[test]
fn names_and_paths_that_are_no_array_are_refused() {
    let (_root, system) = machine(RESYNCING);
    assert_eq!(find(Path::new("md0"), &system).unwrap(), "md0");
    assert_eq!(find(Path::new("/dev/null"), &system).unwrap_err().kind(), Kind::Usage);
    assert_eq!(find(Path::new("/none/such"), &system).unwrap_err().kind(), Kind::Io);
}

/// Waits for an array that does `actions` one after the other and is then gone.
fn waited(actions: &[&str], naps: usize) -> (Ended, Vec<Action>, usize) {
    let (_root, system) = machine(RESYNCING);
    let array = look("md0", &system).unwrap().unwrap();
    let (mut looks, mut left, mut shown) = (actions.iter(), naps, 0);
    let look = &mut || {
        Ok(looks.next().map(|text| {
            let mut array = array.clone();
            array.sync.action = parse::action(Some(text));
            array
        }))
    };
    let nap = &mut || {
        left = left.saturating_sub(1);
        left > 0
    };
    let waited = wait("md0", look, &mut |_| shown += 1, nap).unwrap();
    (waited.ended, waited.actions, shown)
}

#[test]
fn waiting_ends_when_nothing_runs() {
    use Action::{Recover, Resync};
    assert_eq!(waited(&["idle"], 99), (Ended::Idle, vec![], 0));
    let both = ["resync", "resync", "recover", "idle"];
    assert_eq!(waited(&both, 99), (Ended::Idle, vec![Resync, Recover], 3));
    assert_eq!(waited(&["resync"], 99), (Ended::Stopped, vec![Resync], 1));
    assert_eq!(waited(&both, 2), (Ended::Interrupted, vec![Resync], 2));
}

#[test]
fn a_frozen_array_is_given_up_but_not_at_once() {
    assert_eq!(waited(&["frozen", "frozen", "idle"], 99).0, Ended::Idle);
    assert_eq!(waited(&["frozen"; 9], 99).0, Ended::Frozen);
}

/// Dirty chunks are read from a member in sync; another one's bitmap may be long out of date.
#[test]
fn only_a_member_in_sync_with_a_slot_is_one() {
    let member = |slot: Option<u16>, states: &[&str]| Member {
        name: "sda".into(),
        slot: slot.map(crate::units::Slot),
        states: states.iter().map(ToString::to_string).collect(),
    };
    assert!(member(Some(0), &["in_sync", "write_mostly"]).is_in_sync());
    assert!(!member(Some(0), &["in_sync", "faulty"]).is_in_sync());
    assert!(!member(Some(0), &["spare"]).is_in_sync());
    assert!(!member(None, &["in_sync"]).is_in_sync());
}
