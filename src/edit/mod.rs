//! Editing bitmaps at rest: bits set and cleared, bitmaps combined, dumped, moved.
//!
//! Two kinds of commands live here. Those that make something new read their sources and write a
//! file that is there whole or not at all (`store::create`). Those that change in place open
//! exclusively, and keep to one law: whatever a power cut leaves is what was there, what was meant,
//! or has more bits set than both.

pub mod algebra;
pub mod convert;
#[cfg(test)]
mod crash;
pub mod dump;
pub mod estimate;
mod operand;
pub mod place;
pub mod repair;
pub mod report;
pub mod sweep;
mod target;

pub use algebra::{Allow, Operation, diff, make};
pub use convert::{ConvertOptions, to_file, to_internal};
pub use dump::{Dump, restore, verify};
pub use place::{Change, ChangeOptions, NewUuid, change, set_uuid};
pub use repair::{RepairOptions, repair};
pub use report::Report;
