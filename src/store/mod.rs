//! Bitmaps at rest: in a file, on a block device, or inside a member of an array.
//!
//! Here bytes are fetched and what is found is put together to a report; what the bytes mean is
//! `format`'s business. Everything is read in blocks of constant size, so that a bitmap of any size
//! costs a few MiB of memory.

pub mod bitmap;
pub mod create;
pub mod locate;
mod looks;
pub mod member;
pub mod pull;
pub mod reader;
pub mod source;
pub mod survey;

pub use bitmap::{BitmapAtRest, NodeReport, Report};
pub use create::{CreateOptions, Created, create};
pub use locate::{Located, Location, MemberOf};
pub use member::{Broken, MemberAtRest};
pub use pull::Pull;
pub use source::Source;
pub use survey::Survey;
