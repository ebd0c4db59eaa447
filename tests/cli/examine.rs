//! `mdbitmap examine`: the same as mdadm where mdadm is right, and what to say where it is not.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{self, Loop, Run, run};
use mdbitmap::format::bitmap::{NewBitmap, RawBitmapSuper, StateFlags};
use mdbitmap::format::md::{HostOrder, MdUuid, MdVersion, NewArray, NewMember};
use mdbitmap::units::{ChunkSize, Events, Sectors, Slot};

const SCHEMA: &str = "examine.schema.json";

/// The example of the documents: 9070 bits, 1390 bytes.
fn sample() -> RawBitmapSuper {
    NewBitmap {
        uuid: *b"0123456789abcdef",
        events: Events::new(5),
        events_cleared: Events::new(3),
        sync_size: Sectors::new(580_480 * 2),
        chunk: ChunkSize::from_bytes(65536).unwrap(),
        delay: 3,
        write_behind: 0,
        sectors_reserved: 0,
    }
    .encode()
}

/// 313 chunks of 4 KiB.
fn small() -> RawBitmapSuper {
    let mut raw = sample();
    raw.set_sync_size(Sectors::new(313 * 8));
    raw.set_chunksize(4096);
    raw
}

fn with_bits(raw: &RawBitmapSuper, bits: &[u8]) -> Vec<u8> {
    [&raw.0[..], bits].concat()
}

fn examine(path: &Path, options: &[&str]) -> Run {
    let args = ["examine"].iter().chain(options).map(|arg| (*arg).into());
    run(args.chain([path.as_os_str().to_owned()]))
}

/// The one bitmap of a run with `--json`, and the status.
fn bitmap(path: &Path, options: &[&str]) -> (i32, Value) {
    let run = examine(path, &[&["--json"], options].concat());
    let value = support::json(&run.out, SCHEMA);
    assert_eq!(value["schema"], 1);
    let bitmaps = value["bitmaps"].as_array().unwrap();
    assert_eq!(bitmaps.len(), 1);
    (run.status, bitmaps[0].clone())
}

fn codes(bitmap: &Value) -> Vec<&str> {
    let findings = bitmap["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// The status and findings of a file of `bytes`.
fn judged(dir: &TempDir, bytes: &[u8]) -> (i32, Vec<String>) {
    let (status, bitmap) = bitmap(&support::file(dir, "judged", bytes), &[]);
    (status, codes(&bitmap).into_iter().map(str::to_owned).collect())
}

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
    let range = lines[18].split_whitespace().collect::<Vec<_>>();
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

fn clustered(nodes: u32) -> RawBitmapSuper {
    let mut raw = small();
    raw.set_version(5);
    raw.set_nodes(nodes);
    let mut name = [0; 64];
    name[..4].copy_from_slice(b"club");
    raw.set_cluster_name(name);
    raw
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
fn a_clustered_header_without_slots_is_damage() {
    let dir = support::temp_dir();
    let (status, found) = judged(&dir, &with_bits(&clustered(4), &[0; 40]));
    assert_eq!((status, found), (4, vec!["nodes-missing".to_owned(), "too-short".to_owned()]));
    let huge = judged(&dir, &with_bits(&clustered(u32::MAX), &[0; 40]));
    assert_eq!(huge.0, 4);
    let path = support::image(&dir, "b", 8192, &[(0, &with_bits(&clustered(2), &[0; 40]))]);
    assert_eq!(codes(&bitmap(&path, &[]).1), ["bad-magic"], "an empty slot");
}

/// A member with a lockless bitmap as a real kernel left it.
fn lockless(dir: &TempDir, name: &str, states: &[u8]) -> std::path::PathBuf {
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
fn one_bad_path_does_not_hide_the_others() {
    let dir = support::temp_dir();
    let good = support::file(&dir, "b", &with_bits(&small(), &[0; 40]));
    let run = run(["examine".as_ref(), dir.path().as_os_str(), good.as_os_str()]);
    assert_eq!(run.status, 4);
    assert!(run.out.contains("Bitmap : 313 bits"), "{}", run.out);
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

/// Every line of mdadm comes first, byte for byte.
fn agrees_with_mdadm(path: &Path) {
    let theirs = support::mdadm(["-X".as_ref(), path.as_os_str()]);
    let ours = run(["-X".as_ref(), path.as_os_str()]);
    assert_eq!(theirs.status, 0, "{}", theirs.err);
    assert!(ours.out.starts_with(&theirs.out), "theirs:\n{}ours:\n{}", theirs.out, ours.out);
}

prop_compose! {
    fn any_bitmap()(
        uuid: [u8; 16], events in 0u64..1 << 40, cleared: u16, size_bits in 1u32..34, low: u64,
        chunk in 9u32..32, delay in 1u32..1 << 31, write_behind in prop::sample::select(vec![0, 1, 256, 16383]),
        version in 3u32..5, state in prop::sample::select(vec![0, 0, 1, 2, 3, 4, 0x8000]),
        fill in prop_oneof![Just(0u8), Just(0xff), any::<u8>()], more in 0usize..5000,
    ) -> Vec<u8> {
        let size = 1 << size_bits | low & ((1 << size_bits) - 1);
        let least = (size * 512 >> 20).max(1).next_power_of_two();
        let chunk = ChunkSize::from_bytes((1 << chunk).max(least.min(1 << 31))).unwrap();
        let mut raw = NewBitmap {
            uuid, events: Events::new(events), events_cleared: Events::new(u64::from(cleared)),
            sync_size: Sectors::new(size), chunk, delay, write_behind, sectors_reserved: 0,
        }.encode();
        raw.set_version(version);
        raw.set_state(StateFlags(state));
        let bytes = usize::try_from(chunk.chunks_for(Sectors::new(size)).get().div_ceil(8)).unwrap();
        with_bits(&raw, &vec![fill; bytes + more])
    }
}

#[test]
fn bitmaps_of_all_sizes_are_shown_as_mdadm_shows_them() {
    if !support::have_mdadm() {
        return;
    }
    let dir = support::temp_dir();
    proptest!(ProptestConfig::with_cases(100), |(bytes in any_bitmap())| {
        agrees_with_mdadm(&support::file(&dir, "b", &bytes));
    });
}

/// A member of a mirror with an internal bitmap of one chunk per MiB.
fn member(dir: &TempDir, version: MdVersion) -> (std::path::PathBuf, u64) {
    let (size, device) = (Sectors::new(61_440), Sectors::new(65_536));
    let uuid = MdUuid::from_bytes(sample().uuid());
    let array = NewArray::mirror(version, uuid, 2, size);
    let new = NewMember { slot: Slot(0), device, device_uuid: [7; 16], numbers: (8, 1) };
    let member = array.member(&new).unwrap();
    let view = member.view();
    let mut raw = small();
    raw.set_sync_size(size);
    raw.set_chunksize(1 << 20);
    let at = view.bitmap_at.unwrap().get() * 512;
    let super_at = view.super_offset.get() * 512;
    let parts = [(super_at, member.raw()), (at, &with_bits(&raw, &[0x5a; 4])[..])];
    (support::image(dir, "m", device.get() * 512, &parts), at)
}

const VERSIONS: [MdVersion; 5] = [
    MdVersion::V0_90(HostOrder::Little),
    MdVersion::V0_90(HostOrder::Big),
    MdVersion::V1_0,
    MdVersion::V1_1,
    MdVersion::V1_2,
];

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

#[test]
fn internal_bitmaps_are_shown_as_mdadm_shows_them() {
    if !support::have_mdadm() {
        return;
    }
    let dir = support::temp_dir();
    // mdadm on this host cannot tell a 0.90 member of the other byte order.
    for version in VERSIONS.into_iter().filter(|v| *v != MdVersion::V0_90(HostOrder::Big)) {
        let (path, _) = member(&dir, version);
        let Some(device) = Loop::attach(&path) else { return };
        agrees_with_mdadm(&device.0);
    }
}
