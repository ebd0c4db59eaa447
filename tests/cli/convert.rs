//! `convert`, `repair-header` and `estimate`.

use std::fs;
use std::os::unix::fs::FileExt as _;

use serde_json::Value;

use crate::resync::array::{Array, VERSIONS};
use crate::support::{json, run};

fn said(args: &[&str], members: &[&str], status: i32) -> Value {
    let run = run([args, &["--json"], members].concat());
    assert_eq!(run.status, status, "{args:?} {}", run.err);
    if status == 0 { json(&run.out, "edit.schema.json") } else { Value::String(run.err) }
}

fn dirty(path: &str) -> u64 {
    let run = run(["examine", "--json", path]);
    assert!(run.status == 0, "{path} {}", run.err);
    json(&run.out, "examine.schema.json")["bitmaps"][0]["chunks_dirty"].as_u64().unwrap()
}

#[test]
fn a_bitmap_goes_out_into_a_file_and_back_with_its_bits() {
    for (name, version) in VERSIONS {
        let array = Array::of(version);
        let (members, before) = (array.members(), array.images());
        let file = array.path("bitmap");
        let out = ["convert", "--to", "file", "--bitmap", &file];
        said(&[&out[..], &["-n"]].concat(), &members, 0);
        assert_eq!(array.images(), before);
        said(&out, &members, 0);
        assert_eq!(dirty(&file), 21, "{name}");
        for member in &members {
            assert_eq!(run(["examine", member]).status, 4, "{name}: a bitmap is left inside");
        }
        let done = array.images();
        // Cut short when the file was there, and no more.
        for (member, image) in members.iter().zip(&before) {
            fs::write(member, image).unwrap();
        }
        let again = said(&out, &members, 0);
        assert_eq!(again["notes"][0]["code"], "file-there", "{name}: {again}");
        assert!(array.images() == done, "{name}");
        assert_eq!(said(&out, &members, 0)["steps"].as_array().unwrap().len(), 0, "{name}");
        let into = ["convert", "--to", "internal", "--bitmap", &file];
        said(&[&into[..], &["-n"]].concat(), &members, 0);
        let told = said(&into, &members, 0);
        assert_eq!(told["facts"]["chunks_dirty"], 21, "{name}");
        for member in &members {
            assert_eq!(dirty(member), 21, "{name}");
        }
        let file_says = run(["examine", &file]);
        assert!(file_says.out.contains("Out of date"), "{}", file_says.out);
        assert!(said(&into, &members, 3).as_str().unwrap().contains("already"));
        assert_eq!(run([&["resync"], &members[..]].concat()).status, 0);
        array.assert_settled();
    }
}

#[test]
fn an_array_that_is_not_whole_is_not_converted() {
    let array = Array::new();
    let (members, before) = (array.members(), array.images());
    let file = array.path("bitmap");
    let out = ["convert", "--to", "file", "--bitmap", &file];
    let error = said(&out, &members[..2], 3);
    assert!(error.as_str().unwrap().contains("slot 2"), "{error}");
    assert_eq!(array.images(), before);
    assert!(!fs::exists(&file).unwrap());
    said(&out, &members, 0);
    let before = array.images();
    let foreign = array.path("foreign");
    assert_eq!(run(["create", "-z", "16M", &foreign]).status, 0);
    let error = said(&["convert", "--to", "internal", "--bitmap", &foreign], &members, 3);
    assert!(error.as_str().unwrap().contains("another array"), "{error}");
    assert_eq!(array.images(), before);
}

#[test]
fn a_header_is_made_anew_and_bits_count_only_where_their_age_is_known() {
    let array = Array::new();
    let members = array.members();
    let file = array.path("bitmap");
    said(&["convert", "--to", "file", "--bitmap", &file], &members, 0);
    let sound = fs::read(&file).unwrap();
    let new = array.path("new");
    // Magic, size, delay, padding: the bits are known by the rest. UUID, events: not.
    for (at, kept) in
        [(0, true), (40, true), (56, true), (140, true), (9, false), (30, false), (53, false)]
    {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        if at == 56 {
            bytes[56..60].fill(0);
        }
        fs::write(&file, &bytes).unwrap();
        let repair = ["repair-header", &file, "-o", &new, "--force=overwrite"];
        let told = said(&repair, &members, 0);
        assert_eq!(told["facts"]["bits_kept"], kept, "byte {at}");
        assert_eq!(dirty(&new), if kept { 21 } else { 256 }, "byte {at}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "byte {at}");
        let planned = run([&["resync", "-n", "--json", "--bitmap", &new], &members[..]].concat());
        assert_eq!(json(&planned.out, "resync.schema.json")["decision"], "partial");
        let repair = ["repair-header", "--in-place", &file];
        said(&[&repair[..], &["-n"]].concat(), &members, 0);
        assert_eq!(fs::read(&file).unwrap(), bytes, "byte {at}");
        said(&repair, &members, 0);
        assert_eq!(dirty(&file), if kept { 21 } else { 256 }, "byte {at}");
    }
    let mut bytes = sound.clone();
    bytes[9] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let forced = ["repair-header", "--in-place", "--force=keep-bits", &file];
    said(&forced, &members, 0);
    assert_eq!(dirty(&file), 21);
}

#[test]
fn a_member_in_use_by_another_program_is_left_alone() {
    let array = Array::new();
    let members = array.members();
    let held = fs::OpenOptions::new().write(true).open(members[1]).unwrap();
    held.lock().unwrap();
    let before = array.images();
    let file = array.path("bitmap");
    for args in [&["set", "-r", "all"][..], &["convert", "--to", "file", "--bitmap", &file]] {
        let error = said(args, &members, 3);
        assert!(error.as_str().unwrap().contains("lock"), "{error}");
    }
    held.write_at(&[], 0).unwrap();
    assert_eq!(array.images(), before);
    assert!(!fs::exists(&file).unwrap());
}

#[test]
fn estimates_are_told_to_people_and_programs() {
    let shown = run(["estimate", "-z", "4T", "--wanted-time", "60"]);
    assert_eq!(shown.status, 0, "{}", shown.err);
    assert!(
        shown.out.contains("choose this") && shown.out.contains("usual inside"),
        "{}",
        shown.out
    );
    let told = run(["estimate", "-z", "4T", "-c", "64M", "-s", "200M", "--json"]);
    let told = json(&told.out, "estimate.schema.json");
    assert_eq!(told["rows"].as_array().unwrap().len(), 1);
    assert_eq!(told["rows"][0]["bits"], 65536);
    assert_eq!(run(["estimate"]).status, 2);
    assert_eq!(run(["estimate", "-z", "1T", "-s", "0"]).status, 2);
}
