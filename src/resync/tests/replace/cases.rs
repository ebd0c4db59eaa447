//! Arrays that lack members, by level, and what lies on those that are gone.

use super::super::lab::{DIRTY, EVENTS, State};
use super::super::oracle::{self, Shape};

pub(super) const CLEAN: State = State { clean: true, ..DIRTY };
pub(super) const LOST: State = State { differs: &[1, 5, 6], ..DIRTY };
pub(super) const BEHIND: State =
    State { events: EVENTS - 5, listed: false, clean: true, differs: &[1, 9] };

/// An array with slots that nobody at hand holds.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    pub(super) states: Vec<State>,
    pub(super) dirty: Vec<u64>,
    /// Slots that are filled; their old members are kept aside.
    pub(super) filled: Vec<usize>,
    /// Slots that stay missing.
    pub(super) gone: Vec<usize>,
}

pub(super) fn case(
    name: &'static str,
    shape: Shape,
    base: State,
    others: &[(usize, State)],
    filled: &[usize],
) -> Case {
    let mut states = vec![base; shape.disks];
    others.iter().for_each(|(slot, state)| states[*slot] = *state);
    let mut dirty = vec![1, 5, 6, 9];
    dirty.retain(|chunk| *chunk < shape.chunks());
    Case { name, shape, states, dirty, filled: filled.to_vec(), gone: vec![] }
}

pub(super) fn mirrors() -> Vec<Case> {
    let [two, three] = [2, 3].map(Shape::mirror);
    vec![
        case("the second was away", two, CLEAN, &[(1, BEHIND)], &[1]),
        case("the first died after a clean stop", two, CLEAN, &[], &[0]),
        case("one alone, not clean", two, DIRTY, &[(1, LOST)], &[1]),
        case("not clean", three, DIRTY, &[(1, LOST), (2, LOST)], &[2]),
        Case { gone: vec![2], ..case("one stays away", three, CLEAN, &[(2, BEHIND)], &[1]) },
        case("one a superblock behind", three, CLEAN, &[(1, late()), (2, BEHIND)], &[2]),
        case("two at once", three, CLEAN, &[(0, BEHIND)], &[0, 2]),
    ]
}

fn late() -> State {
    State { events: EVENTS - 1, ..CLEAN }
}

pub(super) fn copies() -> Vec<Case> {
    vec![
        case("was away", oracle::N2_4, CLEAN, &[(2, BEHIND)], &[2]),
        case("not clean", oracle::N2_3, DIRTY, &[], &[2]),
        case("died after a clean stop", oracle::F2, CLEAN, &[], &[0]),
        case("was away", oracle::O2, CLEAN, &[(1, BEHIND)], &[1]),
    ]
}

pub(super) fn rows() -> Vec<Case> {
    let old = [(0, BEHIND), (2, BEHIND)];
    let stays = case("one stays away", oracle::RAID6_DDF, CLEAN, &[(3, BEHIND)], &[1]);
    vec![
        case("the last died", oracle::RAID4, CLEAN, &[], &[3]),
        case("the first was away", oracle::RAID5_LS, CLEAN, &[(0, BEHIND)], &[0]),
        case("one died", oracle::RAID5_LA, CLEAN, &[(1, late())], &[2]),
        case("two were away", oracle::RAID6_LS, CLEAN, &old, &[0, 2]),
        case("one was away", oracle::RAID6_LS, CLEAN, &[(3, BEHIND)], &[3]),
        case("one died, one behind", oracle::RAID6_LS, CLEAN, &[(1, BEHIND)], &[3]),
        Case { gone: vec![3], ..stays },
    ]
}
