//! What is wrong is named, counted as dirty, and told by the status; the cases begin with those that mdadm
//! gets wrong.

use std::fs;

use mdbitmap::format::bitmap::StateFlags;
use serde_json::json;

use super::*;
use crate::support::Loop;

/// The status and findings of a file of `bytes`.
fn judged(dir: &TempDir, bytes: &[u8]) -> (i32, Vec<String>) {
    let (status, bitmap) = bitmap(&support::file(dir, "judged", bytes), &[]);
    (status, codes(&bitmap).into_iter().map(str::to_owned).collect())
}

#[test]
fn a_truncated_file_keeps_its_size_and_its_missing_part_is_dirty() {
    let dir = support::temp_dir();
    let path = support::file(&dir, "b", &with_bits(&small(), &[0; 20]));
    let (status, bitmap) = bitmap(&path, &["--ranges"]);
    assert_eq!((status, codes(&bitmap)), (4, vec!["too-short"]));
    assert_eq!((&bitmap["chunks_total"], &bitmap["chunks_dirty"]), (&json!(313), &json!(153)));
    assert_eq!(bitmap["ranges"][0]["first_chunk"], 160);
    assert_eq!(examine(&path, &["--test"]).status, 4);
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    let dir = support::temp_dir();
    assert_eq!(judged(&dir, b""), (4, vec!["empty".to_owned()]));
    assert_eq!(judged(&dir, b"bitm"), (4, vec!["truncated-superblock".to_owned()]));
}

#[test]
fn what_is_no_bitmap_is_named() {
    let dir = support::temp_dir();
    let mut ext4 = vec![0; 8192];
    ext4[0x438..0x43a].copy_from_slice(&[0x53, 0xef]);
    for (bytes, like) in [(ext4, "ext4"), (b"text\n".repeat(80), "text"), (vec![0; 300], "zero")] {
        let path = support::file(&dir, "b", &bytes);
        let run = examine(&path, &[]);
        assert_eq!(run.status, 4);
        assert!(run.out.contains(like) && run.out.contains("[bad-magic]"), "{}", run.out);
        let (_, bitmap) = bitmap(&path, &["--ranges"]);
        assert_eq!((&bitmap["version"], &bitmap["ranges"]), (&Value::Null, &json!([])));
    }
}

#[test]
fn fields_that_the_kernel_refuses_are_damage_of_their_own_kind() {
    let dir = support::temp_dir();
    type Change = fn(&mut RawBitmapSuper);
    let cases: [(Change, &str); 7] = [
        (|raw| raw.set_chunksize(0), "chunk-too-small"),
        (|raw| raw.set_chunksize(3000), "chunk-not-power-of-two"),
        (|raw| raw.set_version(2), "unknown-version"),
        (|raw| raw.set_daemon_sleep(0), "delay-out-of-range"),
        (|raw| raw.set_write_behind(16384), "write-behind-out-of-range"),
        (|raw| raw.set_state(StateFlags::WRITE_ERROR), "write-error"),
        (|raw| raw.set_magic(7), "bad-magic"),
    ];
    for (change, code) in cases {
        let mut raw = small();
        change(&mut raw);
        assert_eq!(judged(&dir, &with_bits(&raw, &[0; 40])), (4, vec![code.to_owned()]));
    }
    let mut raw = small();
    raw.set_daemon_sleep(0);
    let path = support::file(&dir, "b", &with_bits(&raw, &[1; 40]));
    assert_eq!(bitmap(&path, &[]).1["chunks_dirty"], 40, "what can be read is shown");
}

#[test]
fn a_header_that_promises_the_moon_costs_nothing() {
    let dir = support::temp_dir();
    let mut raw = small();
    raw.set_sync_size(Sectors::new(1 << 53));
    raw.set_chunksize(512);
    let (status, bitmap) = bitmap(&support::file(&dir, "b", &raw.0), &["--ranges"]);
    assert_eq!((status, &bitmap["chunks_dirty"]), (4, &json!(1u64 << 53)));
    assert_eq!(bitmap["ranges"].as_array().unwrap().len(), 1);
}

#[test]
fn a_clustered_header_without_slots_is_damage() {
    let dir = support::temp_dir();
    let (status, found) = judged(&dir, &with_bits(&clustered(4), &[0; 40]));
    assert_eq!((status, found), (4, vec!["nodes-missing".to_owned(), "too-short".to_owned()]));
    let huge = judged(&dir, &with_bits(&clustered(u32::MAX), &[0; 40]));
    assert_eq!(huge.0, 4);
    let path = support::image(&dir, "b", 8192, &[(0, &with_bits(&clustered(2), &[0; 40]))]);
    assert_eq!(codes(&bitmap(&path, &[]).1), ["bad-magic"], "an empty slot");
}

#[test]
fn places_that_hold_no_bitmap_are_refused_at_once() {
    let dir = support::temp_dir();
    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for (path, what) in [(fifo.as_path(), "FIFO"), (dir.path(), "directory")] {
        let run = examine(path, &[]);
        assert_eq!(run.status, 4, "{}", run.err);
        assert!(run.err.contains(what), "{}", run.err);
    }
    let absent = examine(&dir.path().join("absent"), &[]);
    assert_eq!(absent.status, 5);
    assert!(absent.err.contains("No such file"), "{}", absent.err);
}

#[test]
fn a_read_error_in_the_middle_names_its_sectors() {
    let dir = support::temp_dir();
    let mut raw = small();
    raw.set_sync_size(Sectors::new(8 * 8 * 40_000));
    let path = support::file(&dir, "b", &[with_bits(&raw, &[0; 40_000]), vec![0; 704]].concat());
    let Some(device) = Loop::attach(&path) else { return };
    // A loop device whose file was cut short fails to read behind the cut.
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(20_480).unwrap();
    let (status, bitmap) = bitmap(&device.0, &["--ranges"]);
    assert_eq!((status, codes(&bitmap)), (4, vec!["unreadable"]));
    let message = bitmap["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("sectors 40-79"), "{message}");
    assert_eq!(bitmap["chunks_total"], 320_000);
    assert_eq!(bitmap["ranges"][0]["first_chunk"], (20_480 - 256) * 8);
    assert_eq!(examine(&device.0, &["--test"]).status, 4);
}
