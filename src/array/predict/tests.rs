//! What is foretold of arrays as crashes, failures and people leave them. That kernels do so is
//! held by `tests/kernel/inspect.rs`.

use super::*;
use crate::array::belief::Stale;
use crate::array::muster;
use crate::format::Probe;
use crate::format::bitmap::BitmapVersion;
use crate::format::codec::LittleEndian;
use crate::format::md::super1::{self, sb};
use crate::format::md::{
    Features, Left, MdUuid, MdVersion, NewArray, NewMember, SuperEdit, Superblock, checksum,
};
use crate::units::Events;

const DEVICE: Sectors = Sectors::new(65_536);
const DIRTY: ResyncPoint = ResyncPoint::From(Sectors::ZERO);

fn array(level: i32, disks: u16, events: u64, resync: ResyncPoint) -> NewArray {
    let uuid = MdUuid::from_bytes([7; 16]);
    let mirror = NewArray::mirror(MdVersion::V1_2, uuid, disks, Sectors::new(40_960));
    let (layout, chunk) = match level {
        1 => (0, Sectors::ZERO),
        10 => (0x102, Sectors::new(128)),
        _ => (2, Sectors::new(128)),
    };
    NewArray { level, layout, chunk, events: Events::new(events), resync, ..mirror }
}

fn member(array: &NewArray, slot: u16) -> Superblock {
    let device_uuid = [u8::try_from(slot).unwrap(); 16];
    let new = NewMember { slot: Slot(slot), device: DEVICE, device_uuid, numbers: (7, 0) };
    array.member(&new).unwrap()
}

/// All members of such an array.
fn all(level: i32, disks: u16, events: u64, resync: ResyncPoint) -> Vec<Superblock> {
    let array = array(level, disks, events, resync);
    (0..disks).map(|slot| member(&array, slot)).collect()
}

/// The same superblock, saying that `slot` has failed, at event `events`.
fn without(superblock: &Superblock, slot: u16, events: u64) -> Superblock {
    let left = [Left { dev_number: slot.into(), slot: Slot(slot) }];
    let edit = SuperEdit {
        freshest: superblock,
        events: Events::new(events),
        resync: superblock.view().resync,
        utime: 1_800_000_000,
        joined: &[],
        left: &left,
        own: None,
    };
    decode(&superblock.edited(&edit).unwrap(), superblock)
}

fn decode(raw: &[u8], like: &Superblock) -> Superblock {
    let view = like.view();
    match Superblock::decode(view.version, view.super_offset, raw, DEVICE) {
        Probe::Found(superblock) => superblock,
        other => panic!("{other:?}"),
    }
}

/// A member whose recovery got to sector 1000.
fn recovering(superblock: &Superblock, by_bitmap: bool) -> Superblock {
    let mut raw = superblock.raw().to_vec();
    let mut features = superblock.view().features.union(Features::RECOVERY_OFFSET);
    if by_bitmap {
        features = features.union(Features::RECOVERY_BITMAP);
    }
    sb::FEATURE_MAP.put::<LittleEndian>(&mut raw, features.bits());
    sb::RECOVERY_OFFSET.put::<LittleEndian>(&mut raw, 1000);
    let max_dev = sb::MAX_DEV.get::<LittleEndian>(&raw);
    let sum = checksum::super1(&raw[..super1::length(max_dev)]);
    sb::SB_CSUM.put::<LittleEndian>(&mut raw, sum);
    decode(&raw, superblock)
}

fn believed(cleared: u64) -> Belief {
    let version = BitmapVersion::Classic4;
    Belief::Taken { version, stale: None, cleared: Events::new(cleared) }
}

fn outdated(array: u64) -> Belief {
    let (bitmap, array) = (Events::new(array - 1), Events::new(array));
    let stale = Some(Stale::Behind { bitmap, array });
    Belief::Taken { version: BitmapVersion::Classic4, stale, cleared: array }
}

fn foretold(superblocks: &[Superblock], belief: &Belief) -> (Prediction, Vec<Absent>) {
    let names = ["a", "b", "c", "d"];
    let both = names.iter().zip(superblocks);
    let candidates: Vec<_> =
        both.map(|(name, superblock)| Candidate { name, superblock }).collect();
    let assembly = muster(&candidates).unwrap();
    let scene = Scene { candidates: &candidates, assembly: &assembly, belief, in_file: false };
    let prediction = predict(&scene);
    let absent = absent(&scene, &prediction);
    (prediction, absent)
}

fn copied(prediction: &Prediction) -> Vec<(Work, Extent, u64, &'static str)> {
    prediction.due.iter().map(|due| (due.work, due.extent, due.from.get(), due.code)).collect()
}

#[test]
fn what_is_resynced_depends_on_the_clean_mark_and_on_the_bitmap() {
    use Extent::{All, Dirty};
    for level in [1, 4, 5, 6, 10] {
        let clean = all(level, 4, 20, ResyncPoint::Clean);
        for belief in [Belief::None, believed(20), outdated(20)] {
            assert_eq!(copied(&foretold(&clean, &belief).0), [], "clean: bits do not matter");
        }
        let crashed = all(level, 4, 20, DIRTY);
        for (belief, extent, code) in [
            (Belief::None, All, "no-bitmap"),
            (believed(20), Dirty, "dirty-chunks"),
            (outdated(20), All, "stale-bitmap"),
        ] {
            let (prediction, absent) = foretold(&crashed, &belief);
            assert_eq!(copied(&prediction), [(Work::Resync, extent, 0, code)]);
            assert_eq!((prediction.refusal, absent), (None, vec![]));
        }
    }
}

#[test]
fn a_resync_that_was_stopped_goes_on_where_it_got() {
    let members = all(1, 2, 20, ResyncPoint::From(Sectors::new(4096)));
    let (prediction, _) = foretold(&members, &Belief::None);
    assert_eq!(copied(&prediction), [(Work::Resync, Extent::All, 4096, "no-bitmap")]);
}

#[test]
fn a_bitmap_that_is_refused_keeps_the_array_from_starting() {
    let refused = Belief::Refused("bad magic".into());
    for resync in [ResyncPoint::Clean, DIRTY] {
        let (prediction, _) = foretold(&all(1, 2, 20, resync), &refused);
        assert_eq!(prediction.refusal.as_ref().unwrap().code, "bitmap-refused");
        assert_eq!(copied(&prediction), []);
    }
}

#[test]
fn the_lowest_slot_among_equals_says_whether_it_is_clean() {
    let clean = array(1, 2, 20, ResyncPoint::Clean);
    let dirty = array(1, 2, 20, DIRTY);
    let (prediction, _) = foretold(&[member(&clean, 0), member(&dirty, 1)], &Belief::None);
    assert!(prediction.clean && prediction.due.is_empty());
    let (prediction, _) = foretold(&[member(&dirty, 0), member(&clean, 1)], &Belief::None);
    assert!(!prediction.clean && prediction.due.len() == 1);
}

#[test]
fn one_event_behind_is_taken_and_more_is_not() {
    let fresh = member(&array(1, 2, 20, DIRTY), 0);
    for (events, taken) in [(20, true), (19, true), (18, false), (1, false)] {
        let other = member(&array(1, 2, events, DIRTY), 1);
        let (prediction, absent) = foretold(&[fresh.clone(), other], &believed(events));
        assert_eq!(prediction.choices[1].part == Part::InSync(Slot(1)), taken, "{events}");
        let code = prediction.refusal.map(|refusal| refusal.code);
        assert_eq!(code, (!taken).then_some("fewer-than-before"), "{events}");
        assert_eq!(absent.len(), usize::from(!taken));
    }
}

#[test]
fn a_mirror_of_one_has_nothing_to_resync() {
    let alone = without(&member(&array(1, 2, 20, DIRTY), 0), 1, 21);
    let (prediction, absent) = foretold(std::slice::from_ref(&alone), &believed(20));
    assert_eq!((copied(&prediction), &prediction.refusal), (vec![], &None));
    assert_eq!((absent[0].index, &absent[0].verdict), (None, &None));
}

#[test]
fn parity_that_is_degraded_and_not_clean_does_not_start_and_clean_does() {
    for (level, disks) in [(4, 3), (5, 3), (6, 4)] {
        for (resync, code) in [(DIRTY, Some("dirty-degraded")), (ResyncPoint::Clean, None)] {
            let members: Vec<_> = all(level, disks, 20, resync)
                .iter()
                .take(usize::from(disks) - 1)
                .map(|superblock| without(superblock, disks - 1, 21))
                .collect();
            let (prediction, _) = foretold(&members, &believed(20));
            assert_eq!(prediction.refusal.as_ref().map(|r| r.code), code, "{level}");
            assert_eq!(copied(&prediction), []);
        }
        // mdadm asks everyone it takes: one that is an event behind and not clean will do.
        let mut members = all(level, disks, 21, ResyncPoint::Clean);
        members[1] = member(&array(level, disks, 20, DIRTY), 1);
        members.pop();
        let (prediction, _) = foretold(&members, &believed(20));
        assert_eq!(prediction.refusal.unwrap().code, "dirty-degraded");
    }
    let few = all(5, 4, 20, ResyncPoint::Clean);
    assert_eq!(foretold(&few[..2], &Belief::None).0.refusal.unwrap().code, "too-few-members");
}

#[test]
fn a_recovery_goes_on_from_the_bitmap_only_where_both_allow_it() {
    let two = all(1, 2, 20, ResyncPoint::Clean);
    let table = [
        (true, believed(15), Extent::Dirty, "recovery-by-bitmap"),
        (true, outdated(20), Extent::All, "recovery-without-bitmap"),
        (true, Belief::None, Extent::All, "recovery-without-bitmap"),
        (false, believed(15), Extent::All, "rebuild"),
    ];
    for (by_bitmap, belief, extent, code) in table {
        let members = [two[0].clone(), recovering(&two[1], by_bitmap)];
        let (prediction, absent) = foretold(&members, &belief);
        assert_eq!(copied(&prediction), [(Work::Recovery, extent, 1000, code)]);
        assert_eq!(prediction.choices[1].part, Part::Rebuilding(Slot(1)));
        assert_eq!((absent, &prediction.refusal), (vec![], &None));
        assert_eq!(prediction.due[0].slots, [Slot(1)]);
    }
}

#[test]
fn who_was_away_may_come_back_if_no_bit_was_cleared_since() {
    let two = all(1, 2, 20, ResyncPoint::Clean);
    let fresh = without(&two[0], 1, 30);
    let asked = |belief: &Belief| {
        let (prediction, absent) = foretold(&[fresh.clone(), two[1].clone()], belief);
        assert!(matches!(prediction.choices[1].part, Part::Out(_)));
        let refused = matches!(belief, Belief::Refused(_));
        assert_eq!(prediction.refusal.is_some(), refused, "nobody counts on it any more");
        assert_eq!((absent.len(), absent[0].index, absent[0].slot), (1, Some(1), Some(Slot(1))));
        absent[0].verdict.clone().unwrap()
    };
    assert_eq!(asked(&believed(20)), Ok(Grounds::NothingCleared));
    assert_eq!(asked(&believed(21)), Err(Why::Cleared(Events::new(21))));
    assert_eq!(asked(&outdated(30)), Err(Why::Cleared(Events::new(30))));
    assert_eq!(asked(&Belief::None), Err(Why::NoBitmap));
    assert_eq!(asked(&Belief::Refused("x".into())), Err(Why::Unknown("x".into())));
}

#[test]
fn one_behind_that_the_others_count_as_failed_is_told_of() {
    let two = all(1, 2, 20, ResyncPoint::Clean);
    let fresh = without(&two[0], 1, 21);
    let (prediction, _) = foretold(&[fresh, two[1].clone()], &believed(20));
    assert_eq!(prediction.choices[1].part, Part::Spare);
    assert_eq!(copied(&prediction), [(Work::Recovery, Extent::All, 0, "spare")]);
    assert!(prediction.caveats.iter().any(|caveat| caveat.code == "one-behind"));
}

#[test]
fn an_array_to_be_built_goes_by_the_bits_alone() {
    assert_eq!(copied(&build(2, None).0), [(Work::Resync, Extent::All, 0, "no-bitmap")]);
    let (prediction, belief) = build(2, Some(Err("bad magic".into())));
    assert_eq!((prediction.refusal.unwrap().code, prediction.due.len()), ("bitmap-refused", 0));
    assert_eq!(belief, Belief::Refused("bad magic".into()));
}
