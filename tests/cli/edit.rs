//! Bitmaps at rest: `set`, `clear`, `merge`, `xor`, `invert`, `diff`, `rechunk`, `set-uuid`, `dump`,
//! `restore`, `verify-dump`.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::resync::array::{Array, clean, failed};
use crate::support::{Run, json, mdbitmap, run, temp_dir};

/// A clear bitmap of 256 chunks of 4 KiB.
fn made(dir: &TempDir, name: &str, chunk: &str) -> String {
    let path = dir.path().join(name).to_str().unwrap().to_owned();
    let made = run(["create", "--clean", "-z", "1M", "-c", chunk, &path]);
    assert_eq!(made.status, 0, "{}", made.err);
    path
}

fn ok<'a>(args: impl IntoIterator<Item = &'a str>) -> Value {
    said(args, 0)
}

/// What a program is told; it must end with `status`.
fn said<'a>(args: impl IntoIterator<Item = &'a str>, status: i32) -> Value {
    let args: Vec<&str> = args.into_iter().chain(["--json"]).collect();
    let run = run(&args);
    assert_eq!(run.status, status, "{args:?} {}", run.err);
    json(&run.out, "edit.schema.json")
}

fn refused<'a>(args: impl IntoIterator<Item = &'a str>, status: i32, why: &str) -> Run {
    let args: Vec<&str> = args.into_iter().collect();
    let run = run(&args);
    assert_eq!(run.status, status, "{args:?} {}{}", run.out, run.err);
    assert!(run.err.contains(why), "{args:?} {}", run.err);
    run
}

/// First chunk and how many, of each run that `examine` finds.
fn dirty(path: &str) -> Vec<(u64, u64)> {
    let run = run(["examine", "--json", "--ranges", path]);
    assert_eq!(run.status, 0, "{}", run.err);
    let found = json(&run.out, "examine.schema.json");
    let runs = found["bitmaps"][0]["ranges"].as_array().unwrap().clone();
    let number = |run: &Value, key: &str| run[key].as_u64().unwrap();
    runs.iter().map(|run| (number(run, "first_chunk"), number(run, "chunks"))).collect()
}

#[test]
fn setting_rounds_outwards_and_clearing_inwards() {
    let dir = temp_dir();
    let path = made(&dir, "bitmap", "4");
    let told = ok(["set", &path, "-r", "4097-12289", "-r", "chunk:200-255"]);
    assert_eq!(
        (&told["facts"]["chunks_dirty_before"], &told["facts"]["chunks_dirty"]),
        (&0.into(), &59.into())
    );
    assert_eq!(dirty(&path), [(1, 3), (200, 56)]);
    let told = ok(["clear", "--yes", &path, "--range", "4097-16384"]);
    assert_eq!(told["facts"]["chunks_dirty"], 57);
    assert_eq!(dirty(&path), [(1, 1), (200, 56)]);
    let told = ok(["clear", &path, "-r", "4097-8191"]);
    assert_eq!(told["notes"][0]["code"], "nothing-whole");
    assert_eq!(told["steps"], serde_json::json!([]));
    refused(["set", &path, "-r", "0-1048577"], 2, "beyond the end");
    refused(["set", &path], 2, "--range");
}

#[test]
fn clearing_asks_and_nobody_there_means_no() {
    let dir = temp_dir();
    let path = made(&dir, "bitmap", "4");
    ok(["set", &path, "-r", "all"]);
    let before = fs::read(&path).unwrap();
    let why = "standard input is no terminal";
    let run = refused(["clear", &path, "-r", "all"], 3, why);
    assert!(run.err.contains("they go on differing") && run.err.contains("--yes"), "{}", run.err);
    ok(["clear", "--dry-run", &path, "-r", "all"]);
    ok(["set", "--dry-run", &path, "-r", "all"]);
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn every_copy_inside_members_is_changed_and_a_resync_follows() {
    let array = Array::new();
    let members = array.members();
    let set = [&["set", "-r", "chunk:0"], &members[..]].concat();
    let told = ok(set.iter().copied());
    assert_eq!(told["facts"]["chunks_dirty"], 22);
    for member in &members {
        assert_eq!(dirty(member)[0].0, 0, "{member}");
    }
    array.spoil(1);
    assert_eq!(run([&["resync"], &members[..]].concat()).status, 0);
    array.assert_settled();
    let told = ok(set.iter().copied().chain(["--dry-run"]));
    assert_eq!(told["notes"][0]["code"], "array-clean");
}

#[test]
fn a_member_that_counts_must_be_named_and_one_that_is_away_keeps_its_bits() {
    let array = Array::new();
    let before = array.images();
    let members = array.members();
    refused(["set", "-r", "all", members[0], members[1]], 3, "the member in slot 2 counts");
    refused(["clear", "-y", "-r", "all", members[0]], 3, "counts, and is not named");
    refused(["set", "-r", "all", members[0], members[0], members[1], members[2]], 3, "");
    assert_eq!(array.images(), before);
    array.edit(0, |raw| failed(raw, 2));
    array.edit(1, |raw| failed(raw, 2));
    ok(["set", "-r", "chunk:9", members[0], members[1]]);
    let before = array.images();
    refused(["clear", "-y", "-r", "all", members[0], members[1]], 3, "missing or behind");
    assert_eq!(array.images(), before);
}

#[test]
fn bits_that_mean_nothing_are_not_cleared() {
    let dir = temp_dir();
    let path = made(&dir, "bitmap", "4");
    let mut bytes = fs::read(&path).unwrap();
    bytes[48] = 2;
    fs::write(&path, &bytes).unwrap();
    refused(["clear", "-y", &path, "-r", "all"], 3, "out of date");
    assert_eq!(ok(["set", &path, "-r", "0-1"])["notes"][0]["code"], "bits-doubted");
    bytes[4] = 6;
    fs::write(&path, &bytes).unwrap();
    for args in [&["set", "-r", "all"][..], &["dump"], &["rechunk", "-c", "8", "-o", "x"]] {
        let run = run(args.iter().copied().chain([path.as_str()]));
        assert!(run.status == 3 || run.status == 4, "{args:?} {}", run.err);
    }
    bytes[4] = 4;
    bytes.truncate(260);
    fs::write(&path, &bytes).unwrap();
    refused(["set", &path, "-r", "all"], 4, "cut short");
}

#[test]
fn bitmaps_of_different_chunks_are_combined_by_what_they_cover() {
    let dir = temp_dir();
    let (fine, coarse) = (made(&dir, "fine", "4"), made(&dir, "coarse", "16"));
    ok(["set", &fine, "-r", "chunk:1", "-r", "chunk:9-10"]);
    ok(["set", &coarse, "-r", "chunk:0"]);
    let out = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (or, xor, not) = (out("or"), out("xor"), out("not"));
    assert_eq!(ok(["merge", &fine, &coarse, "-o", &or])["facts"]["chunks_dirty"], 2);
    assert_eq!(dirty(&or), [(0, 1), (2, 1)]);
    assert_eq!(fs::metadata(&or).unwrap().permissions().mode() & 0o777, 0o600);
    ok(["xor", &fine, &coarse, "-o", &xor]);
    assert_eq!(dirty(&xor), [(0, 1), (2, 2), (9, 2)]);
    ok(["invert", &xor, "-o", &not]);
    assert_eq!(dirty(&not), [(1, 1), (4, 5), (11, 245)]);
    let told = said(["diff", &fine, &coarse], 1);
    assert_eq!(told["facts"]["only_first_bytes"], 8192);
    assert_eq!(told["facts"]["only_second_bytes"], 12288);
    let ranges = serde_json::json!([
        { "start_bytes": 0, "end_bytes": 4096 }, { "start_bytes": 8192, "end_bytes": 16384 },
        { "start_bytes": 36864, "end_bytes": 45056 }
    ]);
    assert_eq!(told["ranges"], ranges);
    assert_eq!(said(["diff", &fine, &fine], 0)["found"], false);
    refused(["merge", &fine, &coarse, "-o", &or], 3, "--force=overwrite");
    ok(["merge", &fine, &coarse, "-o", &or, "--force=overwrite"]);
    let none = out("none");
    ok(["merge", "-n", &fine, &coarse, "-o", &none]);
    assert!(!fs::exists(&none).unwrap());
}

#[test]
fn bitmaps_of_other_arrays_and_sizes_are_kept_apart() {
    let dir = temp_dir();
    let (one, other) = (made(&dir, "one", "4"), made(&dir, "other", "4"));
    let uuid = "01234567:89abcdef:fedcba98:76543210";
    let told = ok(["set-uuid", &other, uuid]);
    assert_eq!(told["facts"]["uuid"], uuid);
    assert_eq!(ok(["set-uuid", &other, uuid])["steps"], serde_json::json!([]));
    refused(["diff", &one, &other], 3, "--force=uuid");
    said(["diff", "--force=uuid", &one, &other], 0);
    let long = dir.path().join("long").to_str().unwrap().to_owned();
    let told = ok(["rechunk", &one, "-z", "2M", "-c", "64", "-o", &long]);
    assert_eq!(told["notes"][0]["code"], "new-part-dirty");
    assert_eq!(dirty(&long), [(16, 16)]);
    refused(["diff", &one, &long], 3, "--force=size");
    let array = Array::new();
    refused(["set-uuid", array.members()[0], uuid], 3, "inside a member");
    ok(["set-uuid", &other, "--array", array.members()[0]]);
}

#[test]
fn other_chunks_keep_the_dirt() {
    let dir = temp_dir();
    let path = made(&dir, "bitmap", "4");
    ok(["set", &path, "-r", "chunk:3-4", "-r", "chunk:255"]);
    for (chunk, runs) in
        [("8", vec![(1, 2), (127, 1)]), ("1M", vec![(0, 1)]), ("1", vec![(12, 8), (1020, 4)])]
    {
        let out = dir.path().join(chunk).to_str().unwrap().to_owned();
        ok(["rechunk", &path, "-c", chunk, "-o", &out]);
        assert_eq!(dirty(&out), runs, "{chunk}");
    }
}

#[test]
fn a_dump_comes_back_byte_for_byte() {
    let dir = temp_dir();
    let path = made(&dir, "bitmap", "4");
    ok(["set", &path, "-r", "chunk:3-4", "-r", "chunk:255"]);
    let mut bytes = fs::read(&path).unwrap();
    bytes[200] = 0x5a;
    fs::write(&path, &bytes).unwrap();
    let dump = run(["dump", &path]);
    assert_eq!(dump.status, 0, "{}", dump.err);
    assert!(
        dump.out.contains("\nchunksize 4096\n") && dump.out.contains("\n3 2\n255 1\nend "),
        "{}",
        dump.out
    );
    let text = dir.path().join("dump").to_str().unwrap().to_owned();
    fs::write(&text, &dump.out).unwrap();
    let back = dir.path().join("back").to_str().unwrap().to_owned();
    ok(["restore", "-n", &text, &back]);
    assert!(!fs::exists(&back).unwrap());
    ok(["restore", &text, &back]);
    assert_eq!(fs::read(&back).unwrap(), bytes);
    assert_eq!(said(["verify-dump", &text, &back], 0)["notes"][0]["code"], "same");
    ok(["set", &back, "-r", "chunk:9"]);
    assert_eq!(said(["verify-dump", &text, &back], 1)["notes"][0]["code"], "bits-differ");
    let object = run(["dump", "--json", &path]);
    let object = json(&object.out, "dump.schema.json");
    assert_eq!(object["runs"], serde_json::json!([[3, 2], [255, 1]]));
    let mut child = mdbitmap().args(["verify-dump", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(dump.out.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_damaged_dump_makes_no_file() {
    let dir = temp_dir();
    let path = made(&dir, "bitmap", "4");
    ok(["set", &path, "-r", "chunk:3"]);
    let dump = run(["dump", &path]).out;
    let (text, back) = (dir.path().join("dump"), dir.path().join("back"));
    let names = [text.to_str().unwrap(), back.to_str().unwrap()];
    for (damage, why) in [
        (dump.replace("\n3 1\n", "\n4 1\n"), "checksum"),
        (dump.replace("events 0", "events 1"), "superblock says"),
        (dump[..dump.len() - 30].to_owned(), "line"),
        (dump.clone() + "more\n", "something follows"),
        ("x".repeat(9000), "too long"),
        (String::new(), "cut short"),
    ] {
        fs::write(&text, damage).unwrap();
        refused(["restore", names[0], names[1]], 4, why);
        refused(["verify-dump", names[0]], 4, why);
        assert!(!back.exists());
    }
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 2, "something is left behind");
}

#[test]
fn a_clean_array_can_have_bits_set_that_only_we_follow() {
    let array = Array::new();
    array.edit_all(clean);
    let members = array.members();
    array.spoil(2);
    ok([&["set", "-r", "chunk:0"], &members[..]].concat());
    assert_eq!(run([&["resync"], &members[..]].concat()).status, 0);
    array.assert_settled();
    let script = format!("\"{}\" clear -r all {}", env!("CARGO_BIN_EXE_mdbitmap"), members[0]);
    assert_eq!(
        Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).status().unwrap().code(),
        Some(3)
    );
}
