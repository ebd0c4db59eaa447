//! `mdbitmap inspect`: what it shows and foretells of practice arrays. That kernels do what it
//! foretells is held by `tests/kernel/inspect.rs`.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::AtomicBool;

use mdbitmap::error::Kind;
use mdbitmap::inspect::{InspectOptions, Picture, Predicate, SPEED, answer, inspect};
use mdbitmap::output::inspect as render;
use mdbitmap::sysfs::System;
use serde_json::Value;

use crate::resync::array::{Array, clean, events, failed, write};
use crate::support::{file, image, json, run, temp_dir};

/// What a program is told of `targets`.
fn told(args: &[&str], targets: &[&str], status: i32) -> Value {
    let run = run([&["inspect", "--json"], args, targets].concat());
    assert_eq!(run.status, status, "{args:?} {}", run.err);
    json(&run.out, "inspect.schema.json")
}

/// Member 2 left at event 10; bits were last cleared at `cleared`.
fn one_was_away(cleared: u64) -> Array {
    let array = Array::new();
    for slot in 0..2 {
        array.edit(slot, |raw| {
            clean(raw);
            failed(raw, 2);
        });
    }
    array.edit(2, |raw| events(raw, 10));
    array.cleared_at(cleared);
    array
}

#[test]
fn after_a_power_cut_it_foretells_the_resync_of_the_kernel_and_of_mdbitmap() {
    let array = Array::new();
    let before = array.images();
    let said = told(&["--speed", "1K"], &array.members(), 0);
    let dirty = array.practice.dirty_chunks().get();
    assert_eq!((&said["sort"], &said["array"]["clean"]), (&"stopped".into(), &false.into()));
    let assembly = &said["assembly"];
    assert_eq!((&assembly["starts"], &assembly["refusal"]), (&true.into(), &Value::Null));
    let copy = &assembly["copies"][0];
    assert_eq!((&copy["work"], &copy["extent"]), (&"resync".into(), &"dirty".into()));
    assert_eq!(copy["chunks"], dirty);
    assert_eq!(copy["bytes"], dirty << 16);
    assert_eq!(copy["seconds"], dirty << 6, "at 1 KiB a second");
    for member in said["members"].as_array().unwrap() {
        assert_eq!((&member["state"], &member["events"]), (&"current".into(), &19.into()));
        assert_eq!(member["bitmap"]["chunks_dirty"], dirty);
        assert_eq!(member["updated"], 1_700_000_000);
    }
    assert!(array.images() == before, "looking changed something");

    // What is foretold of our own resync is what it then does.
    let resynced = run([&["resync", "--json"], &array.members()[..]].concat());
    let resynced = json(&resynced.out, "resync.schema.json");
    for key in ["bytes_read", "bytes_written"] {
        assert_eq!(said["resync"][key], resynced[key], "{key}");
    }
    let after = told(&[], &array.members(), 0);
    assert_eq!(after["assembly"]["copies"], serde_json::json!([]));
    assert_eq!(after["resync"]["decision"], "nothing");
}

#[test]
fn the_words_for_a_person_name_members_bitmap_and_verdicts() {
    let array = Array::new();
    let said = run([&["inspect"], &array.members()[..2]].concat());
    assert_eq!((said.status, said.err.as_str()), (0, ""));
    for part in [
        "RAID1 practice, 3 slots",
        "2023-11-14 22:13:20",
        "Cleared  Dirty",
        "21 dirty",
        "mdadm does not start it: 2 in sync",
        "slot 2 had a member when the array last ran",
        "mdadm --assemble --run",
        "resync, 21 of 256 chunks, 1.31 MiB of each member",
        "slot 2, no member given: it can be re-added",
        "`mdbitmap resync` makes 21 of 256 chunks agree: 1.31 MiB read, 1.31 MiB written",
        "at 100.00 MiB/s",
    ] {
        assert!(said.out.contains(part), "{part} in {}", said.out);
    }
}

#[test]
fn who_was_away_is_left_out_and_told_whether_the_bitmap_can_bring_it_back() {
    for (cleared, readd, code) in
        [(9, true, Value::Null), (10, true, Value::Null), (11, false, "bits-cleared".into())]
    {
        let array = one_was_away(cleared);
        let said = told(&[], &array.members(), 0);
        let assembly = &said["assembly"];
        assert_eq!(assembly["starts"], true, "nobody counts on it any more");
        assert_eq!(assembly["members"][2]["part"], "left-out");
        assert_eq!(assembly["copies"], serde_json::json!([]));
        let absent = &assembly["absent"][0];
        assert_eq!((&absent["slot"], &absent["readd"]), (&2.into(), &readd.into()), "{cleared}");
        assert_eq!(absent["code"], code, "{cleared}");
        let outcome = if readd { "planned" } else { "refused" };
        assert_eq!(said["resync"]["outcome"], outcome, "{cleared}");
    }
}

#[test]
fn a_bitmap_of_its_own_is_taken_by_option_and_by_place() {
    let array = Array::new().without_bitmap();
    let none = told(&[], &array.members(), 0);
    assert_eq!(none["assembly"]["copies"][0]["code"], "no-bitmap");
    assert_eq!(none["assembly"]["notes"][0]["code"], "bitmap-not-given");
    let bitmap = array.path("bitmap");
    let made = run(["create", "--array", array.members()[0], &bitmap]);
    assert_eq!(made.status, 0, "{}", made.err);
    let by_option = told(&["--bitmap", &bitmap], &array.members(), 0);
    let by_place = told(&[], &[&array.members()[..], &[&bitmap]].concat(), 0);
    assert_eq!(by_option, by_place);
    assert_eq!(by_option["assembly"]["copies"][0]["code"], "dirty-chunks");
    assert_eq!(by_option["assembly"]["notes"][0]["code"], "bitmap-file");
    // Older than the array; of another one.
    write(&bitmap, 24, &18_u64.to_le_bytes());
    let stale = told(&["--bitmap", &bitmap], &array.members(), 0);
    assert_eq!(stale["assembly"]["copies"][0]["code"], "stale-bitmap");
    assert_eq!(stale["resync"]["outcome"], "refused");
    write(&bitmap, 8, &[9; 16]);
    let other = told(&["--bitmap", &bitmap], &array.members(), 0);
    assert_eq!(other["assembly"]["refusal"]["code"], "bitmap-refused");
    let second = array.file("second", &std::fs::read(&bitmap).unwrap());
    assert_eq!(run(["inspect", "--bitmap", &bitmap, &second]).status, 2);
}

#[test]
fn what_has_no_superblocks_is_built_from_its_bitmap() {
    let (dir, array) = (temp_dir(), Array::new().without_bitmap());
    let bitmap = array.path("bitmap");
    assert_eq!(run(["create", "--array", array.members()[0], &bitmap]).status, 0);
    let bare = image(&dir, "bare", 17 << 20, &[]);
    let said = told(&["-b", &bitmap], &[bare.to_str().unwrap()], 0);
    assert_eq!(said["sort"], "built");
    assert_eq!(said["assembly"]["copies"][0]["extent"], "dirty");
    assert_eq!(said["assembly"]["notes"][0]["code"], "built");
    let alone = told(&[], &[&bitmap], 0);
    assert_eq!((&alone["sort"], &alone["assembly"]), (&"bitmap".into(), &Value::Null));
    // Among members it is no member.
    let mixed = told(&[], &[array.members()[0], bare.to_str().unwrap()], 4);
    assert_eq!(mixed["members"][1]["findings"][0]["code"], "no-superblock");
    assert!(mixed["unclear"].as_str().unwrap().contains("no md superblock"), "{mixed}");
}

#[test]
fn damage_is_shown_with_every_byte_of_it() {
    let array = Array::new();
    write(array.members()[1], 4096 + 200, &[0x77]);
    let said = run([&["inspect", "--hex"], &array.members()[..]].concat());
    assert_eq!(said.status, 4, "{}", said.err);
    for part in ["damaged", "super-checksum", "not foretold", "119 (7700000000000000)", "max_dev"] {
        assert!(said.out.contains(part), "{part} in {}", said.out);
    }
    let told = told(&["--raw"], &array.members(), 4);
    let structures = told["structures"].as_array().unwrap();
    assert_eq!(structures.len(), 5, "three superblocks, two bitmaps");
    let fields = structures[0]["fields"].as_array().unwrap();
    let named = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    let events = named("events");
    assert_eq!((&events["offset"], &events["width"]), (&200.into(), &8.into()));
    assert_eq!((&events["value"], &events["hex"]), (&"19".into(), &"1300000000000000".into()));
    assert_eq!(named("dev_roles[1]")["value"], "1");
    let ends = fields.iter().map(|field| {
        let number = |key: &str| field[key].as_u64().unwrap();
        (number("offset"), number("offset") + number("width"))
    });
    let ends: Vec<_> = ends.collect();
    assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0), "a gap or an overlap: {ends:?}");
}

#[test]
fn a_damaged_bitmap_keeps_the_array_from_starting() {
    let array = Array::new();
    let at = array.practice.bitmap_at.get() * 512;
    for member in array.members() {
        write(member, at, &[0; 4]);
    }
    let said = told(&[], &array.members(), 4);
    assert_eq!(said["assembly"]["refusal"]["code"], "bitmap-refused");
    assert_eq!(said["assembly"]["refusal"]["by"], "kernel");
}

#[test]
fn lockless_and_clustered_bitmaps_are_shown_as_what_they_are() {
    for (version, format) in [(5_u32, "clustered"), (6, "lockless")] {
        let array = Array::new();
        let at = array.practice.bitmap_at.get() * 512;
        for member in array.members() {
            write(member, at + 4, &version.to_le_bytes());
            write(member, at + 68, &u32::from(version == 5).to_le_bytes());
            write(member, at + 52, &128_u32.to_le_bytes());
        }
        let run = run([&["inspect", "--json"], &array.members()[..]].concat());
        assert!([0, 4].contains(&run.status), "{}", run.err);
        let said = json(&run.out, "inspect.schema.json");
        assert_eq!(said["members"][0]["bitmap"]["format"], format, "{}", run.out);
    }
}

#[test]
fn members_of_two_arrays_are_not_foretold() {
    let one = Array::new();
    let two = Array::with_uuid(
        mdbitmap::format::md::MdVersion::V1_2,
        "11111111:22222222:33333333:44444444",
    );
    let said = told(&[], &[one.members()[0], two.members()[1]], 0);
    assert!(said["unclear"].as_str().unwrap().contains("UUIDs differ"), "{said}");
    assert_eq!(said["assembly"], Value::Null);
}

#[test]
fn what_cannot_be_looked_at_is_an_error() {
    let dir = temp_dir();
    let empty = file(&dir, "empty", b"");
    let array = Array::new();
    for (target, status) in [("/nowhere", 5), ("/dev/null", 4), (dir.path().to_str().unwrap(), 4)] {
        let run = run(["inspect", array.members()[0], target]);
        assert_eq!((run.status, run.out.as_str()), (status, ""), "{target}: {}", run.err);
        assert!(run.err.contains(target), "{}", run.err);
    }
    assert_eq!(run(["inspect"]).status, 2);
    assert_eq!(run(["inspect", "--speed=0", array.members()[0]]).status, 2);
    assert_eq!(run(["inspect", empty.to_str().unwrap()]).status, 4);
}

/// A made-up machine on which these images are members of an array that runs.
fn running(array: &Array, members: &[(&str, &str)]) -> Picture {
    let root = temp_dir();
    let md = root.path().join("sys/block/md0/md");
    let put = |path: &str, text: &str| {
        let path = md.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    };
    for (key, text) in [
        ("array_state", "active"),
        ("level", "raid1"),
        ("degraded", "0"),
        ("bitmap/location", "+8"),
        ("sync_action", "idle"),
    ] {
        put(key, text);
    }
    fs::create_dir_all(root.path().join("dev")).unwrap();
    for (index, (name, state)) in members.iter().enumerate() {
        put(&format!("dev-{name}/slot"), &index.to_string());
        put(&format!("dev-{name}/state"), state);
        if let Some(image) = array.members().get(index) {
            symlink(image, root.path().join("dev").join(name)).unwrap();
        }
    }
    let options = InspectOptions { targets: vec!["md0".into()], bitmap: None, speed: SPEED };
    inspect(&options, &System::at(root.path()), &AtomicBool::new(false)).unwrap()
}

#[test]
fn a_running_array_is_shown_with_what_a_power_cut_would_leave() {
    let array = Array::new();
    let picture = running(&array, &[("sda", "in_sync"), ("sdb", "in_sync"), ("sdc", "in_sync")]);
    let mut out = Vec::new();
    render::json::write(&mut out, &picture, true).unwrap();
    let said = json(&String::from_utf8(out).unwrap(), "inspect.schema.json");
    assert_eq!((&said["sort"], &said["running"]["name"]), (&"running".into(), &"md0".into()));
    assert_eq!(said["members"][1]["kernel_states"][0], "in_sync");
    assert_eq!(said["assembly"]["copies"][0]["code"], "dirty-chunks");
    assert_eq!(said["resync"]["outcome"], "refused");
    let mut out = Vec::new();
    render::text::picture(&mut out, &picture).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("as md0: active, idle"), "{text}");
    assert!(text.contains("if its power fails now"), "{text}");
    assert!(answer(&picture, Predicate::Dirty).unwrap().yes);
    assert!(answer(&picture, Predicate::Current).unwrap().yes);
}

#[test]
fn a_member_of_a_running_array_that_cannot_be_read_leaves_the_answer_open() {
    let array = Array::new();
    assert_eq!(run([&["resync"], &array.members()[..]].concat()).status, 0);
    let members = [("sda", "in_sync"), ("sdb", "in_sync"), ("sdc", "in_sync"), ("sdd", "spare")];
    let picture = running(&array, &members);
    assert!(picture.is_unreadable());
    for predicate in [Predicate::Dirty, Predicate::Clean, Predicate::Intact, Predicate::Current] {
        assert_eq!(answer(&picture, predicate).unwrap_err().kind(), Kind::Io, "{predicate:?}");
    }
    let failed = running(&array, &[("sda", "in_sync"), ("sdb", "faulty"), ("sdc", "in_sync")]);
    assert!(!answer(&failed, Predicate::Current).unwrap().yes);
}
