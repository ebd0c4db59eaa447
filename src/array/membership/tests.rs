//! Who belongs to an array, from superblocks as crashes, failures and people leave them.

use super::*;
use crate::error::Kind;
use crate::format::Probe;
use crate::format::codec::LittleEndian;
use crate::format::md::super1::{self, sb};
use crate::format::md::{
    Features, HostOrder, Left, MdUuid, MdVersion, NewArray, NewMember, SuperEdit, checksum,
};
use crate::units::Sectors;

const DEVICE: Sectors = Sectors::new(65_536);
const SPARE: u16 = 0xffff;
const FAULTY: u16 = 0xfffe;
const JOURNAL: u16 = 0xfffd;
const RECOVERY: Features = Features::RECOVERY_OFFSET;
const OLD: MdVersion = MdVersion::V0_90(HostOrder::Little);
const VERSIONS: [MdVersion; 5] =
    [MdVersion::V1_2, MdVersion::V1_1, MdVersion::V1_0, OLD, MdVersion::V0_90(HostOrder::Big)];

fn uuid() -> MdUuid {
    MdUuid::from_bytes([7; 16])
}

/// A clean mirror of `disks` at event `events`.
fn array(version: MdVersion, disks: u16, events: u64) -> NewArray {
    let array = NewArray::mirror(version, uuid(), disks, Sectors::new(40_000));
    NewArray { events: Events::new(events), ..array }
}

fn member(array: &NewArray, slot: u16) -> Superblock {
    let numbers = (7, u32::from(slot));
    let device_uuid = [u8::try_from(slot).unwrap(); 16];
    let new = NewMember { slot: Slot(slot), device: DEVICE, device_uuid, numbers };
    array.member(&new).unwrap()
}

/// Slot `slot` of a clean 1.2 mirror of two.
fn two(slot: u16, events: u64) -> Superblock {
    member(&array(MdVersion::V1_2, 2, events), slot)
}

/// Slot `slot` of a clean 1.2 mirror of three.
fn three(slot: u16, events: u64) -> Superblock {
    member(&array(MdVersion::V1_2, 3, events), slot)
}

/// A 1.2 superblock after `change`, its sum right again.
fn patched(superblock: &Superblock, change: impl FnOnce(&mut [u8])) -> Superblock {
    let mut raw = superblock.raw().to_vec();
    change(&mut raw);
    let max_dev = sb::MAX_DEV.get::<LittleEndian>(&raw);
    let sum = checksum::super1(&raw[..super1::length(max_dev)]);
    sb::SB_CSUM.put::<LittleEndian>(&mut raw, sum);
    decode(superblock, &raw)
}

fn decode(like: &Superblock, raw: &[u8]) -> Superblock {
    let view = like.view();
    match Superblock::decode(view.version, view.super_offset, raw, DEVICE) {
        Probe::Found(superblock) => superblock,
        other => panic!("{other:?}"),
    }
}

/// A 1.2 superblock in which the devices have these roles.
fn with_roles(superblock: &Superblock, roles: &[(usize, u16)]) -> Superblock {
    patched(superblock, |raw| {
        for (number, role) in roles {
            let at = sb::SIZE + 2 * number;
            raw[at..at + 2].copy_from_slice(&role.to_le_bytes());
        }
    })
}

/// A 1.2 superblock with `features` set besides those it has.
fn with_features(superblock: &Superblock, features: Features) -> Superblock {
    let bits = superblock.view().features.union(features).bits();
    patched(superblock, |raw| sb::FEATURE_MAP.put::<LittleEndian>(raw, bits))
}

fn with_number(superblock: &Superblock, number: u32) -> Superblock {
    patched(superblock, |raw| sb::DEV_NUMBER.put::<LittleEndian>(raw, number))
}

/// The member of `slot` gone, as an edit says it, at event `events`.
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
    decode(superblock, &superblock.edited(&edit).unwrap())
}

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn try_all(superblocks: &[&Superblock]) -> Result<Assembly> {
    let named = NAMES.iter().zip(superblocks);
    let candidates: Vec<_> =
        named.map(|(name, superblock)| Candidate { name, superblock }).collect();
    assemble(&candidates)
}

fn all(superblocks: &[&Superblock]) -> Assembly {
    try_all(superblocks).unwrap()
}

/// The standings, which are the same when the members are given the other way round.
fn standings<const N: usize>(superblocks: [&Superblock; N]) -> [Standing; N] {
    let there = all(&superblocks).members.into_iter().map(|m| m.standing).collect::<Vec<_>>();
    let reversed: Vec<_> = superblocks.into_iter().rev().collect();
    let mut back: Vec<_> = all(&reversed).members.into_iter().map(|m| m.standing).collect();
    back.reverse();
    assert_eq!(there, back, "the order given must not matter");
    there.try_into().unwrap()
}

/// Refused in either order, with `expected` in the message.
fn assert_refused(superblocks: &[&Superblock], expected: &str) {
    let reversed: Vec<_> = superblocks.iter().rev().copied().collect();
    for order in [superblocks, &reversed] {
        let error = try_all(order).unwrap_err();
        assert_eq!(error.kind(), Kind::Refused, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

fn outside(standing: &Standing) -> &str {
    match standing {
        Standing::Outside(why) => why,
        other => panic!("{other:?}"),
    }
}

const fn missed(events: u64) -> Standing {
    Standing::Behind(Away::Missed { events: Events::new(events) })
}

const APART: Standing = Standing::Behind(Away::UsedApart);

#[test]
fn members_of_one_event_count_are_current() {
    for version in VERSIONS {
        let array = array(version, 3, 17);
        let members = [0, 1, 2].map(|slot| member(&array, slot));
        let found = all(&[&members[2], &members[0], &members[1]]);
        assert_eq!((found.freshest, found.events), (1, Events::new(17)), "{version:?}");
        assert!(found.clean && found.missing.is_empty() && found.behind().is_empty());
        let order: Vec<_> = found.current().iter().map(|m| (m.index, m.slot)).collect();
        assert_eq!(order, [(1, Some(Slot(0))), (2, Some(Slot(1))), (0, Some(Slot(2)))]);
    }
}

#[test]
fn one_event_behind_is_still_current() {
    for version in VERSIONS {
        let ahead = member(&array(version, 2, 17), 1);
        let lags = member(&array(version, 2, 16), 0);
        let found = all(&[&lags, &ahead]);
        assert_eq!((found.freshest, found.events), (1, Events::new(17)), "{version:?}");
        assert_eq!(standings([&lags, &ahead]), [Standing::Current, Standing::Current]);
    }
}

#[test]
fn two_events_behind_has_missed_something() {
    for version in VERSIONS {
        let (fresh, stale) = (member(&array(version, 2, 17), 0), member(&array(version, 2, 15), 1));
        assert_eq!(standings([&fresh, &stale]), [Standing::Current, missed(15)], "{version:?}");
        let found = all(&[&stale, &fresh]);
        assert_eq!(found.behind().iter().map(|m| m.index).collect::<Vec<_>>(), [0]);
        // It still has its slot.
        assert!(found.missing.is_empty());
    }
}

#[test]
fn who_the_freshest_lists_no_longer_is_behind_even_by_one_event() {
    for version in VERSIONS {
        let stale = member(&array(version, 2, 16), 1);
        let fresh = without(&member(&array(version, 2, 16), 0), 1, 17);
        assert_eq!(standings([&fresh, &stale]), [Standing::Current, missed(16)], "{version:?}");
    }
    let (fresh, stale) = (with_roles(&two(0, 17), &[(1, FAULTY)]), two(1, 16));
    assert_eq!(standings([&fresh, &stale]), [Standing::Current, missed(16)]);
}

#[test]
fn as_fresh_but_not_listed_is_refused() {
    for version in VERSIONS {
        let unlisted = member(&array(version, 2, 17), 1);
        let fresh = without(&member(&array(version, 2, 16), 0), 1, 17);
        assert_refused(&[&fresh, &unlisted], "nobody can tell which is right");
    }
}

#[test]
fn a_recovery_is_told_from_a_rebuild_by_its_bitmap_feature() {
    let whole = with_features(&two(1, 17), RECOVERY);
    let follows = with_features(&whole, Features::RECOVERY_BITMAP);
    let fresh = two(0, 17);
    let expected = [Standing::Current, Standing::Behind(Away::Rebuilding)];
    assert_eq!(standings([&fresh, &whole]), expected);
    let expected = [Standing::Current, Standing::Behind(Away::Recovering)];
    assert_eq!(standings([&fresh, &follows]), expected);
    // However long ago that was.
    assert_eq!(standings([&two(0, 30), &follows]), expected);
    // RECOVERY_BITMAP alone says nothing.
    let alone = with_features(&two(1, 17), Features::RECOVERY_BITMAP);
    assert_eq!(standings([&fresh, &alone])[1], Standing::Current);
}

#[test]
fn a_member_being_rebuilt_never_speaks_for_the_array() {
    let rebuilt = with_features(&two(0, 18), RECOVERY);
    let found = all(&[&rebuilt, &two(1, 17)]);
    assert_eq!((found.freshest, found.events), (1, Events::new(17)));
    assert_refused(&[&rebuilt], "none of these is an active member");
}

#[test]
fn a_rebuild_from_a_fresher_member_than_all_given_is_refused() {
    for features in [RECOVERY, RECOVERY.union(Features::RECOVERY_BITMAP)] {
        let rebuilt = with_features(&three(1, 30), features);
        assert_refused(&[&three(0, 28), &rebuilt], "newer than");
        all(&[&three(0, 29), &rebuilt]);
        // Its source counted the one given here out.
        let source = without(&three(1, 29), 0, 30);
        let rebuilt = with_features(&source, features);
        assert_refused(&[&three(0, 29), &rebuilt], "each was used without the other");
        assert_refused(&[&three(0, 30), &rebuilt], "each was used without the other");
    }
}

#[test]
fn a_recovery_from_a_member_that_counted_the_freshest_out_was_apart() {
    let apart = with_features(&without(&three(1, 9), 0, 10), RECOVERY);
    let apart = with_features(&apart, Features::RECOVERY_BITMAP);
    assert_eq!(standings([&three(0, 20), &apart]), [Standing::Current, APART]);
}

#[test]
fn halves_used_apart_to_the_same_event_are_refused() {
    for version in VERSIONS {
        let array = array(version, 2, 16);
        let one = without(&member(&array, 0), 1, 20);
        let other = without(&member(&array, 1), 0, 20);
        assert_refused(&[&one, &other], "each was used without the other");
        // One of them alone is an array like any other.
        let found = all(&[&other]);
        assert_eq!((found.current().len(), found.missing), (1, vec![Slot(0)]), "{version:?}");
    }
}

#[test]
fn of_halves_used_apart_the_one_with_more_events_holds() {
    for version in VERSIONS {
        for less in [19, 17] {
            let array = array(version, 2, 16);
            let one = without(&member(&array, 0), 1, less);
            let other = without(&member(&array, 1), 0, 20);
            assert_eq!(standings([&one, &other]), [APART, Standing::Current], "{version:?}");
        }
    }
}

#[test]
fn who_saw_another_device_in_the_slot_of_the_freshest_was_apart() {
    // Slot 0 was refilled by device 3 in the other half, which went on less long.
    let refilled = with_roles(&three(1, 17), &[(0, SPARE), (3, 0)]);
    let fresh = without(&three(0, 16), 1, 30);
    assert_eq!(standings([&fresh, &refilled]), [Standing::Current, APART]);
    // One event apart it must not pass for current either.
    assert_eq!(standings([&three(0, 18), &refilled]), [Standing::Current, APART]);
    assert_refused(&[&three(0, 17), &refilled], "each was used without the other");
}

#[test]
fn a_slot_that_was_given_away_has_no_way_back() {
    let fresh = with_roles(&three(0, 20), &[(1, SPARE), (3, 1)]);
    let found = standings([&fresh, &three(1, 17)]);
    assert_eq!(outside(&found[1]), "its slot 1 was given to device 3");
    // The slot counts as missing: its new holder is not here.
    assert_eq!(all(&[&fresh, &three(1, 17)]).missing, [Slot(1), Slot(2)]);
    assert_refused(&[&fresh, &three(1, 20)], "given to device 3: nobody can tell");
}

#[test]
fn a_device_number_that_was_given_away_has_no_way_back() {
    // Device 1 is now in slot 2, and not here.
    let fresh = with_roles(&three(0, 20), &[(1, 2), (2, SPARE)]);
    let found = standings([&fresh, &three(1, 17)]);
    assert_eq!(outside(&found[1]), "its device number 1 holds slot 2 now");
    // Here, as a spare that waits.
    let fresh = with_roles(&three(0, 20), &[(1, SPARE)]);
    let spare = with_roles(&three(1, 20), &[(1, SPARE)]);
    let found = standings([&fresh, &spare, &three(1, 17)]);
    assert_eq!(found[..2], [Standing::Current, Standing::Spare]);
    assert!(outside(&found[2]).contains("its device number 1 is now that of"));
}

#[test]
fn a_slot_the_array_has_no_more_is_outside() {
    let found = standings([&two(0, 20), &two(1, 20), &three(2, 17)]);
    assert_eq!(outside(&found[2]), "its slot 2 is gone: the array has 2 now");
}

#[test]
fn a_member_smaller_than_the_array_grew_to_is_outside() {
    let grown = NewArray { size: Sectors::new(60_000), ..array(MdVersion::V1_2, 2, 20) };
    let small = patched(&two(1, 17), |raw| sb::DATA_SIZE.put::<LittleEndian>(raw, 50_000));
    let found = standings([&member(&grown, 0), &small]);
    assert!(outside(&found[1]).contains("smaller"));
}

#[test]
fn a_spare_waits_and_its_event_count_means_nothing() {
    for events in [3, 17, 90] {
        let spare = with_roles(&with_number(&two(0, events), 2), &[(2, SPARE)]);
        let found = all(&[&spare, &two(1, 17)]);
        assert_eq!(found.members[0].standing, Standing::Spare);
        assert_eq!((found.members[0].slot, found.events), (None, Events::new(17)));
        assert_eq!(found.missing, [Slot(0)]);
    }
    let spare = with_number(&two(0, 17), 2);
    assert_refused(&[&spare], "none of these is an active member");
    // A number beyond the roles is a spare's, too.
    let far = with_number(&two(0, 17), 5000);
    assert_eq!(standings([&two(0, 17), &far])[1], Standing::Spare);
}

#[test]
fn who_says_of_itself_that_it_failed_is_outside() {
    let failed = with_roles(&two(1, 17), &[(1, FAULTY)]);
    let found = standings([&two(0, 17), &failed]);
    assert!(outside(&found[1]).contains("failed"));
}

#[test]
fn a_journal_of_earlier_days_is_outside() {
    let journal = with_number(&with_roles(&two(1, 9), &[(2, JOURNAL)]), 2);
    let journal = with_features(&journal, Features::JOURNAL);
    let found = standings([&two(0, 17), &two(1, 17), &journal]);
    assert_eq!(outside(&found[2]), "it is a journal");
}

#[test]
fn two_that_claim_one_slot_are_refused() {
    // Device 5 took slot 1 by the account of neither: a recovery was begun in it.
    let other = with_number(&with_roles(&two(1, 17), &[(1, SPARE), (5, 1)]), 5);
    let other = with_features(&other, RECOVERY);
    let fresh = with_roles(&two(0, 17), &[(1, SPARE)]);
    assert_refused(&[&fresh, &two(1, 15), &other], "claims the same slot as");
}

#[test]
fn the_same_superblock_given_twice_is_refused() {
    for version in VERSIONS {
        let array = array(version, 3, 17);
        let [one, other] = [0, 1].map(|slot| member(&array, slot));
        assert_refused(&[&one, &one], "claims the same slot as");
        assert_refused(&[&one, &other, &other], "claims the same slot as");
    }
}

#[test]
fn an_old_copy_of_a_member_is_outside() {
    let found = standings([&two(0, 17), &two(1, 17), &two(1, 15)]);
    assert!(outside(&found[2]).contains("its device number 1 is now that of"));
    let found = all(&[&two(0, 15), &two(0, 17)]);
    assert_eq!(outside(&found.members[0].standing), "its device number 0 is now that of b");
}

#[test]
fn members_of_different_arrays_are_refused() {
    for version in VERSIONS {
        let this = array(version, 2, 17);
        let other = NewArray { uuid: MdUuid::from_bytes([8; 16]), ..this.clone() };
        assert_refused(&[&member(&this, 0), &member(&other, 1)], "UUIDs differ");
    }
    let versions = [MdVersion::V1_0, MdVersion::V1_1, OLD, MdVersion::V0_90(HostOrder::Big)];
    for version in versions {
        let other = member(&array(version, 2, 17), 1);
        assert_refused(&[&two(0, 17), &other], "metadata versions differ");
    }
    let striped = NewArray { level: 0, ..array(MdVersion::V1_2, 2, 17) };
    assert_refused(&[&two(0, 17), &member(&striped, 1)], "levels differ");
}

#[test]
fn what_the_kernel_wants_equal_must_be_equal() {
    let laid_out = NewArray { layout: 2, ..array(MdVersion::V1_2, 2, 17) };
    assert_refused(&[&two(0, 17), &member(&laid_out, 1)], "layout differs");
    for version in [OLD, MdVersion::V0_90(HostOrder::Big)] {
        let this = array(version, 2, 17);
        let grown = NewArray { size: Sectors::new(50_000), ..this.clone() };
        assert_refused(&[&member(&grown, 0), &member(&this, 1)], "generic part differs");
        let made_later = NewArray { ctime: 5, ..this.clone() };
        assert_refused(&[&member(&made_later, 0), &member(&this, 1)], "generic part differs");
    }
    // 1.x lets the size differ: a member that was away while the array grew may come back.
    let grown = NewArray { size: Sectors::new(50_000), ..array(MdVersion::V1_2, 2, 20) };
    assert_eq!(standings([&member(&grown, 0), &two(1, 17)])[1], missed(17));
}

#[test]
fn slots_nobody_holds_are_missing() {
    for version in VERSIONS {
        let array = array(version, 4, 17);
        let found = all(&[&member(&array, 2), &member(&array, 0)]);
        assert_eq!(found.missing, [Slot(1), Slot(3)], "{version:?}");
        assert_eq!(found.freshest, 1);
    }
}

#[test]
fn dirty_on_any_of_the_freshest_is_dirty() {
    for version in VERSIONS {
        let clean = array(version, 2, 17);
        let dirty = NewArray { resync: ResyncPoint::From(Sectors::ZERO), ..clean.clone() };
        for (one, other, expected) in
            [(&clean, &clean, true), (&clean, &dirty, false), (&dirty, &clean, false)]
        {
            let found = all(&[&member(one, 0), &member(other, 1)]);
            assert_eq!(found.clean, expected, "{version:?}");
        }
        // One event apart, the newer one is believed, either way.
        let newer = |array: &NewArray| NewArray { events: Events::new(18), ..array.clone() };
        let found = all(&[&member(&dirty, 0), &member(&newer(&clean), 1)]);
        assert!(found.clean, "{version:?}");
        let found = all(&[&member(&clean, 0), &member(&newer(&dirty), 1)]);
        assert!(!found.clean, "{version:?}");
    }
}

#[test]
fn a_resync_cut_short_is_dirty_and_a_member_behind_has_no_say_in_it() {
    let array = array(MdVersion::V1_2, 2, 17);
    let halfway = NewArray { resync: ResyncPoint::From(Sectors::new(800)), ..array.clone() };
    assert!(!all(&[&member(&halfway, 0), &member(&halfway, 1)]).clean);
    let stale = NewArray { events: Events::new(9), ..halfway };
    assert!(all(&[&member(&array, 0), &member(&stale, 1)]).clean);
    let rebuilt = with_features(&member(&stale, 1), RECOVERY);
    assert!(all(&[&member(&array, 0), &rebuilt]).clean);
}

#[test]
fn what_this_engine_does_not_understand_is_refused_on_any_member() {
    let plain = |slot| {
        let array = NewArray { bitmap_offset: None, ..array(MdVersion::V1_2, 2, 17) };
        member(&array, slot)
    };
    for (feature, expected) in [
        (Features::RESHAPE_ACTIVE, "changing its shape"),
        (Features::JOURNAL, "has a journal"),
        (Features::PPL, "partial parity log"),
        (Features::MULTIPLE_PPLS, "partial parity log"),
        (Features::REPLACEMENT, "is being replaced"),
        (Features::CLUSTERED, "belongs to a cluster"),
    ] {
        let (odd, other) = (with_features(&plain(0), feature), plain(1));
        assert_refused(&[&odd, &with_features(&other, feature)], expected);
        assert_refused(&[&odd, &other], expected);
        assert_refused(&[&plain(0), &with_features(&other, feature)], expected);
        let stale = with_features(&two(1, 9), feature);
        if feature != Features::PPL && feature != Features::MULTIPLE_PPLS {
            assert_refused(&[&two(0, 17), &stale], expected);
        }
    }
}

#[test]
fn a_slot_with_two_devices_is_being_replaced() {
    let twins = |slot, events| with_roles(&two(slot, events), &[(2, 1)]);
    assert_refused(&[&twins(0, 17)], "a member is being replaced");
    assert_refused(&[&twins(0, 17), &twins(1, 17)], "a member is being replaced");
    let by = with_features(&with_number(&twins(1, 17), 2), RECOVERY.union(Features::REPLACEMENT));
    assert_refused(&[&twins(0, 17), &twins(1, 17), &by], "a member is being replaced");
}

#[test]
fn unknown_feature_bits_are_refused_on_anyone() {
    for bit in [1 << 13, 1 << 20, 1 << 31] {
        let odd = with_features(&two(1, 3), Features::from_bits(bit));
        assert_refused(&[&two(0, 17), &odd], &format!("{bit:#x}"));
        let spare = with_number(&odd, 2);
        assert_refused(&[&two(0, 17), &spare], &format!("{bit:#x}"));
    }
}

#[test]
fn a_level_without_redundancy_is_refused() {
    for level in [-1, 0] {
        let chunk = Sectors::new(128);
        let array = NewArray { level, chunk, ..array(MdVersion::V1_2, 4, 17) };
        let [one, other] = [0, 1].map(|slot| member(&array, slot));
        assert_refused(&[&one, &other], &format!("its level is {level}"));
    }
}

#[test]
fn an_array_without_a_size_is_refused() {
    let empty = |slot| patched(&two(slot, 17), |raw| sb::DEV_SECTORS.put::<LittleEndian>(raw, 0));
    let error = try_all(&[&empty(0), &empty(1)]).unwrap_err();
    assert!(matches!(error.kind(), Kind::Refused | Kind::Damaged), "{error}");
}

#[test]
fn a_superblock_with_errors_is_damaged_and_named() {
    let odd = patched(&two(1, 17), |raw| sb::PAD0.put::<LittleEndian>(raw, 1));
    let error = try_all(&[&two(0, 17), &odd]).unwrap_err();
    assert_eq!(error.kind(), Kind::Damaged);
    assert!(error.to_string().starts_with("b: its superblock is damaged: "), "{error}");
    let nobody = try_all(&[]).unwrap_err();
    assert_eq!(nobody.kind(), Kind::Usage);
}

#[test]
fn write_mostly_is_the_members_own_word() {
    let slow =
        patched(&two(1, 17), |raw| sb::DEVFLAGS.put::<LittleEndian>(raw, super1::WRITE_MOSTLY));
    let found = all(&[&two(0, 17), &slow]);
    assert_eq!(found.members.iter().map(|m| m.write_mostly).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn every_standing_has_its_word_and_every_absence_its_reason() {
    let standings =
        [Standing::Current, missed(3), Standing::Spare, Standing::Outside(String::new())];
    assert_eq!(standings.map(|s| s.as_str()), ["current", "behind", "spare", "outside"]);
    let away = [
        Away::Missed { events: Events::new(3) },
        Away::Recovering,
        Away::Rebuilding,
        Away::UsedApart,
    ];
    let texts = away.map(|a| a.to_string());
    assert!(texts[0].ends_with("its event count is 3") && texts[3].contains("apart"));
    assert!(texts[1].contains("bitmap") && texts[2].contains("rebuild"));
}

#[test]
fn who_left_by_an_edit_is_not_taken_for_current_again() {
    for version in VERSIONS {
        let array = array(version, 3, 17);
        let away = member(&array, 2);
        let stay = [0, 1].map(|slot| without(&member(&array, slot), 2, 18));
        let found = standings([&stay[0], &stay[1], &away]);
        assert_eq!(found, [Standing::Current, Standing::Current, missed(17)], "{version:?}");
    }
}
