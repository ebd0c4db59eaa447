//! Linux md write-intent bitmaps: the on-disk formats, the kernel's interface, and an engine that
//! resyncs a stopped array from its bitmap.
//!
//! `ARCHITECTURE.md` shows the rooms and who may import whom; `tests/architecture.rs` holds them
//! to it.

#![deny(rustdoc::broken_intra_doc_links)]

pub mod array;
pub mod commands;
pub mod demo;
pub mod edit;
pub mod error;
pub mod format;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod guard;
pub mod inspect;
pub mod io;
pub mod ioctl;
pub mod manage;
pub mod output;
pub mod parity;
pub mod places;
pub mod resync;
pub mod running;
pub mod scrub;
pub mod store;
pub mod sysfs;
pub mod units;
