//! `status` and `wait`: what this machine runs, and made-up machines.

use std::io::Read as _;
use std::process::Stdio;
use std::time::Duration;

use mdbitmap::output::prometheus::{self, Watched};
use mdbitmap::output::status;
use mdbitmap::running::{self, checked};
use mdbitmap::sysfs::System;

use crate::support::{json, kill, mdbitmap, run, temp_dir};

#[test]
fn the_machine_as_it_is_fits_the_schema() {
    let told = run(["status", "--json"]);
    assert_eq!(told.status, 0, "{}", told.err);
    json(&told.out, "status.schema.json");
    let told = run(["status"]);
    assert_eq!(told.status, 0, "{}", told.err);
    assert!(!told.out.is_empty(), "silence is no answer");
}

#[test]
fn what_is_no_array_is_said() {
    for command in ["status", "wait"] {
        let told = run([command, "/dev/null"]);
        assert_eq!(told.status, 2, "{}", told.err);
        assert!(told.err.contains("/dev/null: no array is assembled there"), "{}", told.err);
        let told = run([command, "/dev/none-such"]);
        assert_eq!(told.status, 5, "{}", told.err);
        assert!(told.err.contains("/dev/none-such"), "{}", told.err);
    }
    assert_eq!(run(["wait"]).status, 2);
    assert_eq!(run(["status", "--watch=0"]).status, 2);
}

#[test]
fn a_made_up_machine_fits_the_schema_and_the_table() {
    let root = temp_dir();
    let files = [
        ("array_state", "clean"),
        ("level", "raid1"),
        ("bitmap/location", "file"),
        ("sync_action", "check"),
        ("sync_completed", "8 / 16"),
        ("sync_speed", "1"),
        ("mismatch_cnt", "8"),
        ("uuid", "01234567-89ab-cdef-fedc-ba9876543210"),
        ("dev-sda/slot", "0"),
        ("dev-sda/state", "in_sync"),
    ];
    for (path, text) in files {
        let path = root.path().join("sys/block/md0/md").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{text}\n")).unwrap();
    }
    let arrays = running::all(&System::at(root.path())).unwrap();
    let mut out = Vec::new();
    status::json(&mut out, &arrays, true).unwrap();
    let value = json(&String::from_utf8(out).unwrap(), "status.schema.json");
    prometheus_tells(&arrays, root.path());
    let array = &value["arrays"][0];
    assert_eq!(array["sync"]["eta_seconds"], 4);
    assert_eq!(array["bitmap"]["kind"], "file");
    let mut out = Vec::new();
    status::text(&mut out, &arrays, true, 120).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.contains("0 sda in_sync") && text.contains("4 seconds to go"), "{text}");
    let mut out = Vec::new();
    status::text(&mut out, &[], false, 80).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("no md driver"));
}

/// What is known has a line, what is not has none.
fn prometheus_tells(arrays: &[running::Array], dir: &std::path::Path) {
    let file = dir.join("01234567-89ab-cdef-fedc-ba9876543210");
    let file = std::fs::File::create(file).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    let last_check = checked::last_check(&arrays[0], dir);
    let mut out = Vec::new();
    prometheus::text(&mut out, &[Watched { array: &arrays[0], last_check }]).unwrap();
    let text = String::from_utf8(out).unwrap();
    for line in [
        "mdbitmap_bitmap{array=\"md0\",kind=\"file\"} 1",
        "mdbitmap_array_state{array=\"md0\",state=\"clean\"} 1",
        "mdbitmap_sync_action{array=\"md0\",action=\"check\"} 1",
        "mdbitmap_sync_done_ratio{array=\"md0\"} 0.5",
        "mdbitmap_mismatch_sectors{array=\"md0\"} 8",
        "mdbitmap_last_check_timestamp_seconds{array=\"md0\"} 1700000000",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
    }
    assert!(!text.contains("mdbitmap_chunks_dirty{"), "{text}");
}

#[test]
fn watching_shows_it_again_until_interrupted() {
    let mut child =
        mdbitmap().args(["status", "--watch=1"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(2500));
    assert!(kill(child.id(), "INT"));
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // A pipe is no terminal: nothing is drawn over, pictures follow each other.
    assert!(!out.contains('\u{1b}'), "{out}");
    let first = out.lines().next().unwrap();
    assert!(out.lines().filter(|line| *line == first).count() >= 2, "{out}");
}
