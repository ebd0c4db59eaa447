//! What is shown of a bitmap that is in order.

use std::fs::OpenOptions;

use mdbitmap::format::bitmap::StateFlags;
use serde_json::json;

use super::*;
use crate::support::Loop;

#[test]
fn an_intact_bitmap_is_shown_as_programs_want_it() {
    let dir = support::temp_dir();
    let mut bits = vec![0; 1134];
    bits[0] = 0b0110;
    bits[1133] = 0b10_0000;
    let path = support::file(&dir, "b", &with_bits(&sample(), &bits));
    let (status, bitmap) = bitmap(&path, &["--ranges"]);
    assert_eq!(status, 0);
    let expected = json!({
        "path": path, "location": "file", "member_metadata": null, "offset_bytes": 0,
        "format": "classic", "version": 4, "uuid": "30313233:34353637:38396162:63646566",
        "events": 5, "events_cleared": 3, "state": [], "chunk_bytes": 65536, "delay_seconds": 3,
        "write_behind": 0, "sync_size_sectors": 1_160_960, "chunks_total": 9070,
        "chunks_dirty": 3, "findings": [],
        "ranges": [
            {"first_chunk": 1, "chunks": 2, "start_bytes": 65536, "length_bytes": 131_072},
            {"first_chunk": 9069, "chunks": 1, "start_bytes": 9069 * 65536, "length_bytes": 65536},
        ],
    });
    assert_eq!(bitmap, expected);
}

#[test]
fn people_see_the_lines_of_mdadm_and_more() {
    let dir = support::temp_dir();
    let path = support::file(&dir, "b", &with_bits(&small(), &[0xf0; 40]));
    let shown = examine(&path, &["--map", "--ranges"]);
    assert_eq!(shown.status, 0, "{}", shown.err);
    let lines: Vec<&str> = shown.out.lines().collect();
    assert_eq!(lines[4], "          Events : 5");
    assert_eq!(lines[11], "          Bitmap : 313 bits (chunks), 156 dirty (49.8%)");
    assert_eq!(lines[13], "            Size : 296 of 296 bytes, fits");
    assert!(lines[15].starts_with("             Map : "));
    assert_eq!(lines[15].chars().count(), 80);
    let range = lines[19].split_whitespace().collect::<Vec<_>>();
    assert_eq!(range, ["4", "4", "16384", "16384"]);
    let same = run(["-X".as_ref(), path.as_os_str(), "--map".as_ref(), "--ranges".as_ref()]);
    assert_eq!(same.out, shown.out);
}

#[test]
fn the_test_option_tells_dirty_from_clean() {
    let dir = support::temp_dir();
    let clean = support::file(&dir, "clean", &with_bits(&small(), &[0; 40]));
    let dirty = support::file(&dir, "dirty", &with_bits(&small(), &[1; 40]));
    let padding = [&[0; 39][..], &[0xfe]].concat();
    let padding = support::file(&dir, "padding", &with_bits(&small(), &padding));
    assert_eq!(examine(&clean, &["--test"]).status, 0);
    assert_eq!(examine(&dirty, &["--test"]).status, 1);
    assert_eq!(examine(&dirty, &[]).status, 0);
    assert_eq!(examine(&padding, &["--test"]).status, 0, "padding bits are junk");
    let mut stale = small();
    stale.set_state(StateFlags::STALE);
    let stale = support::file(&dir, "stale", &with_bits(&stale, &[0; 40]));
    assert_eq!(examine(&stale, &["--test"]).status, 1, "stale means all dirty");
}

#[test]
fn a_clustered_bitmap_is_shown_node_by_node() {
    let dir = support::temp_dir();
    let (first, second) = (with_bits(&clustered(2), &[1; 40]), with_bits(&clustered(2), &[3; 40]));
    let path = support::image(&dir, "b", 8192, &[(0, &first), (4096, &second)]);
    let (status, bitmap) = bitmap(&path, &[]);
    assert_eq!((status, &bitmap["format"]), (0, &json!("clustered")));
    assert_eq!(bitmap["chunks_dirty"], 79, "dirty for any node");
    assert_eq!(
        (&bitmap["nodes"][0]["chunks_dirty"], &bitmap["nodes"][1]["slot"]),
        (&json!(40), &json!(1))
    );
    let text = examine(&path, &[]).out;
    assert!(text.contains("       Node Slot : 1\n"), "{text}");
}

#[test]
fn one_bad_path_does_not_hide_the_others() {
    let dir = support::temp_dir();
    let good = support::file(&dir, "b", &with_bits(&small(), &[0; 40]));
    let run = run(["examine".as_ref(), dir.path().as_os_str(), good.as_os_str()]);
    assert_eq!(run.status, 4);
    assert!(run.out.contains("Bitmap : 313 bits"), "{}", run.out);
}

#[test]
fn output_that_cannot_be_written_is_not_taken_for_a_disk() {
    let dir = support::temp_dir();
    let path = support::file(&dir, "b", &with_bits(&small(), &[0; 40]));
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = support::mdbitmap();
    let run = support::Run::from(command.arg("examine").arg(path).stdout(full).output().unwrap());
    assert_eq!(run.status, 5);
    assert!(run.err.starts_with("mdbitmap: cannot print the report: No space"), "{}", run.err);
}

#[test]
fn names_cannot_steer_the_terminal() {
    let dir = support::temp_dir();
    let path = support::file(&dir, "a\u{1b}[2Jb", &with_bits(&clustered(1), &[0; 40]));
    let run = examine(&path, &[]);
    assert!(!run.out.contains('\u{1b}') && run.out.contains("\\u{1b}"), "{}", run.out);
}

#[test]
fn a_bare_block_device_is_read() {
    let dir = support::temp_dir();
    let path = support::file(&dir, "b", &[with_bits(&small(), &[1; 40]), vec![0; 65536]].concat());
    let Some(device) = Loop::attach(&path) else { return };
    let (status, bitmap) = bitmap(&device.0, &[]);
    assert_eq!((status, &bitmap["location"]), (0, &json!("device")));
    assert_eq!(bitmap["chunks_dirty"], 40);
}
