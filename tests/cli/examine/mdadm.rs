//! The first lines are those of `mdadm -X`, byte for byte.

use mdbitmap::format::bitmap::StateFlags;
use proptest::prelude::*;

use super::*;
use crate::support::Loop;

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
        let least = ((size * 512) >> 20).max(1).next_power_of_two();
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
