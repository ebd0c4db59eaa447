//! A file that is, or may become, the bitmap of an array: found out about, then judged.
//!
//! The kernel takes the blocks of the file from its file system once, and from then on writes to
//! them behind it. What it cannot write so, what somebody else may write to, or what lies on the
//! array itself, is refused before the kernel is asked.

mod facts;
mod kernel;
mod rules;

pub use facts::{BitmapFile, BlockMap, FileFacts, FileKind};
pub use kernel::takes_none;
pub use rules::{Wanted, belongs, fit};
