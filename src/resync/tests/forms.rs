//! Lockless and clustered bitmaps: the same arrays with their dirt written down in another way.

use proptest::prelude::*;

use super::cases::{Case, cases, mirrors};
use super::copies::cramp;
use super::crash::{cut_everywhere, long};
use super::lab::{DIRTY, EVENTS, Lab, State, run};
use super::oracle;
use crate::error::Kind as ErrorKind;
use crate::format::bitmap::{BitmapSuper, BitmapVersion, RawBitmapSuper, StateFlags, bits};
use crate::format::llbitmap::needs_resync;
use crate::format::md::{Features, MdVersion};
use crate::resync::{Decision, Outcome, ResyncOptions};
use crate::units::{Events, Sectors};

/// Nodes of the cluster, and the bytes from one node's bitmap to the next.
const NODES: u32 = 2;
const STRIDE: usize = 4096;
const STATES_AT: usize = 1024;

/// Which form a bitmap has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Lockless,
    Clustered,
}

impl Kind {
    /// The array with its bitmap in this form.
    pub(super) fn made(self, mut lab: Lab) -> Lab {
        for disk in 0..lab.members {
            match self {
                Self::Plain => {}
                Self::Lockless => lockless(&mut lab, disk),
                Self::Clustered => clustered(&mut lab, disk),
            }
        }
        lab
    }
}

/// The dirty chunks of a bitmap that begins with `image`, whatever its form.
pub(super) fn dirty(header: &BitmapSuper, image: &[u8]) -> Vec<u64> {
    let chunks = 0..header.chunks().get();
    let bit = |n: &u64| {
        (0..header.nodes.max(1) as usize).any(|k| bits::is_set(&image[256 + k * STRIDE..], *n))
    };
    match header.version {
        BitmapVersion::Lockless6 => {
            chunks.filter(|n| needs_resync(image[STATES_AT + *n as usize])).collect()
        }
        _ => chunks.filter(bit).collect(),
    }
}

/// Every sort of dirt, and every sort of its absence.
fn lockless(lab: &mut Lab, disk: usize) {
    let at = lab.bitmap_at(disk).unwrap();
    let image = &mut lab.disks[disk][at..];
    let mut raw = RawBitmapSuper::from_prefix(image).unwrap();
    let chunks = raw.sync_size().get().div_ceil(u64::from(raw.chunksize()) / 512);
    let state = |n: u64| match bits::is_set(&image[256..], n) {
        true => [2, 3, 4, 200][n as usize % 4],
        false => [1, 0, 7, 5][n as usize % 4],
    };
    let states: Vec<u8> = (0..chunks).map(state).collect();
    raw.set_version(6);
    raw.set_chunksize(raw.chunksize() / 512);
    raw.set_events_cleared(Events::new(0));
    image[..256].copy_from_slice(&raw.0);
    image[256..STATES_AT].fill(0xff);
    image[STATES_AT..STATES_AT + states.len()].copy_from_slice(&states);
}

/// Each node knows half of the dirt; the last one saw an older event.
fn clustered(lab: &mut Lab, disk: usize) {
    let at = lab.bitmap_at(disk).unwrap();
    let mut raw = RawBitmapSuper::from_prefix(&lab.disks[disk][at..]).unwrap();
    let all = lab.disks[disk][at + 256..at + 300].to_vec();
    raw.set_version(5);
    raw.set_nodes(NODES);
    for node in 0..NODES as usize {
        let slot = &mut lab.disks[disk][at + node * STRIDE..];
        raw.set_events(Events::new(raw.events().get() - node as u64));
        slot[..256].copy_from_slice(&raw.0);
        let half = [0x55, 0xaa][node];
        slot[256..300].iter_mut().zip(&all).for_each(|(to, bits)| *to = bits & half);
    }
    patch_super(lab, disk, |raw| {
        let features =
            u32::from_le_bytes(raw[8..12].try_into().unwrap()) | Features::CLUSTERED.bits();
        raw[8..12].copy_from_slice(&features.to_le_bytes());
    });
}

/// Changes a superblock of version 1.2, and its checksum: a plain sum, folded once.
fn patch_super(lab: &mut Lab, disk: usize, patch: impl Fn(&mut [u8])) {
    let raw = &mut lab.disks[disk][4096..8192];
    patch(raw);
    raw[216..220].fill(0);
    let roles = u32::from_le_bytes(raw[220..224].try_into().unwrap()) as usize;
    let sum: u64 = raw[..256 + 2 * roles]
        .chunks(4)
        .map(|word| word.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
        .sum();
    let folded = (sum as u32).wrapping_add((sum >> 32) as u32);
    raw[216..220].copy_from_slice(&folded.to_le_bytes());
}

fn cut(kind: Kind, cases: Vec<Case>, least: usize) {
    let mut images = 0;
    for case in cases {
        images += cut_everywhere(&Case { kind, ..case }, MdVersion::V1_2, false, false);
    }
    println!("{kind:?}: {images} images");
    assert!(images > least, "only {images} images were tried");
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_a_lockless_mirror() {
    cut(Kind::Lockless, mirrors(), 1_000);
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_lockless_parity() {
    cut(Kind::Lockless, cases(oracle::RAID5_LS), 800);
    if long() {
        cut(Kind::Lockless, cases(oracle::RAID6_DDF), 800);
    }
}

#[test]
fn a_power_cut_at_any_write_is_survived_by_a_clustered_mirror() {
    cut(Kind::Clustered, mirrors(), 1_000);
    cut(Kind::Clustered, cases(oracle::N2_4), 800);
}

const LOST: State = State { differs: &[1, 2, 3, 5], ..DIRTY };
const BEHIND: State =
    State { events: EVENTS - 5, listed: false, clean: true, differs: &[1, 2, 3, 5] };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_a_bitmap_holds_it_is_refused_or_followed(
        lockless: bool, full: bool, everywhere: bool,
        bytes in proptest::collection::vec((0usize..5200, any::<u8>()), 1..4),
    ) {
        let kind = if lockless { Kind::Lockless } else { Kind::Clustered };
        let mut lab = mirror(kind, &[DIRTY, LOST]);
        let at = lab.bitmap_at(0).unwrap();
        for disk in 0..if everywhere { 2 } else { 1 } {
            // Headers and states rather than what lies between.
            bytes.iter().for_each(|(n, byte)| lab.disks[disk][at + n % 1040 + n / 1040 % 2 * 4096] = *byte);
        }
        let mut engine = lab.engine();
        match run(&mut engine, &ResyncOptions { full, ..lab.options() }) {
            Ok(report) => prop_assert_eq!(report.outcome, Outcome::Done),
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::Refused, "{}", error);
                prop_assert_eq!(engine.disks, lab.disks);
            }
        }
    }
}

fn mirror(kind: Kind, states: &[State]) -> Lab {
    kind.made(Lab::new(MdVersion::V1_2, states, &[1, 2, 3, 5], false))
}

fn states_of(lab: &Lab, disk: usize) -> Vec<u8> {
    let at = lab.bitmap_at(disk).unwrap() + STATES_AT;
    lab.disks[disk][at..at + 16].to_vec()
}

fn set_state(lab: &mut Lab, disk: usize, chunk: usize, state: u8) {
    let at = lab.bitmap_at(disk).unwrap() + STATES_AT + chunk;
    lab.disks[disk][at] = state;
}

fn after(lab: &Lab, options: &ResyncOptions) -> (Lab, crate::resync::Report) {
    let mut engine = lab.engine();
    let report = run(&mut engine, options).unwrap();
    (Lab { disks: engine.disks, ..lab.clone() }, report)
}

#[test]
fn states_end_as_the_kernel_would_leave_them() {
    // 4 to 7 and 8 to 11 are clean, unwritten, clean-unwritten, and parity that was to be built.
    let (lab, report) = after(
        &mirror(Kind::Lockless, &[DIRTY, LOST]),
        &mirror(Kind::Lockless, &[DIRTY, LOST]).options(),
    );
    assert_eq!((report.decision, report.outcome), (Decision::Partial, Outcome::Done));
    assert_eq!((report.chunks_dirty_before, report.chunks_dirty_after), (4, 0));
    for disk in 0..2 {
        assert_eq!(states_of(&lab, disk), [1, 1, 1, 1, 1, 1, 7, 0, 1, 0, 7, 0, 1, 0, 7, 0]);
    }
    let again = run(&mut lab.engine(), &lab.options()).unwrap();
    assert_eq!(again.decision, Decision::Nothing);
    let returned = mirror(Kind::Lockless, &[DIRTY, BEHIND]);
    let (lab, _) = after(&returned, &returned.options());
    for disk in 0..2 {
        assert_eq!(states_of(&lab, disk), [1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    }
}

#[test]
fn unwritten_chunks_are_left_alone_and_doubtful_ones_are_not() {
    let differs = State { differs: &[1, 2, 3, 5, 8, 9, 12], ..DIRTY };
    let mut lab = mirror(Kind::Lockless, &[DIRTY, differs]);
    set_state(&mut lab, 0, 8, 250);
    set_state(&mut lab, 1, 12, 0);
    let (done, report) = after(&lab, &lab.options());
    assert_eq!(report.chunks_synced, 6);
    for chunk in [1, 2, 3, 5, 8, 12] {
        assert_eq!(done.chunk(1, chunk), lab.chunk(0, chunk), "{chunk}");
        assert_eq!(states_of(&done, 1)[chunk as usize], 1, "{chunk}");
    }
    assert_eq!(done.chunk(1, 9), lab.chunk(1, 9), "nobody wrote there");
}

#[test]
fn while_a_member_is_missing_no_state_is_called_clean() {
    let lab = mirror(Kind::Lockless, &[DIRTY, LOST, DIRTY]);
    let (here, _) = lab.without_last(2);
    let (done, report) = after(&here, &here.options());
    assert_eq!((report.outcome, report.chunks_dirty_after), (Outcome::Done, 4));
    assert_eq!(done.chunk(1, 5), lab.chunk(0, 5));
    assert_eq!(&states_of(&done, 0)[..6], [1, 3, 3, 3, 1, 3]);
}

#[test]
fn states_that_were_cleared_after_a_member_left_catch_nobody_up() {
    let mut lab = mirror(Kind::Lockless, &[DIRTY, BEHIND]);
    // Unwritten when it left, clean now.
    set_state(&mut lab, 0, 9, 1);
    let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("chunk 9 was written and called clean"), "{error}");
    assert!(error.to_string().contains("--full"), "{error}");
    let full = ResyncOptions { full: true, ..lab.options() };
    let (done, report) = after(&lab, &full);
    assert_eq!((report.outcome, report.chunks_synced), (Outcome::Done, 16));
    assert_eq!(states_of(&done, 1), [1; 16]);
    // Nor does one whose own copy cannot be read.
    let mut lab = mirror(Kind::Lockless, &[DIRTY, BEHIND]);
    let at = lab.bitmap_at(1).unwrap();
    lab.disks[1][at] ^= 1;
    let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
    assert!(error.to_string().contains("its own copy"), "{error}");
}

#[test]
fn a_lockless_bitmap_that_may_not_be_believed_takes_a_full_resync() {
    type Patch = fn(&mut RawBitmapSuper);
    let doubts: [(&str, Patch); 4] = [
        ("out of date", |raw| raw.set_events(Events::new(EVENTS - 1))),
        ("never used", |raw| raw.set_state(StateFlags::FIRST_USE.with(StateFlags::CLEAN))),
        ("marked as out of date", |raw| raw.set_state(StateFlags::STALE)),
        ("covers 120 sectors", |raw| raw.set_sync_size(Sectors::new(120))),
    ];
    for (what, patch) in doubts {
        let mut lab = mirror(Kind::Lockless, &[DIRTY, LOST]);
        lab.patch_bitmap(patch);
        let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{what}");
        assert!(error.to_string().contains(what), "{error}");
        let (done, report) = after(&lab, &ResyncOptions { full: true, ..lab.options() });
        assert_eq!((report.outcome, report.chunks_synced), (Outcome::Done, 16), "{what}");
        let (header, dirty) = done.bitmap(1).unwrap();
        assert_eq!(
            (header.version, header.chunk.bytes()),
            (BitmapVersion::Lockless6, 4096),
            "{what}"
        );
        assert_eq!((header.state.bits(), dirty), (0, vec![]), "{what}");
        assert_eq!(states_of(&done, 0), [1; 16], "{what}");
    }
}

#[test]
fn what_any_node_calls_dirty_is_synced_and_all_nodes_are_cleared() {
    let lab = mirror(Kind::Clustered, &[DIRTY, LOST]);
    let error = run(&mut lab.engine(), &ResyncOptions { cluster_is_down: false, ..lab.options() });
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert!(error.to_string().contains("--force=cluster"), "{error}");
    let (done, report) = after(&lab, &lab.options());
    assert_eq!((report.outcome, report.chunks_synced), (Outcome::Done, 4));
    for disk in 0..2 {
        assert_eq!(done.chunk(disk, 5), lab.chunk(0, 5));
        let at = done.bitmap_at(disk).unwrap();
        for node in 0..NODES as usize {
            let slot = &done.disks[disk][at + node * STRIDE..];
            let raw = RawBitmapSuper::from_prefix(slot).unwrap();
            assert_eq!((raw.version(), raw.nodes(), raw.events()), (5, NODES, Events::new(EVENTS)));
            assert_eq!(bits::count_set(&slot[256..], 16), 0, "member {disk}, node {node}");
        }
    }
}

#[test]
fn every_node_must_have_its_say() {
    let slot = |lab: &Lab, disk: usize, node: usize| lab.bitmap_at(disk).unwrap() + node * STRIDE;
    // One readable copy of a node's bits will do.
    let mut lab = mirror(Kind::Clustered, &[DIRTY, LOST]);
    let at = slot(&lab, 0, 1);
    lab.disks[0][at..at + 300].fill(0);
    assert_eq!(after(&lab, &lab.options()).1.chunks_synced, 4);
    let at = slot(&lab, 1, 1);
    lab.disks[1][at] ^= 1;
    let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
    assert!(error.to_string().contains("the bits of node 1 cannot be told"), "{error}");
    let (done, report) = after(&lab, &ResyncOptions { full: true, ..lab.options() });
    assert_eq!((report.outcome, report.chunks_synced), (Outcome::Done, 16));
    assert!(done.bitmap(1).unwrap().1.is_empty());
    // Nobody saw the last event.
    let mut lab = mirror(Kind::Clustered, &[DIRTY, LOST]);
    lab.patch_bitmap(|raw| raw.set_events(Events::new(EVENTS - 1)));
    let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
    assert!(error.to_string().contains("out of date"), "{error}");
    // More nodes than there is room for.
    for nodes in [3, 1025, u32::MAX] {
        let mut lab = mirror(Kind::Clustered, &[DIRTY, LOST]);
        lab.patch_bitmap(|raw| raw.set_nodes(nodes));
        let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused, "{nodes}: {error}");
    }
}

#[test]
fn bits_that_a_node_cleared_after_a_member_left_catch_nobody_up() {
    let mut lab = mirror(Kind::Clustered, &[DIRTY, BEHIND]);
    assert_eq!(after(&lab, &lab.options()).1.outcome, Outcome::Done);
    for disk in 0..2 {
        let at = lab.bitmap_at(disk).unwrap() + STRIDE;
        let mut raw = RawBitmapSuper::from_prefix(&lab.disks[disk][at..]).unwrap();
        raw.set_events_cleared(Events::new(EVENTS - 2));
        lab.disks[disk][at..at + 256].copy_from_slice(&raw.0);
    }
    let error = run(&mut lab.engine(), &lab.options()).unwrap_err();
    assert!(error.to_string().contains("bits were cleared at event 18"), "{error}");
}

#[test]
fn a_member_without_room_for_every_node_is_not_written() {
    let mut lab = mirror(Kind::Clustered, &[DIRTY, BEHIND]);
    // Where the second node has its bits on the others.
    cramp(&mut lab, 1, 16);
    for full in [false, true] {
        let mut engine = lab.engine();
        let error = run(&mut engine, &ResyncOptions { full, ..lab.options() }).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        assert!(error.to_string().contains("on 1 there is room for 4096 only"), "{error}");
        assert!(engine.log.borrow().is_empty());
    }
}

#[test]
fn a_bitmap_of_a_form_that_does_not_belong_there_is_refused_and_left_alone() {
    let plain = |version| {
        let mut lab = mirror(Kind::Plain, &[DIRTY, LOST]);
        lab.patch_bitmap(|raw| raw.set_version(version));
        lab
    };
    let mut clustered = plain(5);
    clustered.patch_bitmap(|raw| raw.set_nodes(2));
    let mut array = mirror(Kind::Clustered, &[DIRTY, LOST]);
    array.patch_bitmap(|raw| raw.set_version(4));
    for (lab, why) in [(clustered, "belongs to no cluster"), (array, "is not clustered")] {
        for full in [false, true] {
            let mut engine = lab.engine();
            let error = run(&mut engine, &ResyncOptions { full, ..lab.options() }).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            assert_eq!(engine.disks, lab.disks);
        }
    }
}
