//! Ways for an array to go down, by level, and which chunks a resync may touch because of it.

use super::forms::Kind;
use super::lab::{CHUNKS, DIRTY, EVENTS, Lab, State};
use super::oracle::{self, Shape};
use crate::format::md::MdVersion;
use crate::units::Events;

/// A way for an array to go down, and the chunks that may change because of it.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) states: Vec<State>,
    pub(super) dirty: Vec<u64>,
    pub(super) full: bool,
    pub(super) stale: bool,
    /// Members that are not at hand when it is resynced: the last ones.
    pub(super) away: usize,
    /// Which form the bitmap has.
    pub(super) kind: Kind,
}

const LOST: State = State { differs: &[1, 5, 6], ..DIRTY };
const LATE: State = State { events: EVENTS - 1, ..DIRTY };
const CLEAN: State = State { clean: true, ..DIRTY };
const BEHIND: State = State { events: EVENTS - 5, listed: false, clean: true, differs: &[1, 9] };
const LONGER: State = State { events: EVENTS - 7, differs: &[5, 9], ..BEHIND };

impl Case {
    fn new(shape: Shape, name: &'static str, base: State, others: &[(usize, State)]) -> Self {
        let mut states = vec![base; shape.disks];
        others.iter().for_each(|(slot, state)| states[*slot] = *state);
        let last = (shape.level != 1).then(|| shape.chunks() - 1);
        let mut dirty: Vec<u64> = [1, 5, 6, 9].into_iter().chain(last).collect();
        dirty.retain(|chunk| *chunk < shape.chunks());
        dirty.dedup();
        Self { name, shape, states, dirty, full: false, stale: false, away: 0, kind: Kind::Plain }
    }

    fn full(self) -> Self {
        Self { dirty: vec![], full: true, stale: true, ..self }
    }

    fn everything(self) -> Self {
        Self { dirty: (0..self.shape.chunks()).collect(), ..self }
    }

    fn away(self) -> Self {
        Self { away: 1, ..self }
    }

    /// The whole array as it went down.
    pub(super) fn lab(&self, version: MdVersion, file: bool) -> Lab {
        let mut lab = self.kind.made(Lab::of(self.shape, version, &self.states, &self.dirty, file));
        if self.stale {
            lab.patch_bitmap(|raw| raw.set_events(Events::new(EVENTS - 3)));
        }
        lab
    }

    /// The same with everything on every member as it should be.
    pub(super) fn truth(&self, version: MdVersion, file: bool) -> Lab {
        let right = |state: &State| State { differs: &[], ..*state };
        let states: Vec<State> = self.states.iter().map(right).collect();
        self.kind.made(Lab::of(self.shape, version, &states, &self.dirty, file))
    }

    /// Members at hand that are in sync but for dirty chunks.
    pub(super) fn is_current(&self, disk: usize) -> bool {
        disk < self.states.len() - self.away && self.states[disk].listed
    }

    pub(super) fn has_behind(&self) -> bool {
        self.states.iter().any(|state| !state.listed)
    }

    /// Whether current members are made to agree, and not only others caught up.
    pub(super) fn renews(&self) -> bool {
        let clean = self.states.iter().all(|state| state.clean);
        match self.shape.is_parity() {
            true => !self.has_behind(),
            false => !clean || !self.has_behind() || self.full,
        }
    }
}

pub(super) fn mirrors() -> Vec<Case> {
    let [two, three] = [2, 3].map(Shape::mirror);
    let late_lost = State { events: EVENTS - 1, ..LOST };
    let clean_lost = State { clean: true, ..LOST };
    vec![
        Case::new(two, "unclean", DIRTY, &[(1, LOST)]),
        Case::new(three, "unclean, three members", LOST, &[(0, DIRTY)]),
        Case::new(three, "unclean, one a superblock behind", DIRTY, &[(1, late_lost)]),
        Case::new(two, "unclean, the first a superblock behind", LOST, &[(0, LATE)]),
        Case::new(two, "behind", CLEAN, &[(1, BEHIND)]),
        Case::new(two, "the first behind", CLEAN, &[(0, BEHIND)]),
        Case::new(three, "unclean and behind", DIRTY, &[(1, BEHIND), (2, LOST)]),
        Case::new(three, "one away", LOST, &[(0, DIRTY)]).away(),
        Case::new(three, "one away, one behind", DIRTY, &[(1, BEHIND), (2, LOST)]).away(),
        Case::new(two, "clean with dirty bits", CLEAN, &[(1, clean_lost)]),
        Case::new(two, "full by a stale bitmap", DIRTY, &[(1, LOST)]).full(),
        Case {
            dirty: (0..CHUNKS).collect(),
            ..Case::new(two, "everything dirty", DIRTY, &[(1, LOST)])
        },
    ]
}

fn copies(shape: Shape) -> Vec<Case> {
    let last = shape.disks - 1;
    let new = |name, base, others: &[(usize, State)]| Case::new(shape, name, base, others);
    let late_lost = State { events: EVENTS - 1, ..LOST };
    let clean_lost = State { clean: true, ..LOST };
    let mut cases = vec![
        new("unclean", DIRTY, &[(1, LOST), (last, LOST)]),
        new("unclean, one a superblock behind", DIRTY, &[(1, late_lost)]),
        new("unclean, the first a superblock behind", LOST, &[(0, LATE)]),
        new("behind", CLEAN, &[(1, BEHIND)]),
        new("the first behind", CLEAN, &[(0, BEHIND)]),
        new("unclean and behind", DIRTY, &[(1, BEHIND), (last, LOST)]),
        new("one away", DIRTY, &[(1, LOST), (last, LOST)]).away(),
        new("clean, one away", CLEAN, &[]).away(),
        new("clean with dirty bits", CLEAN, &[(1, clean_lost)]),
        new("full by a stale bitmap", DIRTY, &[(1, LOST)]).full(),
        new("behind a stale bitmap", CLEAN, &[(1, BEHIND)]).full(),
        new("everything dirty", DIRTY, &[(1, LOST)]).everything(),
    ];
    if shape.disks > 3 {
        cases.push(new("one away, one behind", DIRTY, &[(1, BEHIND), (last, LOST)]).away());
    }
    cases
}

fn rows(shape: Shape) -> Vec<Case> {
    let last = shape.disks - 1;
    let new = |name, base, others: &[(usize, State)]| Case::new(shape, name, base, others);
    let late_lost = State { events: EVENTS - 1, ..LOST };
    let clean_lost = State { clean: true, ..LOST };
    let mut cases = vec![
        new("unclean", DIRTY, &[(1, LOST), (last, LOST)]),
        new("unclean, one a superblock behind", DIRTY, &[(1, late_lost)]),
        new("unclean, the first a superblock behind", DIRTY, &[(0, late_lost)]),
        new("behind", CLEAN, &[(1, BEHIND)]),
        new("the first behind", CLEAN, &[(0, BEHIND)]),
        new("the last behind", CLEAN, &[(last, BEHIND)]),
        new("clean with dirty bits", CLEAN, &[(1, clean_lost)]),
        new("full by a stale bitmap", DIRTY, &[(1, LOST)]).full(),
        new("behind a stale bitmap", CLEAN, &[(1, BEHIND)]).full(),
        new("everything dirty", DIRTY, &[(1, LOST)]).everything(),
    ];
    if shape.level == 6 {
        let late = State { events: EVENTS - 1, ..CLEAN };
        cases.extend([
            new("two behind", CLEAN, &[(0, BEHIND), (2, LONGER)]),
            new(
                "two behind, one a superblock behind",
                CLEAN,
                &[(0, BEHIND), (1, late), (3, LONGER)],
            ),
            new("the last two behind", CLEAN, &[(last - 1, LONGER), (last, BEHIND)]),
            new("one away, one behind", CLEAN, &[(1, BEHIND)]).away(),
            new("one away, the first behind, one late", CLEAN, &[(0, LONGER), (1, late)]).away(),
            new("one away for long, one behind", CLEAN, &[(1, BEHIND), (last, LONGER)]).away(),
            new("one away, one behind a stale bitmap", CLEAN, &[(1, BEHIND)]).full().away(),
        ]);
    }
    cases
}

pub(super) fn cases(shape: Shape) -> Vec<Case> {
    match shape.level {
        1 => mirrors(),
        10 => copies(shape),
        _ => rows(shape),
    }
}

/// All shapes but mirrors.
pub(super) const SHAPES: [Shape; 9] = [
    oracle::N2_3,
    oracle::N2_4,
    oracle::F2,
    oracle::O2,
    oracle::RAID4,
    oracle::RAID5_LS,
    oracle::RAID5_LA,
    oracle::RAID6_LS,
    oracle::RAID6_DDF,
];
