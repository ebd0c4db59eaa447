//! Comparing the members of a stopped array, finding the member that is wrong, and putting that
//! right.
//!
//! The way through: `scene` puts the array together as a resync does; `due` says what is to be
//! compared; `reader` keeps several reads under way and gives what they brought in order; [`judge`]
//! compares, and says who is wrong where that can be told, without any I/O; `collect` joins what it
//! finds to ranges and hands them out as they come, so that memory does not grow with what is
//! wrong. [`check`] ends there, but for bits that it may set; [`repair`] writes.

mod check;
mod collect;
mod due;
mod finding;
pub mod judge;
mod mark;
mod reader;
mod repair;
mod report;
mod scene;

#[cfg(test)]
mod tests;

pub use check::{CheckOptions, check};
pub use finding::{Finding, FindingPart, Sink};
pub use judge::Verdict;
pub use mark::Mark;
pub use repair::{RepairOptions, RepairReport, repair};
pub use report::{Bits, Head, Outcome, Report, Tally};
