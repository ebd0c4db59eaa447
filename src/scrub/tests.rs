//! Comparing and repairing arrays in memory: what is found, who is blamed, what a power cut leaves.

// Small numbers by construction.
#![allow(clippy::cast_possible_truncation)]

mod crash;
mod find;
mod lab;
