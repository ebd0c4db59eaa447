//! Parts of an address space, as people type them: `4M-8M`, `4M+1M`, `100s-200s`, `chunk:5`,
//! `chunk:5-9`, `all`.
//!
//! Sizes end before their second number, like offsets in any program; chunks include it, as the
//! kernel counts them. A bare number is bytes.

use std::str::FromStr;

use super::{Bytes, Chunks, ParseSizeError, parse_size};

/// A part of an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// Everything.
    All,
    /// From the first byte up to, not including, the second.
    Bytes(Bytes, Bytes),
    /// From the first chunk up to and including the second.
    Chunks(Chunks, Chunks),
}

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// None of the forms.
    #[error("`{0}` is not a range: give START-END, START+LENGTH, chunk:N, chunk:FIRST-LAST or all")]
    NotARange(String),
    /// One of its ends.
    #[error(transparent)]
    Size(#[from] ParseSizeError),
    /// Nothing in it.
    #[error("`{0}` is empty or ends before it begins")]
    Empty(String),
}

impl FromStr for Range {
    type Err = RangeError;

    fn from_str(text: &str) -> std::result::Result<Self, RangeError> {
        let none = || RangeError::NotARange(text.to_owned());
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some(chunks) = text.strip_prefix("chunk:") {
            let (first, last) = chunks.split_once('-').unwrap_or((chunks, chunks));
            let number = |text: &str| {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse().ok().filter(|_| digits).map(Chunks::new).ok_or_else(none)
            };
            let (first, last) = (number(first)?, number(last)?);
            return match first <= last {
                true => Ok(Self::Chunks(first, last)),
                false => Err(RangeError::Empty(text.to_owned())),
            };
        }
        let (start, end) = match (text.split_once('-'), text.split_once('+')) {
            (Some((start, end)), None) => (parse_size(start, 1)?, parse_size(end, 1)?),
            (None, Some((start, length))) => {
                let (start, length) = (parse_size(start, 1)?, parse_size(length, 1)?);
                let too_large = || ParseSizeError::TooLarge(text.to_owned());
                (start, start.checked_add(length).ok_or_else(too_large)?)
            }
            _ => return Err(none()),
        };
        match start < end {
            true => Ok(Self::Bytes(start, end)),
            false => Err(RangeError::Empty(text.to_owned())),
        }
    }
}
