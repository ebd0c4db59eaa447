//! When all members of an array were last compared: the kernel forgets it, so whoever starts a check
//! by the clock (the package's timer) leaves a file, and its time of change is the answer.

use std::path::Path;
use std::time::UNIX_EPOCH;

use super::Array;

/// Where those files are, named by the UUID of the array.
pub const DIRECTORY: &str = "/var/lib/mdbitmap/last-check";

/// Seconds since 1970; none where nobody left a file, or the array has no UUID.
#[must_use]
pub fn last_check(array: &Array, directory: &Path) -> Option<u64> {
    let name = uuid::Uuid::from_bytes(array.uuid?).hyphenated().to_string();
    let changed = directory.join(name).metadata().ok()?.modified().ok()?;
    changed.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs())
}
