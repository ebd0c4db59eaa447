//! Stopped in the middle, by a signal or killed: the next run goes on.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use mdbitmap::units::SectorRange;
use serde_json::Value;

use super::array::Array;
use super::told;
use crate::support::{self, Run, json, kill, run};

/// A run that takes most of a minute if nothing stops it, begun and certainly in the middle.
fn in_the_middle(array: &Array) -> Child {
    array.dirty_every_other();
    let mut command = support::mdbitmap();
    command.args(["resync", "--json", "--progress", "json", "--limit", "200K"]);
    command.args(array.members()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Byte by byte in the end: what is left in the pipe must stay there for the test.
    let mut lines = BufReader::with_capacity(1, child.stderr.as_mut().unwrap()).lines();
    loop {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        let done = line["bytes_done"].as_u64().unwrap();
        assert!(done < line["bytes_total"].as_u64().unwrap(), "it was too fast");
        if done > 0 {
            break;
        }
    }
    child
}

fn stop(child: Child, signal: &str) -> Run {
    assert!(kill(child.id(), signal));
    Run::from(child.wait_with_output().unwrap())
}

/// Where the bits of member 0 say that members may differ.
fn dirty_bytes(array: &Array) -> Vec<(u64, u64)> {
    let shown = run(["examine", "--json", "--ranges", array.members()[0]]);
    let shown = json(&shown.out, "examine.schema.json");
    let ranges = shown["bitmaps"][0]["ranges"].as_array().unwrap();
    let number = |range: &Value, field: &str| range[field].as_u64().unwrap();
    let bounds = |r: &Value| {
        (number(r, "start_bytes"), number(r, "start_bytes") + number(r, "length_bytes"))
    };
    ranges.iter().map(bounds).collect()
}

/// Whatever differs lies where a bit is set.
fn assert_covered(array: &Array) {
    let dirty = dirty_bytes(array);
    for SectorRange { start, len } in array.practice.differences().unwrap() {
        let (from, to) = (start.get() * 512, (start.get() + len.get()) * 512);
        assert!(dirty.iter().any(|(a, b)| *a <= from && to <= *b), "{from}..{to} in {dirty:?}");
    }
}

fn goes_on(array: &Array, good: &[u8]) {
    assert_covered(array);
    assert_eq!(told(&[], &array.members(), 0)["outcome"], "done");
    array.assert_settled();
    assert!(array.data(0) == good);
    assert_eq!(told(&[], &array.members(), 0)["decision"], "nothing");
}

#[test]
fn a_signal_stops_it_in_good_order_and_the_next_run_goes_on() {
    for signal in ["INT", "TERM"] {
        let array = Array::new();
        let good = array.data(0);
        let stopped = stop(in_the_middle(&array), signal);
        assert_eq!(stopped.status, 130, "{stopped:?}");
        let report = json(&stopped.out, "resync.schema.json");
        assert_eq!(report["outcome"], "interrupted");
        let number = |field: &str| report[field].as_u64().unwrap();
        assert!(number("chunks_synced") > 0, "{report}");
        let left = number("chunks_dirty_before") - number("chunks_synced");
        assert_eq!(number("chunks_dirty_after"), left);
        assert!(left > 0, "{report}");
        // What was done is settled: no bit is set for it any more.
        let again = told(&["--dry-run"], &array.members(), 0);
        assert_eq!(again["chunks_dirty_before"], report["chunks_dirty_after"]);
        goes_on(&array, &good);
    }
}

#[test]
fn a_stop_is_told_by_the_status_even_where_nobody_reads() {
    let array = Array::new();
    let mut child = in_the_middle(&array);
    drop(child.stdout.take());
    assert_eq!(stop(child, "INT").status, 130);
}

#[test]
fn killed_it_leaves_what_the_next_run_needs() {
    let array = Array::new();
    let good = array.data(0);
    let mut child = in_the_middle(&array);
    child.kill().unwrap();
    let mut out = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!((child.wait().unwrap().code(), out.as_str()), (None, ""));
    goes_on(&array, &good);
}

#[test]
fn a_limit_of_file_sizes_is_an_error_and_the_next_run_goes_on() {
    let array = Array::new();
    let good = array.data(0);
    // In blocks of 512 bytes or 1 KiB: either ends inside the members' data.
    let script = "ulimit -f 4000; exec \"$0\" resync \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, env!("CARGO_BIN_EXE_mdbitmap")]).args(array.members());
    let run = Run::from(shell.output().unwrap());
    assert_eq!(run.status, 6, "{run:?}");
    assert!(run.err.contains("File too large") || run.out.contains("File too large"), "{run:?}");
    goes_on(&array, &good);
}

#[test]
fn while_one_works_another_is_turned_away() {
    let array = Array::new();
    let child = in_the_middle(&array);
    let second = run([&["resync"], &array.members()[..]].concat());
    assert_eq!(second.status, 3, "{second:?}");
    assert!(second.err.contains("another program has locked it"), "{}", second.err);
    assert_eq!(stop(child, "TERM").status, 130);
}
