//! Running md arrays, as their driver tells about them.

use std::fs::File;
use std::path::Path;

use nix::errno::Errno;

pub use super::raw::ArrayInfo;

use super::raw;
use crate::error::{Error, Result};

impl ArrayInfo {
    /// Whether the array keeps superblocks on its members; `mdadm --build` makes one that does not.
    #[must_use]
    pub fn is_persistent(&self) -> bool {
        self.not_persistent == 0
    }
}

/// What the driver says of the array that `array` is open on; `path` is for the message.
///
/// # Errors
/// It is no md device, or no array is assembled there.
pub fn array_info(array: &File, path: &Path) -> Result<ArrayInfo> {
    raw::array_info(array).map_err(|errno| {
        let error = Error::io("ask the md driver about it", path, errno.into());
        match errno {
            Errno::ENODEV => error.hint("no array is assembled there; name one of its members"),
            Errno::ENOTTY | Errno::EINVAL => error.hint("it is no md array"),
            Errno::EACCES | Errno::EPERM => error.hint("only root may ask; run it as root"),
            _ => error,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_array_is_told_in_words() {
        let null = File::open("/dev/null").unwrap();
        let error = array_info(&null, Path::new("/dev/null")).unwrap_err().to_string();
        assert!(error.starts_with("/dev/null: cannot ask the md driver about it: "), "{error}");
        assert!(error.ends_with("it is no md array"), "{error}");
    }
}
