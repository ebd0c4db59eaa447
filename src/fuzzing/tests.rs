//! Every target over its seeds and over mutations of them: the same ones in every run. A longer one
//! is `MDBITMAP_FUZZ=N`, so many mutations of each target, or `tests/fuzz` with a real fuzzer.

use std::fs;
use std::path::Path;

use super::{TARGETS, run};

/// Mutations of each target, where nobody says otherwise.
const MUTATIONS: u64 = 1500;

/// Numbers by a seed: xorshift64*.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap() % end.max(1)
    }
}

/// The seeds of a target, by name; what a fuzzer once found is among them.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut found: Vec<_> = fs::read_dir(&dir)
        .unwrap_or_else(|error| panic!("{}: {error}", dir.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
        .collect();
    found.sort();
    found
}

fn mutated(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let len = (1 + dice.below(8)).min(bytes.len() - at.min(bytes.len()));
        match dice.below(8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.splice(at..at, vec![0; len])),
            2 => drop(bytes.drain(at..at + len)),
            3 => {
                let from = dice.below(other.len());
                let piece = &other[from..(from + 64).min(other.len())];
                let end = (at + piece.len()).min(bytes.len());
                drop(bytes.splice(at..end, piece.iter().copied()));
            }
            4 => bytes[at..at + len].fill([0, 0xff, 0x80, 0x7f][dice.below(4)]),
            5 => bytes.extend((0..len * 8).map(|_| dice.next().to_le_bytes()[0])),
            _ if bytes.is_empty() => {}
            6 => bytes[at] ^= 1 << dice.below(8),
            _ => bytes[at] = dice.next().to_le_bytes()[0],
        }
    }
    bytes
}

/// What the target made of the input is told with the input.
fn fed(target: &str, what: &str, bytes: &[u8]) {
    let outcome = std::panic::catch_unwind(|| run(target, bytes));
    if outcome.is_err() {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{target} does not stand {what}; the input is\n{hex}");
    }
}

fn mutations() -> u64 {
    std::env::var("MDBITMAP_FUZZ").ok().and_then(|n| n.parse().ok()).unwrap_or(MUTATIONS)
}

fn smoke(target: &str) {
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has no seeds");
    seeds.iter().for_each(|(name, bytes)| fed(target, name, bytes));
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for n in 0..mutations() {
        let [one, other] = [0; 2].map(|_| &seeds[dice.below(seeds.len())].1);
        let bytes = mutated(one, other, &mut dice);
        fed(target, &format!("mutation {n}"), &bytes);
    }
}

#[test]
fn formats_stand_mutated_images() {
    ["bitmap", "lockless", "super", "badblocks", "checkpoint"].into_iter().for_each(smoke);
}

#[test]
fn texts_stand_mutated_texts() {
    ["dump", "mdstat", "attributes", "typed"].into_iter().for_each(smoke);
}

#[test]
fn geometry_stands_any_numbers() {
    smoke("geometry");
}

#[test]
fn examine_stands_mutated_images() {
    smoke("examine");
}

#[test]
fn the_planner_stands_mutated_members() {
    smoke("planner");
}

#[test]
fn a_resync_stands_spoilt_arrays() {
    smoke("array");
}

#[test]
fn every_target_has_its_program() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut programs: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let mut targets: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    programs.sort();
    targets.sort_unstable();
    assert_eq!(programs, targets);
}
