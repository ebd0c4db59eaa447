//! Whether a file or device may be touched: is it in use, and does it carry something?
//!
//! [`usage_of`] lists every reason not to; an empty list is a yes at that moment only, so whoever
//! writes also holds [`open_exclusive`], which closes the gap. Gathering (`facts`) does the
//! system calls, deciding (`reasons`, `signature`) is pure.

mod coherent;
mod entry;
mod exclusive;
mod facts;
mod members;
mod patience;
mod reasons;
mod running;
pub mod signature;

use std::path::Path;

use crate::error::Result;
pub use crate::sysfs::System;
pub use coherent::{drop_pages, refresh};
pub use entry::Entry;
pub use exclusive::{no_foreign_links, open_exclusive, shared};
pub use members::{array_running, cluster_lockspace, superblock_of, superblock_on_disk};
pub use reasons::InUse;
pub use running::{Running, is_on_array, running_array};

/// Every reason why `path`, a block device or a regular file, is in use.
///
/// Ask before [`open_exclusive`]: our own exclusive open or lock counts like anybody else's.
///
/// # Errors
/// It cannot be looked at: missing, neither file nor device, sysfs unreadable.
pub fn usage_of(path: &Path, system: &System) -> Result<Vec<InUse>> {
    facts::gather(path, system).map(|facts| reasons::reasons(&facts))
}

/// `reasons` in one line, for a message.
#[must_use]
pub fn sentence(reasons: &[InUse]) -> String {
    reasons.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
