//! `mdbitmap check` and `mdbitmap repair` on a mirror of three: what is found, marked, put right.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::resync::array::{Array, write};
use crate::support::{Loop, Run, json, kill, mdbitmap, run};

fn command(name: &str, args: &[&str], array: &Array) -> Run {
    run([&[name, "--progress", "none"], args, &array.members()[..]].concat())
}

/// What a program is told of a run that must end with `status`.
fn told(name: &str, args: &[&str], array: &Array, status: i32) -> Value {
    let run = command(name, &[&["--json"], args].concat(), array);
    assert_eq!(run.status, status, "{args:?} {}{}", run.out, run.err);
    json(&run.out, &format!("{name}.schema.json"))
}

/// An array that was resynced, and then lost some bytes of member 2.
fn spoiled() -> Array {
    let array = Array::new();
    assert_eq!(command("resync", &[], &array).status, 0);
    array.spoil(2);
    array
}

#[test]
fn after_a_power_cut_exactly_what_differs_is_found_in_dirty_chunks() {
    let array = Array::new();
    let before = array.images();
    let said = told("check", &[], &array, 1);
    let differences = array.practice.differences().unwrap();
    let expected: u64 = differences.iter().map(|range| range.len.get() * 512).sum();
    assert_eq!(said["bytes_different"], expected);
    assert_eq!(said["bytes_dirty"], expected);
    assert_eq!(said["wrong"], serde_json::json!([{ "slot": 2, "bytes": expected }]));
    assert_eq!(said["bytes_done"], 16 << 20);
    let listed: u64 = ranges(&said).iter().map(|r| r["length_bytes"].as_u64().unwrap()).sum();
    assert_eq!((listed, ranges(&said).len() as u64), (expected, count(&said)));
    let only = told("check", &["--dirty-only"], &array, 1);
    assert_eq!(only["ranges"], said["ranges"]);
    assert!(only["bytes_done"].as_u64() < said["bytes_done"].as_u64());
    assert!(array.images() == before, "a comparison wrote");

    command("resync", &[], &array);
    let after = told("check", &[], &array, 0);
    assert_eq!((&after["outcome"], &after["ranges_total"]), (&"same".into(), &0.into()));
}

fn ranges(said: &Value) -> &Vec<Value> {
    said["ranges"].as_array().unwrap()
}

fn count(said: &Value) -> u64 {
    said["ranges_total"].as_u64().unwrap()
}

#[test]
fn what_no_bit_tells_of_is_found_and_marked_for_a_resync() {
    let array = spoiled();
    let said = told("check", &[], &array, 1);
    let range = &ranges(&said)[0];
    assert_eq!((&range["start_bytes"], &range["length_bytes"]), (&0.into(), &4096.into()));
    assert_eq!((&range["dirty"], &range["located"]), (&false.into(), &true.into()));
    assert_eq!(range["array"][0]["start_bytes"], 0);
    let offset = array.practice.data_offset.get() * 512;
    assert_eq!(range["members"][2]["offset_bytes"], offset);
    assert_eq!(
        (&range["members"][2]["wrong"], &range["members"][0]["wrong"]),
        (&true.into(), &false.into())
    );
    assert_eq!(told("check", &["--dirty-only"], &array, 0)["bytes_done"], 0);

    let before = array.images();
    assert_eq!(told("check", &["--mark", "internal", "-n"], &array, 1)["chunks_marked"], 1);
    assert!(array.images() == before, "a dry run wrote");
    assert_eq!(told("check", &["--mark", "internal"], &array, 1)["chunks_marked"], 1);
    let resynced = told("resync", &[], &array, 0);
    assert_eq!(resynced["chunks_dirty_before"], 1);
    array.assert_settled();
    told("check", &[], &array, 0);
}

#[test]
fn a_file_is_marked_and_nothing_else_is_written() {
    let array = spoiled().without_bitmap();
    let file = array.path("bitmap");
    let made = run(["create", "--array", array.members()[0], "--clean", "--chunk", "64K", &file]);
    assert_eq!(made.status, 0, "{made:?}");
    let before = array.images();
    assert_eq!(told("check", &["--mark", &file], &array, 1)["chunks_marked"], 1);
    assert!(array.images() == before);
    let resynced = told("resync", &["--bitmap", &file], &array, 0);
    assert_eq!(resynced["chunks_dirty_before"], 1);
    told("check", &[], &array, 0);
    let none = command("check", &["--mark", "internal"], &array);
    assert_eq!(none.status, 3, "{none:?}");
    assert!(none.err.contains("no bitmap to mark"), "{}", none.err);
}

#[test]
fn ranges_are_those_asked_for() {
    let array = spoiled();
    for (range, status) in [("0-4K", 1), ("4K-16M", 0), ("chunk:0", 1), ("chunk:1-255", 0)] {
        told("check", &["--range", range], &array, status);
    }
    let two = told("check", &["--range", "8M+1M", "--range", "1-2"], &array, 1);
    assert_eq!(two["bytes_total"], (1 << 20) + 4096);
    for (range, why) in
        [("0-17M", "beyond the end"), ("chunk:256", "255 is the last"), ("7", "START")]
    {
        let run = command("check", &["--range", range], &array);
        assert_eq!(run.status, 2, "{run:?}");
        assert!(run.err.contains(why), "{}", run.err);
    }
}

#[test]
fn repair_writes_what_most_copies_hold_and_nothing_without_a_yes() {
    let array = spoiled();
    let spoiled = array.images();
    let asked = command("repair", &[], &array);
    assert_eq!(asked.status, 3, "{asked:?}");
    assert!(asked.err.contains("--yes"), "{}", asked.err);
    let dry = told("repair", &["--dry-run"], &array, 1);
    assert_eq!((&dry["bytes_repaired"], &dry["bytes_written"]), (&4096.into(), &0.into()));
    assert!(array.images() == spoiled, "a dry run wrote");
    let done = told("repair", &["--yes"], &array, 0);
    assert_eq!((&done["bytes_repaired"], &done["bytes_left"]), (&4096.into(), &0.into()));
    assert_eq!(done["bytes_written"], 4096);
    array.assert_settled();
    let after = array.images();
    let differ =
        |slot: usize| after[slot].iter().zip(&spoiled[slot]).filter(|(a, b)| a != b).count();
    assert_eq!((differ(0), differ(1)), (0, 0));
    assert!((1..=7).contains(&differ(2)), "{}", differ(2));
    assert_eq!(told("repair", &["--yes"], &array, 0)["outcome"], "same");
}

#[test]
fn nobody_is_outvoted_where_all_differ_and_repair_says_so() {
    let array = spoiled();
    write(array.members()[1], array.practice.data_offset.get() * 512, b"another");
    let said = told("check", &[], &array, 1);
    assert_eq!(ranges(&said)[0]["located"], false);
    assert_eq!(said["bytes_located"], 0);
    let before = array.images();
    assert_eq!(told("repair", &["--yes"], &array, 6)["bytes_left"], 4096);
    assert!(array.images() == before);
}

#[test]
fn repair_is_refused_before_a_resync_and_without_all_members() {
    let array = Array::new();
    let before = array.images();
    let dirty = command("repair", &["--yes"], &array);
    assert_eq!(dirty.status, 3, "{dirty:?}");
    assert!(dirty.err.contains("resync"), "{}", dirty.err);
    let two = run([&["repair", "--yes"], &array.members()[..2]].concat());
    assert_eq!(two.status, 3, "{two:?}");
    assert!(array.images() == before);
}

#[test]
fn one_member_alone_cannot_be_compared_and_one_in_use_is_not() {
    let array = spoiled();
    let alone = run(["check", array.members()[0]]);
    assert_eq!(alone.status, 3, "{alone:?}");
    assert!(alone.err.contains("nothing to be compared with"), "{}", alone.err);
    let Some(_held) = Loop::attach(&array.practice.members[0]) else { return };
    let used = command("check", &[], &array);
    assert_eq!(used.status, 3, "{used:?}");
    assert!(used.err.contains("loop"), "{}", used.err);
}

#[test]
fn words_for_a_person_name_member_place_and_what_to_do() {
    let array = spoiled();
    let said = command("scrub", &[], &array);
    assert_eq!((said.status, said.err.as_str()), (1, ""));
    let offset = array.practice.data_offset.get() * 512;
    let place = format!("member2.img at byte {offset}, copy");
    for part in ["byte 0, 4.00 KiB, chunk 0: wrong is: slot 2", &place, "1 range differs", "repair"]
    {
        assert!(said.out.contains(part), "{part} in {}", said.out);
    }
    let short = command("check", &["--list", "0"], &array);
    assert!(short.out.contains("and 1 more"), "{}", short.out);
    command("repair", &["--yes"], &array);
    assert!(command("check", &[], &array).out.contains("nothing differs"));
}

#[test]
fn a_checkpoint_goes_away_at_the_end_and_what_is_none_is_left_alone() {
    let array = spoiled();
    let file = array.path("checkpoint");
    told("check", &["--checkpoint", &file], &array, 1);
    assert!(!fs::exists(&file).unwrap());
    let precious = array.file("precious", b"precious");
    let refused = command("check", &["--checkpoint", &precious], &array);
    assert_eq!(refused.status, 3, "{refused:?}");
    assert_eq!(fs::read(&precious).unwrap(), b"precious");
}

#[test]
fn a_signal_stops_it_and_a_checkpoint_lets_the_next_run_go_on() {
    let array = spoiled();
    let file = array.path("checkpoint");
    let mut command = mdbitmap();
    command.args(["check", "--json", "--progress", "json", "--limit", "1M", "--checkpoint", &file]);
    command.args(array.members()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Byte by byte in the end: what is left in the pipe must stay there.
    let mut lines = BufReader::with_capacity(1, child.stderr.as_mut().unwrap()).lines();
    let moved = |line: Value| line["bytes_done"].as_u64().unwrap() > 0;
    while !moved(serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap()) {}
    assert!(kill(child.id(), "INT"));
    let stopped = Run::from(child.wait_with_output().unwrap());
    assert_eq!(stopped.status, 130, "{stopped:?}");
    let first = json(&stopped.out, "check.schema.json");
    assert_eq!((&first["outcome"], &first["ranges_total"]), (&"interrupted".into(), &1.into()));

    // What is listed was listed before; the status still tells that it differs.
    let second = told("check", &["--checkpoint", &file], &array, 1);
    assert_eq!(second["bytes_before"], first["bytes_done"]);
    assert_eq!((&second["blocks_earlier"], &second["ranges_total"]), (&1.into(), &0.into()));
    assert_eq!(second["outcome"], "different");
    assert!(!fs::exists(&file).unwrap());
}

#[test]
fn dirty_chunks_come_to_an_end_where_the_last_one_is_not_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("d");
    let path = path.to_str().unwrap();
    let made = run(["demo", path, "--make-only", "--members", "2", "--size=21M", "--chunk=2M"]);
    assert_eq!(made.status, 0, "{made:?}");
    let members = [0, 1].map(|n| format!("{path}/member{n}.img"));
    let words = |words: &'static str| words.split(' ').map(str::to_owned).chain(members.clone());
    assert_eq!(run(words("set --range all")).status, 0);
    let said = run(words("check --dirty-only --json --progress none"));
    assert_eq!(said.status, 1, "{said:?}");
    assert_eq!(json(&said.out, "check.schema.json")["bytes_done"], 21 << 20);
}
