//! What to mark, as people type it: `4M-8M`, `4M+1M`, `100s-200s`, `chunk:5`, `chunk:5-9`, `all`.
//!
//! Sizes end before their second number, like offsets in any program; chunks include it, as the
//! kernel counts them. A bare number is bytes.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::format::bitmap::Coverage;
use crate::units::{Bytes, ChunkRun, Chunks, ParseSizeError, SectorRange, Sectors, parse_size};

/// Something to mark.
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

/// The chunks that `ranges` touch, in order, each once.
///
/// # Errors
/// Usage: one lies beyond the end of what the bits cover.
pub(super) fn merge(ranges: &[Range], coverage: &Coverage) -> Result<Vec<ChunkRun>> {
    let mut runs = Vec::new();
    for range in ranges {
        runs.push(run(*range, coverage)?);
    }
    runs.sort_by_key(|run| run.first);
    let mut merged: Vec<ChunkRun> = Vec::new();
    for run in runs {
        match merged.last_mut() {
            Some(last) if run.first <= last.end() => {
                *last = ChunkRun::between(last.first, last.end().max(run.end()));
            }
            _ => merged.push(run),
        }
    }
    Ok(merged)
}

fn run(range: Range, coverage: &Coverage) -> Result<ChunkRun> {
    let total = coverage.chunks();
    match range {
        Range::All => Ok(ChunkRun::between(Chunks::ZERO, total)),
        Range::Chunks(first, last) if last < total => {
            Ok(ChunkRun::between(first, Chunks::new(last.get() + 1)))
        }
        Range::Chunks(_, last) => {
            let why = format!("chunk {} is beyond the end", last.get());
            let most = total.get().saturating_sub(1);
            Err(Error::usage(why).hint(format!("{most} is the last chunk")))
        }
        Range::Bytes(start, end) => {
            let size = coverage.size.to_bytes().unwrap_or(Bytes::new(u64::MAX));
            if end > size {
                let why = format!("byte {} is beyond the end", end.get());
                return Err(Error::usage(why)
                    .hint(format!("the bits cover {} bytes; a range may end there", size.get())));
            }
            let first = start.to_sectors_floor();
            let last = Sectors::new(end.get().div_ceil(512));
            let range = SectorRange { start: first, len: last.saturating_sub(first) };
            Ok(ChunkRun::covering(range, coverage.chunk))
        }
    }
}
