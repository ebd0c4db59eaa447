//! Decisions that no whole run shows: which doubt leads to which refusal.

use super::*;
use crate::error::Kind;
use crate::format::md::{MdUuid, MdVersion, NewArray, NewMember, ResyncPoint, Superblock};
use crate::units::Sectors;

fn superblocks(clean: bool) -> Vec<Superblock> {
    let uuid = MdUuid::from_bytes([7; 16]);
    let mut array = NewArray::mirror(MdVersion::V1_2, uuid, 2, Sectors::new(4096));
    array.resync = if clean { ResyncPoint::Clean } else { ResyncPoint::From(Sectors::ZERO) };
    let device = array.least_device().unwrap();
    let member = |slot| NewMember {
        slot: Slot(slot),
        device,
        device_uuid: [u8::try_from(slot).unwrap(); 16],
        numbers: (0, 0),
    };
    (0..2).map(|slot| array.member(&member(slot)).unwrap()).collect()
}

fn planned(clean: bool, bitmap: &BitmapState, wishes: Wishes) -> Result<Plan> {
    let superblocks = superblocks(clean);
    let names = ["a", "b"];
    let candidates: Vec<_> = superblocks
        .iter()
        .zip(names)
        .map(|(superblock, name)| Candidate { name, superblock })
        .collect();
    let assembly = crate::array::assemble(&candidates)?;
    let geometry = Geometry::of(superblocks[0].view()).unwrap();
    plan(&candidates, &assembly, &geometry, bitmap, wishes)
}

const FULL: Wishes = Wishes { full: true, source: None };

#[test]
fn a_clean_array_needs_no_bitmap() {
    let stale = Doubt::Stale { bitmap: Events::new(1), array: Events::new(2) };
    for bitmap in [BitmapState::None, BitmapState::Doubtful(stale)] {
        let plan = planned(true, &bitmap, Wishes::default()).unwrap();
        assert_eq!(plan.decision, Decision::Nothing);
        assert!(!plan.renew && plan.returning.is_empty());
    }
}

#[test]
fn an_unclean_array_needs_bits_that_hold() {
    for bitmap in [BitmapState::None, BitmapState::Doubtful(Doubt::MarkedStale)] {
        let refused = planned(false, &bitmap, Wishes::default()).unwrap_err();
        assert_eq!(refused.kind(), Kind::Refused);
        assert!(refused.to_string().contains("--full"), "{refused}");
        assert_eq!(planned(false, &bitmap, FULL).unwrap().decision, Decision::Full);
    }
}

#[test]
fn set_bits_on_a_clean_array_are_followed_and_the_array_marked_first() {
    let bitmap = BitmapState::Trusted { dirty: 3, cleared: Events::ZERO };
    let plan = planned(true, &bitmap, Wishes::default()).unwrap();
    assert_eq!(plan.decision, Decision::Partial);
    assert!(plan.mark_dirty && plan.clear_bits);
    assert_eq!((plan.sources, plan.renew), (vec![0, 1], true));
}

#[test]
fn an_unclean_array_without_dirty_bits_only_gets_its_superblocks_mended() {
    let bitmap = BitmapState::Trusted { dirty: 0, cleared: Events::ZERO };
    let plan = planned(false, &bitmap, Wishes::default()).unwrap();
    assert_eq!(plan.decision, Decision::Partial);
    assert_eq!(plan.reason, "the array was not shut down cleanly; no chunk is dirty");
}

#[test]
fn the_wanted_source_goes_first() {
    let bitmap = BitmapState::Trusted { dirty: 1, cleared: Events::ZERO };
    let wishes = Wishes { source: Some(Slot(1)), full: false };
    let plan = planned(false, &bitmap, wishes).unwrap();
    assert_eq!((plan.sources, plan.renew), (vec![1, 0], true));
    let wishes = Wishes { source: Some(Slot(5)), full: false };
    assert_eq!(planned(false, &bitmap, wishes).unwrap_err().kind(), Kind::Refused);
}
