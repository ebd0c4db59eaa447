use proptest::prelude::*;
use proptest::strategy::ValueTree;

use super::*;
use crate::format::Severity;
use crate::format::bitmap::NewBitmap;

/// The example of the documents: 580480 KiB in chunks of 64 KiB.
fn sample() -> NewBitmap {
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
}

fn codes(raw: &RawBitmapSuper) -> Vec<&'static str> {
    decode(&raw.0).findings.iter().map(|finding| finding.code).collect()
}

fn unchecked(offset: usize) -> bool {
    UNCHECKED.iter().any(|(start, len)| (*start..start + len).contains(&offset))
}

prop_compose! {
    fn valid()(
        uuid: [u8; 16], events: u64, back: u64, size in 1u64..1 << 54, chunk in 9u32..32,
        delay in 1u32.., write_behind in 0u32..=MAX_WRITE_BEHIND, reserved: u32, version in 3u32..=6,
        name in "[a-z]{0,64}", nodes in 1u32..,
    ) -> RawBitmapSuper {
        let events_cleared = Events::new(events.saturating_sub(back));
        let chunk = ChunkSize::from_bytes(1 << chunk).unwrap();
        let mut raw = NewBitmap {
            uuid, events: Events::new(events), events_cleared, sync_size: Sectors::new(size), chunk,
            delay, write_behind, sectors_reserved: reserved,
        }.encode();
        raw.set_version(version);
        match version {
            5 => {
                let mut bytes = [0; 64];
                bytes[..name.len()].copy_from_slice(name.as_bytes());
                raw.set_cluster_name(bytes);
                raw.set_nodes(nodes);
            }
            6 => raw.set_chunksize(u32::try_from(chunk.sectors().get()).unwrap()),
            _ => {}
        }
        raw
    }
}

proptest! {
    #[test]
    fn a_valid_superblock_has_no_findings_and_a_value(raw in valid()) {
        let decoded = decode(&raw.0);
        prop_assert_eq!(decoded.findings, vec![]);
        let value = decoded.value.unwrap();
        prop_assert_eq!(value.version.number(), raw.version());
        prop_assert!(value.bytes_needed().get() > value.chunks().get() / 8);
    }

    #[test]
    fn what_goes_in_comes_out(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let decoded = decode(&bytes);
        prop_assert_eq!(decoded.raw.map(|raw| raw.0.to_vec()), bytes.get(..256).map(<[u8]>::to_vec));
        prop_assert!(bytes.len() >= 256 || any_error(&decoded.findings));
    }

    #[test]
    fn a_damaged_byte_is_found_unless_nothing_can_tell(
        raw in valid(), at in 0usize..256, flip in 1u8..,
    ) {
        let mut damaged = raw.clone();
        damaged.0[at] ^= flip;
        prop_assert!(unchecked(at) || !decode(&damaged.0).findings.is_empty(), "byte {}", at);
    }

    #[test]
    fn a_setter_changes_its_field_alone(bytes: [u8; 32], events: u64) {
        let mut raw = RawBitmapSuper([0x5a; 256]);
        raw.0[..32].copy_from_slice(&bytes);
        let before = raw.clone();
        raw.set_events_cleared(Events::new(events));
        prop_assert_eq!(raw.events_cleared().get(), events);
        prop_assert_eq!(&raw.0[..32], &before.0[..32]);
        prop_assert_eq!(&raw.0[40..], &before.0[40..]);
    }
}

#[test]
fn every_byte_of_the_unchecked_table_belongs_there() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut proven = [false; 256];
    for _ in 0..400 {
        let raw = valid().new_tree(&mut runner).unwrap().current();
        for (at, proven) in proven.iter_mut().enumerate().filter(|(at, _)| unchecked(*at)) {
            let silent = |flip: u8| {
                let mut damaged = raw.clone();
                damaged.0[at] ^= flip;
                decode(&damaged.0).findings.is_empty()
            };
            *proven = *proven || (1..=255).any(silent);
        }
    }
    let wrong: Vec<usize> = (0..256).filter(|at| unchecked(*at) && !proven[*at]).collect();
    assert_eq!(wrong, Vec::<usize>::new(), "checked after all");
}

#[test]
fn a_new_bitmap_reads_back() {
    let value = decode(&sample().encode().0).value.unwrap();
    assert_eq!(value.version, BitmapVersion::Classic4);
    assert_eq!(value.chunks().get(), 9070);
    assert_eq!(value.bytes_needed().get(), 1390);
    assert_eq!((value.events.get(), value.events_cleared.get()), (5, 3));
    assert_eq!((value.delay, value.write_behind, value.nodes), (3, 0, 0));
    assert_eq!(value.uuid, *b"0123456789abcdef");
}

#[test]
fn too_few_bytes_are_said_to_be_so() {
    let code = |bytes: &[u8]| decode(bytes).findings[0].code;
    assert_eq!(code(&[]), "empty");
    assert_eq!(code(&[0; 255]), "truncated-superblock");
    assert_eq!(code(&[0; 256]), "bad-magic");
}

type Change = fn(&mut RawBitmapSuper);

#[test]
fn everything_the_kernel_refuses_is_an_error_of_its_own() {
    let cases: [(Change, &str); 11] = [
        (|raw| raw.set_magic(1), "bad-magic"),
        (|raw| raw.set_version(2), "unknown-version"),
        (|raw| raw.set_version(7), "unknown-version"),
        (|raw| raw.set_chunksize(0), "chunk-too-small"),
        (|raw| raw.set_chunksize(256), "chunk-too-small"),
        (|raw| raw.set_chunksize(3000), "chunk-not-power-of-two"),
        (|raw| raw.set_daemon_sleep(0), "delay-out-of-range"),
        (|raw| raw.set_write_behind(16384), "write-behind-out-of-range"),
        (|raw| raw.set_state(StateFlags::WRITE_ERROR), "write-error"),
        (|raw| raw.set_sync_size(Sectors::new(1 << 54)), "sync-size-out-of-range"),
        (|raw| raw.set_version(5), "no-nodes"),
    ];
    for (change, code) in cases {
        let mut raw = sample().encode();
        change(&mut raw);
        assert_eq!(codes(&raw), [code]);
        assert_eq!(decode(&raw.0).value, None, "{code}");
    }
}

#[test]
fn what_the_kernel_takes_is_a_warning() {
    let cases: [(Change, &str); 7] = [
        (|raw| raw.set_state(StateFlags::STALE), "stale"),
        (|raw| raw.set_state(StateFlags(1)), "unknown-state-flags"),
        (|raw| raw.set_state(StateFlags::HOSTENDIAN), "host-endian-flag"),
        (|raw| raw.set_events_cleared(Events::new(6)), "events-cleared-ahead"),
        (|raw| raw.set_sync_size(Sectors::ZERO), "covers-nothing"),
        (|raw| raw.set_nodes(2), "unexpected-nodes"),
        (|raw| raw.set_pad([1; 120]), "padding-not-zero"),
    ];
    for (change, code) in cases {
        let mut raw = sample().encode();
        change(&mut raw);
        assert_eq!(codes(&raw), [code]);
        let decoded = decode(&raw.0);
        assert_eq!(decoded.findings[0].severity, Severity::Warning);
        assert!(decoded.value.is_some(), "{code}");
    }
}

#[test]
fn lockless_chunks_are_counted_in_sectors() {
    let mut raw = sample().encode();
    raw.set_version(6);
    raw.set_chunksize(128);
    let value = decode(&raw.0).value.unwrap();
    assert_eq!(value.chunk.bytes(), 65536);
    assert_eq!(value.bytes_needed().get(), 1024 + 9070);
    raw.set_chunksize(1 << 31);
    assert_eq!(codes(&raw), ["chunk-too-large"]);
    raw.set_chunksize(0);
    assert_eq!(codes(&raw), ["chunk-too-small"]);
}

#[test]
fn flags_have_names() {
    let state = StateFlags::STALE.with(StateFlags::HOSTENDIAN).with(StateFlags(1));
    assert_eq!(state.names(), ["stale", "host-endian"]);
    assert_eq!(state.without(StateFlags::STALE).names(), ["host-endian"]);
}
