//! The engine on devices in memory: what a run does, and what a power cut leaves of it.

mod crash;
mod lab;
mod runs;
