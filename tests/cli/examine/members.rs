//! Bitmaps inside members of arrays, lockless ones among them.

use serde_json::json;

use super::*;

/// A member with a lockless bitmap as a real kernel left it.
fn lockless(dir: &TempDir, name: &str, states: &[u8]) -> PathBuf {
    let head = support::fixture(&format!("md/{name}.head"));
    let bitmap = support::fixture(&format!("md/{name}.bitmap"));
    let parts = [(0, &head[..]), (8192, &bitmap), (8192 + 1024, states)];
    support::image(dir, name, 32 << 20, &parts)
}

#[test]
fn a_lockless_bitmap_is_counted_by_state() {
    let dir = support::temp_dir();
    let path = lockless(&dir, "raid1-stale-d0", &[0, 1, 2, 3, 4, 5, 6, 7, 99]);
    let (status, bitmap) = bitmap(&path, &["--ranges"]);
    assert_eq!((status, codes(&bitmap)), (0, vec!["unknown-chunk-states"]));
    assert_eq!((&bitmap["format"], &bitmap["location"]), (&json!("lockless"), &json!("internal")));
    assert_eq!(
        (&bitmap["member_metadata"], &bitmap["offset_bytes"]),
        (&json!("1.2"), &json!(8192))
    );
    assert_eq!((&bitmap["chunks_total"], &bitmap["chunk_bytes"]), (&json!(496), &json!(65536)));
    assert_eq!(
        (&bitmap["states"]["need-sync"], &bitmap["states"]["dirty"]),
        (&json!(1), &json!(488))
    );
    assert_eq!(bitmap["chunks_dirty"], 491);
    assert_eq!(bitmap["ranges"][0]["chunks"], 3);
    let text = examine(&lockless(&dir, "raid1-crash-d0", &[]), &["--test"]);
    assert_eq!(text.status, 1);
    assert!(text.out.contains("    Chunk States : 496 dirty\n"), "{}", text.out);
}

#[test]
fn a_lockless_bitmap_may_lie_over_a_bad_block_log_that_is_not_in_use() {
    let dir = support::temp_dir();
    let head = support::fixture("md/raid1-stale-d0.head");
    let mut header = support::fixture("md/raid1-stale-d0.bitmap")[..1024].to_vec();
    // Chunks of 4 KiB: the states end behind the log's place.
    header[52..56].copy_from_slice(&8_u32.to_le_bytes());
    let found = |head: &[u8]| {
        let parts = [(0, head), (8192, &header[..]), (8192 + 1024, &[1; 7936])];
        let (status, bitmap) = bitmap(&support::image(&dir, "m", 32 << 20, &parts), &[]);
        (status, codes(&bitmap).join(" "))
    };
    assert_eq!(found(&head), (0, "over-bad-block-log".to_owned()));
    let mut listed = head;
    listed[4096 + 8] |= 8;
    let sum = u32::from_le_bytes(listed[4096 + 216..4096 + 220].try_into().unwrap());
    listed[4096 + 216..4096 + 220].copy_from_slice(&(sum + 8).to_le_bytes());
    assert_eq!(found(&listed), (4, "no-room bblog-entry".to_owned()));
}

#[test]
fn a_members_bitmap_is_judged_by_the_member() {
    let dir = support::temp_dir();
    let head = support::fixture("md/raid1-crash-d0.head");
    let uuid: [u8; 16] = head[4096 + 16..4096 + 32].try_into().unwrap();
    let mut raw = small();
    raw.set_sync_size(Sectors::new(0xf800));
    raw.set_chunksize(1 << 20);
    let place = |raw: &RawBitmapSuper| {
        support::image(&dir, "m", 32 << 20, &[(0, &head), (8192, &with_bits(raw, &[0; 4]))])
    };
    let found = |raw: &RawBitmapSuper| {
        let (status, bitmap) = bitmap(&place(raw), &[]);
        (status, codes(&bitmap).join(" "))
    };
    assert_eq!(found(&raw), (4, "uuid-mismatch".to_owned()));
    raw.set_uuid(uuid);
    assert_eq!(found(&raw), (0, String::new()));
    raw.set_events(Events::new(2));
    raw.set_events_cleared(Events::new(2));
    assert_eq!(found(&raw), (0, "events-behind".to_owned()));
    raw.set_sync_size(Sectors::new(0xf000));
    assert_eq!(found(&raw), (0, "events-behind size-differs".to_owned()));
    raw.set_chunksize(512);
    assert_eq!(found(&raw).1, "no-room events-behind size-differs");
}

#[test]
fn a_member_without_a_bitmap_says_so() {
    let dir = support::temp_dir();
    let mut head = support::fixture("md/raid1-crash-d0.head");
    head[4096 + 8] &= !1;
    head[4096 + 96..4096 + 100].fill(0);
    // The checksum of 1.x is a plain sum: what left the words leaves the sum.
    let sum = u32::from_le_bytes(head[4096 + 216..4096 + 220].try_into().unwrap());
    head[4096 + 216..4096 + 220].copy_from_slice(&(sum - 1 - 8).to_le_bytes());
    let path = support::image(&dir, "m", 32 << 20, &[(0, &head)]);
    let (status, bitmap) = bitmap(&path, &[]);
    assert_eq!((status, codes(&bitmap)), (4, vec!["no-internal-bitmap"]));
    assert_eq!(bitmap["member_metadata"], "1.2");
}

#[test]
fn an_internal_bitmap_is_found_in_members_of_every_version() {
    let dir = support::temp_dir();
    for version in VERSIONS {
        let (path, at) = member(&dir, version);
        let (status, bitmap) = bitmap(&path, &[]);
        assert_eq!((status, codes(&bitmap)), (0, vec![]), "{version}");
        assert_eq!(
            (&bitmap["location"], &bitmap["offset_bytes"]),
            (&json!("internal"), &json!(at))
        );
        assert_eq!(bitmap["member_metadata"], version.as_str());
        assert_eq!((&bitmap["chunks_total"], &bitmap["chunks_dirty"]), (&json!(30), &json!(15)));
        let reversed = version == MdVersion::V0_90(HostOrder::Little);
        let uuid = if reversed { "33323130:37363534" } else { "30313233:34353637" };
        assert!(bitmap["uuid"].as_str().unwrap().starts_with(uuid), "{version}");
    }
}
