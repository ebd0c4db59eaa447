//! Every refusal with its own words.

use std::path::PathBuf;

use super::*;
use crate::running::{Action, Bitmap, Member, Progress, Sync};
use crate::units::Slot;

fn member(slot: Option<u16>, states: &[&str]) -> Member {
    let states = states.iter().map(ToString::to_string).collect();
    Member { name: "sda".into(), slot: slot.map(Slot), states }
}

fn array() -> Array {
    Array {
        name: "md0".into(),
        node: PathBuf::from("/dev/md0"),
        level: Some("raid1".into()),
        state: "clean",
        metadata: Some("1.2".into()),
        uuid: None,
        raid_disks: Some(2),
        degraded: Some(0),
        members: vec![member(Some(0), &["in_sync"]), member(Some(1), &["in_sync"])],
        bitmap: Bitmap {
            kind: BitmapKind::None,
            offset: None,
            path: None,
            chunk: None,
            dirty: None,
            why: None,
        },
        sync: Sync { action: Action::Idle, progress: Progress::None, speed: None },
        mismatches: None,
    }
}

fn words() -> Words {
    let text = |text: &str| Some(text.to_owned());
    let (policy, resync_start) = (text("resync"), text("none"));
    Words { policy, resync_start, format: text("internal"), has_location: true }
}

fn refused(change: impl Fn(&mut Array, &mut Words), expected: &str) {
    let (mut array, mut words) = (array(), words());
    change(&mut array, &mut words);
    let error = may_attach(&array, &words).unwrap_err();
    assert_eq!(error.kind(), crate::error::Kind::Refused);
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_sound_array_may_have_one() {
    may_attach(&array(), &words()).unwrap();
    let degraded = Array { degraded: Some(1), state: "active", ..array() };
    may_attach(&degraded, &words()).unwrap();
    may_attach(&array(), &Words { format: None, ..words() }).unwrap();
}

#[test]
fn each_obstacle_is_named() {
    refused(|a, _| a.level = Some("raid0".into()), "raid0 has no redundancy");
    refused(|a, _| a.level = None, "no redundancy");
    refused(|a, _| a.metadata = Some("none".into()), "mdadm --build");
    refused(|a, _| a.metadata = Some("external:imsm".into()), "BIOS");
    refused(|a, _| a.bitmap.kind = BitmapKind::File, "a bitmap already (file)");
    refused(|a, _| a.bitmap.kind = BitmapKind::Clustered, "already (clustered)");
    refused(|_, w| w.policy = Some("journal".into()), "journal");
    refused(|_, w| w.policy = Some("ppl".into()), "partial parity log");
    refused(|a, _| a.state = "readonly", "read-only");
    refused(|a, _| a.state = "read-auto", "mdadm --readwrite");
    refused(|a, _| a.state = "inactive", "inactive");
    refused(|a, _| a.sync.action = Action::Resync, "resync runs");
    refused(|a, _| a.sync.action = Action::Frozen, "frozen");
    refused(|_, w| w.format = Some("external".into()), "says external");
    refused(|_, w| w.has_location = false, "mdbitmap convert");
}

#[test]
fn a_bitmap_of_another_kind_is_not_taken_away() {
    let with = |kind| {
        let mut array = array();
        array.bitmap.kind = kind;
        array
    };
    may_detach(&with(BitmapKind::Internal), false).unwrap();
    for (kind, expected) in [
        (BitmapKind::None, "no bitmap"),
        (BitmapKind::File, "but file"),
        (BitmapKind::Lockless, "lockless"),
        (BitmapKind::Clustered, "cluster"),
        (BitmapKind::Unknown, "but unknown"),
    ] {
        let error = may_detach(&with(kind), true).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_degraded_array_keeps_its_bitmap_unless_forced() {
    let mut array = array();
    array.bitmap.kind = BitmapKind::Internal;
    array.degraded = Some(1);
    let error = may_detach(&array, false).unwrap_err().to_string();
    assert!(error.contains("--force=degraded"), "{error}");
    may_detach(&array, true).unwrap();
    array.sync.action = Action::Recover;
    may_detach(&array, true).unwrap_err();
}

#[test]
fn members_agree_only_where_nothing_says_otherwise() {
    assert!(in_sync(&array(), &words()));
    assert!(!in_sync(&Array { degraded: Some(1), ..array() }, &words()));
    assert!(!in_sync(&array(), &Words { resync_start: Some("0".into()), ..words() }));
    assert!(!in_sync(&array(), &Words { resync_start: None, ..words() }));
    let mut spare = array();
    spare.members[1] = member(Some(1), &["spare"]);
    assert!(!in_sync(&spare, &words()));
    let mut replaced = array();
    replaced.members.push(member(Some(1), &["in_sync", "replacement"]));
    assert!(!in_sync(&replaced, &words()));
}
