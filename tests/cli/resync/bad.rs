//! Lists of bad blocks, as somebody meets them who types the command.

use serde_json::{Value, json};

use super::array::Array;
use super::told;
use crate::support::run;

/// The first sector of the first dirty chunk.
fn due(array: &Array) -> u64 {
    array.practice.dirty[0].first.get() * array.practice.chunk.bytes() / 512
}

fn bytes(array: &Array, at: u64) -> u64 {
    (array.practice.data_offset.get() + at) * 512
}

#[test]
fn a_bad_range_of_the_source_is_taken_from_elsewhere_and_struck() {
    let array = Array::new();
    let (at, data) = (due(&array), array.data(1));
    array.list_bad(0, &[(at + 3, 2), (0, 8)]);
    let plan = run([&["resync", "--dry-run"], &array.members()[..]].concat());
    assert!(plan.out.contains("bad blocks are listed at sectors"), "{}", plan.out);
    assert!(plan.out.contains("they are not read"), "{}", plan.out);
    let said = told(&[], &array.members(), 0);
    let listed = json!([
        { "start_bytes": bytes(&array, at + 3), "length_bytes": 1024 },
        { "start_bytes": bytes(&array, 0), "length_bytes": 4096 },
    ]);
    let mut sorted = listed.as_array().unwrap().clone();
    sorted.sort_by_key(|range| range["start_bytes"].as_u64());
    let one = &said["bad_blocks"][0];
    assert_eq!(one["listed"], Value::Array(sorted));
    assert_eq!((&one["rewritten_bytes"], &one["left_bytes"]), (&json!(1024), &json!(4096)));
    let range = usize::try_from((at + 3) * 512).unwrap();
    assert_eq!(array.data(0)[range..range + 1024], data[range..range + 1024]);
    assert_eq!(array.data(2)[range..range + 1024], data[range..range + 1024]);
    // What was not due is bad yet, and was not copied to anybody.
    assert_eq!(array.data(0)[..4096], [0xee; 4096]);
    assert_eq!(array.data(1)[..4096], data[..4096]);
}

#[test]
fn what_all_list_as_bad_stays_dirty_and_is_told_with_its_places() {
    let array = Array::new();
    let at = due(&array);
    (0..3).for_each(|slot| array.list_bad(slot, &[(at, 8)]));
    let said = told(&[], &array.members(), 6);
    assert_eq!((&said["outcome"], &said["chunks_dirty_after"]), (&json!("incomplete"), &json!(1)));
    let lost = &said["unreadable"][0];
    assert_eq!(lost["array"], json!([{ "start_bytes": at * 512, "length_bytes": 4096 }]));
    let members = lost["members"].as_array().unwrap();
    assert_eq!(members.len(), 3);
    for (member, path) in members.iter().zip(array.members()) {
        assert_eq!(member["path"], path);
        assert_eq!(member["start_bytes"], bytes(&array, at));
        assert_eq!(member["reason"], "bad-block");
    }
    let again = run([&["resync"], &array.members()[..]].concat());
    assert_eq!(again.status, 6, "{}", again.err);
    let line = format!("No member can give of the array 8 sectors at byte {}:", at * 512);
    assert!(again.out.contains(&line), "{}", again.out);
    assert!(again.out.contains("listed as bad"), "{}", again.out);
}

#[test]
fn a_damaged_list_is_refused_and_told_by_examine() {
    let array = Array::new();
    array.list_bad(0, &[(1 << 40, 0)]);
    let images = array.images();
    let refused = run([&["resync"], &array.members()[..]].concat());
    assert_eq!(refused.status, 3, "{}", refused.err);
    assert!(refused.err.contains("list of bad blocks is damaged"), "{}", refused.err);
    assert!(array.images() == images);
    array.list_bad(0, &[(8, 16)]);
    let shown = run(["examine", array.members()[0]]);
    assert_eq!(shown.status, 0, "{shown:?}");
    let first = array.practice.data_offset.get() + 8;
    let line = format!("Bad Blocks : 16 sectors in 1 range: {first} for 16 sectors");
    assert!(shown.out.contains(&line), "{}", shown.out);
    let shown = run(["examine", "--json", array.members()[0]]);
    let shown = crate::support::json(&shown.out, "examine.schema.json");
    let listed = json!([{ "start_sector": first, "sectors": 16 }]);
    assert_eq!(shown["bitmaps"][0]["bad_blocks"], listed);
}
