//! Decisions that no whole run shows: which doubt leads to which refusal.

use super::*;
use crate::error::Kind;
use crate::format::md::{MdUuid, MdVersion, NewArray, NewMember, ResyncPoint, Superblock};
use crate::resync::tests::lab::{DIRTY, EVENTS, Lab, State};
use crate::resync::tests::oracle::{self, Shape};
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

/// What becomes of an array with parity in these states of which the last member is not at hand.
fn short(shape: Shape, states: &[State]) -> Result<Plan> {
    let whole = Lab::of(shape, MdVersion::V1_2, states, &[1], false);
    let (lab, _) = whole.without_last(states.len() - 1);
    let names: Vec<String> = (0..lab.members).map(|disk| disk.to_string()).collect();
    let superblocks: Vec<_> = (0..lab.members).map(|disk| lab.superblock(disk).unwrap()).collect();
    let both = names.iter().zip(&superblocks);
    let candidates: Vec<_> =
        both.map(|(name, superblock)| Candidate { name, superblock }).collect();
    let assembly = crate::array::assemble(&candidates)?;
    let geometry = Geometry::of(superblocks[0].view()).unwrap();
    let bitmap = BitmapState::Trusted { dirty: 1, cleared: Events::ZERO };
    plan(&candidates, &assembly, &geometry, &bitmap, Wishes::default())
}

#[test]
fn who_is_behind_while_a_slot_is_missing_is_caught_up_as_far_as_parity_makes_up_for_both() {
    let clean = State { clean: true, ..DIRTY };
    let behind = State { events: EVENTS - 5, listed: false, ..clean };
    let plan = short(oracle::RAID6_DDF, &[clean, behind, clean, clean, clean]).unwrap();
    assert_eq!((plan.decision, plan.returning), (Decision::Partial, vec![1]));
    assert_eq!((plan.sources, plan.renew), (vec![0, 2, 3], false));
    assert!(!plan.clear_bits && !plan.mark_dirty);
    let refused = [
        (oracle::RAID6_DDF, vec![DIRTY, behind, DIRTY, DIRTY, DIRTY], "not shut down cleanly"),
        (oracle::RAID6_DDF, vec![clean, behind, behind, clean, clean], "makes up for 2"),
        (oracle::RAID5_LS, vec![clean, behind, clean], "slot 1 is behind, slot 2 is missing"),
        (oracle::RAID4, vec![behind, clean, clean, clean], "parity makes up for 1"),
    ];
    for (shape, states, why) in refused {
        let error = short(shape, &states).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused);
        assert!(error.to_string().contains(why), "{}: {error}", shape.name);
    }
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
