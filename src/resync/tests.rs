//! The engine on devices in memory: what a run does, and what a power cut leaves of it.

// Small numbers by construction.
#![allow(clippy::cast_possible_truncation)]

mod bad;
mod built;
mod cases;
mod crash;
mod faults;
mod forms;
mod lab;
mod model;
mod oracle;
mod runs;
mod scripts;
