//! Ranges that people type, as chunks of a bitmap.

use crate::error::{Error, Result};
use crate::format::bitmap::Coverage;
use crate::units::{Bytes, ChunkRun, Chunks, Range, SectorRange, Sectors};

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
