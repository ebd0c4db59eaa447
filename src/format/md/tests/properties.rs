//! What holds for any bytes.

use proptest::prelude::*;

use super::*;

fn version() -> impl Strategy<Value = MdVersion> {
    prop::sample::select(&ALL[..])
}

/// The bytes that a change of which must show.
fn covered(version: MdVersion) -> usize {
    if version.is_0_90() { 4096 } else { super1::length(128) }
}

#[test]
fn any_changed_byte_shows() {
    for version in ALL {
        let sb = member(&mirror(version), 1);
        for at in 0..covered(version) {
            for flip in [0x01, 0x80, 0xff] {
                let mut raw = sb.raw().to_vec();
                raw[at] ^= flip;
                let found = decode(version, &raw).found();
                assert!(found.is_none(), "{version:?}: byte {at} ^ {flip:#x} went unnoticed");
            }
        }
    }
}

#[test]
fn bytes_behind_the_roles_are_nobodys() {
    assert_eq!(UNCHECKED.len(), 1);
    for version in &ALL[..3] {
        let mut raw = member(&mirror(*version), 1).raw().to_vec();
        raw[covered(*version)..].fill(0xaa);
        assert!(decode(*version, &raw).found().is_some_and(|sb| sb.is_sound()));
    }
}

#[test]
fn the_folded_sum_of_0_90_misses_what_it_must_miss() {
    let version = MdVersion::V0_90(HostOrder::Little);
    let mut raw = member(&mirror(version), 1).raw().to_vec();
    // Two halves of the creation time exchanged: the same modulo 65535.
    raw[24..28].rotate_left(2);
    assert!(decode(version, &raw).found().is_some());
}

#[test]
fn every_length_is_taken_without_a_panic() {
    for version in ALL {
        let raw = member(&mirror(version), 1).raw().to_vec();
        for length in 0..raw.len() {
            let enough = length >= covered(version);
            assert_eq!(decode(version, &raw[..length]).found().is_some(), enough, "{length}");
        }
    }
}

#[test]
fn byte_swapped_words_are_the_other_order() {
    let [little, big] = [HostOrder::Little, HostOrder::Big].map(MdVersion::V0_90);
    let mut raw = member(&NewArray { events: Events::ZERO, ..mirror(little) }, 1).raw().to_vec();
    raw.chunks_exact_mut(4).for_each(<[u8]>::reverse);
    assert!(decode(little, &raw).found().is_none());
    let sb = decode(big, &raw).found().unwrap();
    assert_eq!(sb.findings(), []);
    assert_eq!(sb.view().role, Role::Active(Slot(1)));
    assert_eq!(sb.view().size, Sectors::new(40_000));
}

proptest! {
    #[test]
    fn random_bytes_behind_a_magic_never_panic(
        version in version(),
        mut raw in prop::collection::vec(any::<u8>(), 0..5000),
        at in any::<u64>(),
        device in any::<u64>(),
    ) {
        for (to, magic) in raw.iter_mut().zip(MAGIC.to_le_bytes()) {
            *to = magic;
        }
        let _ = Superblock::decode(version, Sectors::new(at), &raw, Sectors::new(device));
        let _ = candidates(Sectors::new(device));
    }

    #[test]
    fn random_fields_under_a_right_sum_never_panic_and_edits_stay_readable(
        version in version(),
        changes in prop::collection::vec((4_usize..4096, any::<u8>()), 1..40),
        slot in any::<u16>(),
        number in any::<u32>(),
    ) {
        let good = member(&mirror(version), 1);
        let mut raw = good.raw().to_vec();
        for (at, byte) in changes {
            raw[at] = byte;
        }
        resum(version, &mut raw);
        if let Probe::Found(sb) = decode(version, &raw) {
            let who = Joined { dev_number: number, slot: Slot(slot), major: 1, minor: 2, write_mostly: true };
            let gone = Left { dev_number: number, slot: Slot(slot) };
            let edit = SuperEdit {
                freshest: &sb,
                events: Events::new(u64::MAX),
                resync: ResyncPoint::Clean,
                utime: u64::MAX,
                joined: &[who],
                left: &[],
                own: Some(Slot(slot)),
            };
            for (freshest, this) in [(&sb, &good), (&good, &sb), (&sb, &sb)] {
                for (joined, left) in [(&[][..], &[][..]), (&[who], &[]), (&[], &[gone])] {
                    let own = if left.is_empty() { edit.own } else { None };
                    let edit = SuperEdit { freshest, joined, left, own, ..edit };
                    let bytes = this.edited(&edit);
                    let readable = bytes.map(|b| decode(version, &b).found().is_some());
                    prop_assert!(readable.unwrap_or(true));
                }
            }
        }
    }

    #[test]
    fn decoding_keeps_the_bytes(version in version(), tail in any::<u8>()) {
        let mut raw = member(&mirror(version), 1).raw().to_vec();
        let end = covered(version);
        raw[end..].fill(tail);
        let sb = decode(version, &raw).found().unwrap();
        prop_assert_eq!(sb.raw(), &raw[..]);
    }

    #[test]
    fn a_bad_block_log_never_panics(
        bytes in prop::collection::vec(any::<u8>(), 0..5000),
        size in 0_u64..20,
        shift in any::<u8>(),
        data in any::<u64>(),
    ) {
        let place = BblogPlace { at: Sectors::new(24), size: Sectors::new(size), shift };
        let (ranges, _) = badblocks::decode(place, &bytes, Sectors::new(data));
        prop_assert!(ranges.len() <= 512);
        prop_assert!(ranges.iter().all(|r| r.end().get() <= data));
    }
}

fn resum(version: MdVersion, raw: &mut [u8]) {
    use super::super::super::codec::LittleEndian;
    match version {
        MdVersion::V0_90(HostOrder::Little) => {
            let sum = checksum::super090::<LittleEndian>(raw);
            super090::sb::SB_CSUM.put::<LittleEndian>(raw, sum);
        }
        MdVersion::V0_90(HostOrder::Big) => {
            let sum = checksum::super090::<BigEndian>(raw);
            super090::sb::SB_CSUM.put::<BigEndian>(raw, sum);
        }
        _ => {
            let max_dev = super1::sb::MAX_DEV.get::<LittleEndian>(raw).min(super1::MAX_ROLES);
            let sum = checksum::super1(&raw[..super1::length(max_dev)]);
            super1::sb::SB_CSUM.put::<LittleEndian>(raw, sum);
        }
    }
}
