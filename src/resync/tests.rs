//! The engine on devices in memory: what a run does, and what a power cut leaves of it.

// Small numbers by construction.
#![allow(clippy::cast_possible_truncation)]

mod bad;
mod built;
mod cases;
pub(crate) mod copies;
mod crash;
mod faults;
mod forms;
pub(crate) mod lab;
mod model;
pub(crate) mod oracle;
mod replace;
mod runs;
mod scripts;
mod threads;
