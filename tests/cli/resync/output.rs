//! Progress, streams that are closed, names that are not plain.

use std::fs;
use std::io::pipe;

use serde_json::Value;

use super::array::Array;
use crate::support::{self, Run, json, mdbitmap, run};

#[test]
fn progress_for_programs_is_json_lines_and_keeps_off_standard_output() {
    let array = Array::new();
    let args = ["resync", "--json", "--progress", "json", "--limit", "1M"];
    let run = run([&args, &array.members()[..]].concat());
    assert_eq!(run.status, 0, "{}", run.err);
    let report = json(&run.out, "resync.schema.json");
    let lines: Vec<Value> = run.err.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let last = lines.last().unwrap();
    for line in &lines {
        assert_eq!((&line["schema"], &line["bytes_total"]), (&1.into(), &report["bytes_total"]));
        assert!(line["bytes_done"].as_u64() <= last["bytes_done"].as_u64(), "{}", run.err);
        assert!(line["bytes_per_second"].is_u64(), "{line}");
        assert!(line["eta_seconds"].is_u64() || line["eta_seconds"].is_null(), "{line}");
    }
    assert_eq!(last["bytes_done"], report["bytes_total"]);
    assert_eq!(last["bytes_read"], report["bytes_read"]);
    assert_eq!(last["bytes_written"], report["bytes_written"]);
}

#[test]
fn plain_progress_is_lines_where_no_terminal_is() {
    for how in ["auto", "lines"] {
        let array = Array::new();
        let run = run([&["resync", "--progress", how], &array.members()[..]].concat());
        assert_eq!(run.status, 0);
        assert!(run.err.starts_with("100%  1.31 MiB of 1.31 MiB"), "{}", run.err);
    }
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let array = Array::new();
    for (options, status) in [(&["--dry-run"][..], 0), (&["--json"], 0), (&[], 0)] {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let mut command = support::mdbitmap();
        command.arg("resync").args(options).args(array.members()).stdout(writer);
        let run = Run::from(command.output().unwrap());
        assert_eq!(run.status, status, "{run:?}");
        assert!(!run.err.contains("pipe"), "{}", run.err);
    }
    array.assert_settled();
}

/// Prints nothing that steers a terminal, and yet something.
fn assert_plain(run: &Run) {
    for text in [&run.out, &run.err] {
        let odd = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(odd, None, "{run:?}");
    }
    assert!(format!("{}{}", run.out, run.err).contains("a\\u{1b}[2Jb"), "{run:?}");
}

#[test]
fn control_characters_in_a_name_do_not_reach_the_terminal() {
    let array = Array::new();
    let [first, second] = ["a\u{1b}[2Jb\r\u{9b}0", "a\u{1b}[2Jb\n1"].map(|n| array.path(n));
    fs::rename(array.members()[0], &first).unwrap();
    fs::rename(array.members()[1], &second).unwrap();
    let third = array.members()[2];
    let other = Array::with_uuid(super::array::VERSIONS[3].1, super::refusals::OTHER);
    let copy = array.path("copy");
    fs::copy(&first, &copy).unwrap();
    let none = array.file("a\u{1b}[2Jb\u{7}", b"no member");
    for args in [
        &["--dry-run", &first, &second, third][..],
        &[&first, &first],
        &[&first, other.members()[1]],
        &[&first, &copy],
        &[&first, &none],
        &[&first, &array.path("a\u{1b}[2Jb missing")],
        &["--source", &second, &first, third],
        &["--json", "--dry-run", &first, "--bitmap", &second],
        &[&first, &second, third],
    ] {
        // Names without their directory: one too long for the table is broken where it does not fit.
        let here = array.path("");
        let args = args.iter().map(|arg| arg.strip_prefix(&here).unwrap_or(arg));
        let output = mdbitmap().current_dir(&here).arg("resync").args(args).output();
        assert_plain(&output.unwrap().into());
    }
}

#[test]
fn json_keeps_names_as_they_are() {
    let array = Array::new();
    let odd = array.path("a\u{1b}[2J \"b\"\n");
    fs::rename(array.members()[0], &odd).unwrap();
    let said = super::told(&["--dry-run"], &[&odd, array.members()[1], array.members()[2]], 0);
    assert_eq!(said["array"]["members"][0]["path"], odd);
}
