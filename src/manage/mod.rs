//! Changing running arrays: what `mdadm --manage`, `--grow` and `--assemble` do, around the bitmap.
//!
//! Each command looks first (`target`), then decides purely, and only then acts; a dry run ends
//! before acting and reports the same steps. All report alike: steps, facts, notes.

pub mod members;
pub mod privilege;
pub mod report;
pub mod stop;
pub mod target;

pub use report::{Fact, FactValue, Report, Step};
pub use stop::stop;
pub use target::Target;
