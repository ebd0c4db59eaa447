//! Hostile input for every parser, and for the planner over whole arrays: what a fuzzer calls.
//!
//! A target takes any bytes and may neither panic nor take long nor allocate by a field that nobody
//! checked; beyond that it asserts what must hold of whatever came out. Targets live here and not
//! with the fuzzer (`fuzz/`), so that the tests run them as well: over the seeds in `fuzz/seeds`
//! and over mutations of these. Not part of a release.

mod arrays;
mod disks;
mod draw;
mod examined;
mod formats;
mod geometry;
mod planner;
mod supers;
mod texts;

#[cfg(test)]
mod tests;

/// Something that takes hostile input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of the program in `fuzz/fuzz_targets`, and of the directory of its seeds.
    pub name: &'static str,
    /// Takes the input; panics where it found something.
    pub run: fn(&[u8]),
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "bitmap", run: formats::bitmap },
    Target { name: "lockless", run: formats::lockless },
    Target { name: "super", run: supers::superblock },
    Target { name: "badblocks", run: formats::badblocks },
    Target { name: "checkpoint", run: formats::checkpoint },
    Target { name: "dump", run: texts::dump },
    Target { name: "mdstat", run: texts::mdstat },
    Target { name: "attributes", run: texts::attributes },
    Target { name: "typed", run: texts::typed },
    Target { name: "geometry", run: geometry::numbers },
    Target { name: "examine", run: examined::image },
    Target { name: "planner", run: planner::members },
    Target { name: "array", run: planner::array },
];

/// Hands `bytes` to the target called `name`.
///
/// # Panics
/// There is no such target, or it found something.
pub fn run(name: &str, bytes: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(bytes),
        None => panic!("no target is called {name}"),
    }
}
