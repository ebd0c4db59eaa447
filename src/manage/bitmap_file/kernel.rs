//! Kernels that take no bitmap file, whichever it is.

use crate::error::{Error, Kind};

/// The error of a kernel that takes none; `new` where its arrays have `bitmap_type`, as they do
/// since 6.18. What works instead is for the caller to say.
#[must_use]
pub fn takes_none(new: bool) -> Error {
    let why = match new {
        true => {
            "since Linux 6.18 the kernel refuses every bitmap file with EINVAL: its bitmap driver \
             is set up only while an array with an internal bitmap starts"
        }
        false => "this kernel was built without bitmap files (CONFIG_MD_BITMAP_FILE)",
    };
    Error::new(Kind::Io, "this kernel takes no bitmap files").hint(format!("{why}. What works:"))
}
