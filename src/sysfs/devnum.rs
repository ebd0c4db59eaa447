//! Device numbers, as sysfs and mountinfo write them.

use std::fmt;
use std::str::FromStr;

use nix::sys::stat::{major, minor};

/// Major and minor number of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevNum {
    /// Which driver.
    pub major: u64,
    /// Which of its devices.
    pub minor: u64,
}

impl DevNum {
    /// From `st_rdev` or `st_dev`.
    #[must_use]
    pub fn from_raw(raw: u64) -> Self {
        Self { major: major(raw), minor: minor(raw) }
    }
}

impl fmt::Display for DevNum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.major, self.minor)
    }
}

/// The text is no device number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a device number")]
pub struct ParseDevNumError;

impl FromStr for DevNum {
    type Err = ParseDevNumError;

    fn from_str(text: &str) -> Result<Self, ParseDevNumError> {
        let number = |part: &str| {
            let digits = part.bytes().all(|b| b.is_ascii_digit());
            part.parse().ok().filter(|_| digits)
        };
        let (major, minor) = text.trim_end().split_once(':').ok_or(ParseDevNumError)?;
        match (number(major), number(minor)) {
            (Some(major), Some(minor)) => Ok(Self { major, minor }),
            _ => Err(ParseDevNumError),
        }
    }
}
