//! Changing running arrays: what `mdadm --manage`, `--grow` and `--assemble` do, around the bitmap.
//!
//! Each command looks first (`target`), then decides purely, and only then acts; a dry run ends
//! before acting and reports the same steps. All report alike: steps, facts, notes. Who gives an array
//! a bitmap, takes it away or assembles it is alone at it (`lock`).

pub mod assemble;
pub mod attach;
pub mod bitmap_file;
pub mod detach;
pub mod dirty;
pub mod internal;
mod lock;
pub mod members;
mod patience;
pub mod privilege;
pub mod report;
pub mod rules;
pub mod stop;
pub mod target;
pub mod tune;

pub use assemble::{AssembleOptions, assemble};
pub use attach::{AttachOptions, attach};
pub use detach::{DetachOptions, detach};
pub use dirty::dirty;
pub use internal::InternalOptions;
pub use report::{Fact, FactValue, Report, Step};
pub use stop::stop;
pub use target::Target;
pub use tune::{TuneOptions, tune};
