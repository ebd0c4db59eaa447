//! `mdbitmap locate` and `mdbitmap files` on a stopped mirror.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::resync::array::{Array, write};
use crate::support::{have, json, run};

fn located(array: &Array, args: &[&str]) -> Value {
    let run = run([&["locate", "--json"], args, &array.members()[..]].concat());
    assert_eq!(run.status, 0, "{args:?} {}", run.err);
    json(&run.out, "locate.schema.json")
}

#[test]
fn the_array_a_bit_and_a_member_lead_to_the_same_place() {
    let array = Array::new();
    let data = array.practice.data_offset.get() * 512;
    let byte = 5 * 65536 + 1000;
    let on_member = format!("1:{}", data + byte);
    let path = format!("{}:{}", array.members()[2], data + byte);
    let args = ["-a", &byte.to_string(), "--device", &on_member, "-d", &path, "--bit", "5"];
    let said = located(&array, &args);
    assert_eq!(
        (&said["array"]["bit_bytes"], &said["array"]["array_bytes"]),
        (&65536.into(), &(16 << 20).into())
    );
    let answers = said["answers"].as_array().unwrap();
    let (of_array, of_bit) = (&answers[0], &answers[1]);
    assert_eq!(of_bit["array"][0]["start_bytes"], 5 * 65536);
    assert_eq!(of_bit["array"][0]["length_bytes"], 65536);
    for answer in [of_array, &answers[2], &answers[3]] {
        assert_eq!(answer["array"][0]["start_bytes"], byte);
        assert_eq!(answer["bits"], serde_json::json!([5, 5]));
        for place in answer["places"].as_array().unwrap() {
            assert_eq!(place["offset_bytes"], data + byte);
        }
    }
    let asked = |answer: &Value| {
        let places = answer["places"].as_array().unwrap();
        places.iter().filter(|place| place["asked"] == true).count()
    };
    assert_eq!((asked(of_array), asked(&answers[2])), (3, 1));
}

#[test]
fn what_is_no_data_is_named_and_what_is_beyond_is_refused() {
    let array = Array::new();
    let bitmap = format!("0:{}", array.practice.bitmap_at.get() * 512);
    for (at, what) in [
        ("0:4096", "the md superblock"),
        (&bitmap, "the internal bitmap"),
        ("0:0", "room before the data"),
        ("1:64G", "room that the array does not use"),
    ] {
        let said = located(&array, &["-d", at]);
        assert_eq!(said["answers"][0]["holds"], what, "{at}");
    }
    let before = array.images();
    for (args, status, why) in [
        (&["-a", "1T"][..], 2, "beyond the end"),
        (&["--bit", "256"], 2, "beyond the end"),
        (&["--stripe", "0"], 2, "parity"),
        (&["-d", "9:0"], 2, "slot 9"),
        (&["-d", "elsewhere:0"], 2, "not one of the members"),
        (&["-d", "1"], 2, "MEMBER:OFFSET"),
        (&[], 2, "nothing is asked for"),
    ] {
        let run = run([&["locate"], args, &array.members()[..]].concat());
        assert_eq!(run.status, status, "{args:?} {run:?}");
        assert!(run.err.contains(why), "{}", run.err);
    }
    assert!(array.images() == before);
}

#[test]
fn one_member_is_enough_and_the_others_are_told_by_their_slots() {
    let array = Array::new();
    let run = run(["locate", "-a", "8192", array.members()[1]]);
    assert_eq!(run.status, 0, "{run:?}");
    for part in ["byte 8192 of the array, bit 0", "1056768", "(not given)", "data + 8192"] {
        assert!(run.out.contains(part), "{part} in {}", run.out);
    }
}

/// A file system with a file, put on all members; none where its tools are not here.
fn with_files() -> Option<Array> {
    let tools = ["mkfs.ext4", "debugfs"];
    let there = tools.iter().all(|tool| {
        Command::new("sh")
            .args(["-c", &format!("PATH=$PATH:/usr/sbin command -v {tool}")])
            .stdout(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    });
    have("e2fsprogs is not installed", there).then_some(())?;
    let array = Array::new();
    assert_eq!(run([&["resync"], &array.members()[..]].concat()).status, 0);
    let (image, file) = (array.path("fs"), array.file("file", &[b'x'; 50_000]));
    fs::write(&image, []).unwrap();
    let script = format!(
        "PATH=$PATH:/usr/sbin; set -e; truncate -s 16M '{image}'; mkfs.ext4 -q -F '{image}'; \
         printf 'mkdir dir\\nwrite {file} dir/precious\\nln dir/precious other\\nsif other links_count 2\\n' | debugfs -w -f - '{image}'"
    );
    let made = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let bytes = fs::read(&image).unwrap();
    let at = array.practice.data_offset.get() * 512;
    array.members().iter().for_each(|member| write(member, at, &bytes));
    Some(array)
}

fn owners(said: &Value) -> Vec<String> {
    let parts =
        said["ranges"].as_array().unwrap().iter().flat_map(|r| r["parts"].as_array().unwrap());
    let word = |part: &Value| match part["paths"][0].as_str() {
        Some(path) => path.to_owned(),
        None => part["owner"].as_str().unwrap().to_owned(),
    };
    parts.map(word).collect()
}

#[test]
fn the_file_under_what_differs_is_named() {
    let Some(array) = with_files() else { return };
    let base = array.practice.data_offset.get() * 512;
    let image = fs::read(array.members()[0]).unwrap();
    let found = image.windows(8).position(|window| window == b"xxxxxxxx").unwrap() as u64;
    write(array.members()[1], found + 5000, b"SPOILED");
    let before = array.images();
    let report = run([&["check", "--json", "--progress", "none"], &array.members()[..]].concat());
    assert_eq!(report.status, 1);
    let report = array.file("report", report.out.as_bytes());
    let said = run([&["files", "--json", "--ranges", &report], &array.members()[..]].concat());
    assert_eq!(said.status, 0, "{}", said.err);
    let said = json(&said.out, "files.schema.json");
    assert_eq!(said["ranges"][0]["start_bytes"], (found + 5000 - base) / 4096 * 4096);
    let part = &said["ranges"][0]["parts"][0];
    let mut paths: Vec<_> =
        part["paths"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["/dir/precious", "/other"]);

    let all = run([&["files", "--json", "--range", "all"], &array.members()[..]].concat());
    let all = owners(&json(&all.out, "files.schema.json"));
    for owner in ["metadata", "free", "(journal)", "/"] {
        assert!(all.iter().any(|one| one == owner), "{owner} in {all:?}");
    }
    let none = run([&["files"], &array.members()[..]].concat());
    assert_eq!(none.status, 0, "{none:?}");
    assert!(none.out.contains("No range"), "{}", none.out);
    assert!(array.images() == before, "something was written");
}

#[test]
fn what_is_no_such_file_system_is_told_and_so_is_another_report() {
    let array = Array::new();
    let here = |args: &[&str]| run([&["files"], args, &array.members()[..]].concat());
    let none = here(&["--range", "0-1M"]);
    assert_eq!(none.status, 3, "{none:?}");
    assert!(none.err.contains("no ext4, no xfs"), "{}", none.err);
    write(array.members()[0], array.practice.data_offset.get() * 512, b"LUKS\xba\xbe");
    assert!(here(&["--range", "0-1M"]).err.contains("a LUKS volume"));
    for text in ["", "{}", "{\"schema\":1,\"array\":{\"uuid\":\"x\"},\"ranges\":[]}"] {
        let report = array.file("report", text.as_bytes());
        assert_eq!(here(&["--ranges", &report]).status, 2, "{text}");
    }
    assert_eq!(here(&["--range", "0-1G"]).status, 2);
}
