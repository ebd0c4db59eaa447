//! The offline resync engine: makes the members of a stopped array agree, following its bitmap.
//!
//! The way through: `load` reads superblocks and bitmap; [`crate::array::assemble`] says who is
//! current; [`plan`] decides, and gives its reason; [`batch`] is the pure state machine that turns
//! dirty chunks into reads, writes and flushes; `exec` carries its actions out; [`bits`] clears
//! what is proven durable; `replace` fills a missing member's slot; `finish` writes the superblocks in an order that a crash cannot spoil.
//! `docs/resync.md` tells the protocol step by step.

pub(crate) mod bad;
pub mod batch;
pub mod bits;
mod built;
pub mod care;
pub(crate) mod checkpoint;
pub(crate) mod compute;
mod due;
mod enough;
mod exec;
mod finish;
pub mod form;
mod history;
mod judge;
pub(crate) mod load;
pub mod observe;
pub(crate) mod open;
pub(crate) mod pace;
pub mod plan;
mod prepare;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod rehearse;
mod replace;
mod report;
mod run;
mod sample;
mod share;
mod slots;
pub(crate) mod trust;
pub mod volume;
mod work;

#[cfg(test)]
pub(crate) mod tests;

pub use built::{Built, Vouched};
pub use care::Care;
pub use exec::threads;
pub use observe::{Observer, Silent, Stats};
pub use plan::Decision;
pub use replace::Replacement;
pub use report::{BadBlocks, Lost, MemberReport, Outcome, Replaced, Report, Trouble, Unreadable};
pub use run::{MEMORY, ResyncOptions, Source, resync};
pub use volume::Volume;
