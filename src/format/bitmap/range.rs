//! Ranges that people type, as chunks of a bitmap. Whoever sets bits rounds outwards, whoever clears
//! them inwards.

use super::Coverage;
use crate::error::{Error, Result};
use crate::units::{Bytes, ChunkRun, Chunks, Range, SectorRange, Sectors};

/// Which chunks a range means that covers them in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// Every chunk that it touches: for setting bits.
    Outward,
    /// Only the chunks that lie in it whole: for clearing.
    Inward,
}

/// The chunks of `ranges`, in order, each once; with [`Rounding::Inward`] perhaps none.
///
/// # Errors
/// Usage: one lies beyond the end of what the bits cover.
pub fn merge(ranges: &[Range], coverage: &Coverage, rounding: Rounding) -> Result<Vec<ChunkRun>> {
    let mut runs = Vec::new();
    for range in ranges {
        runs.push(run(*range, coverage, rounding)?);
    }
    runs.retain(|run| !run.count.is_zero());
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

fn run(range: Range, coverage: &Coverage, rounding: Rounding) -> Result<ChunkRun> {
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
            let (floor, up) = (Bytes::to_sectors_floor, |at: Bytes| at.get().div_ceil(512));
            Ok(match rounding {
                Rounding::Outward => {
                    let sectors = between(floor(start), Sectors::new(up(end)));
                    ChunkRun::covering(sectors, coverage.chunk)
                }
                Rounding::Inward => {
                    let sectors = between(Sectors::new(up(start)), floor(end));
                    ChunkRun::within(sectors, coverage.chunk, coverage.size)
                }
            })
        }
    }
}

fn between(start: Sectors, end: Sectors) -> SectorRange {
    SectorRange { start, len: end.saturating_sub(start) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::bitmap::BitmapVersion;
    use crate::units::ChunkSize;

    #[test]
    fn clearing_rounds_inwards_and_setting_outwards() {
        // A hundred chunks of 64 KiB, the last of them a sector.
        let (version, chunk) = (BitmapVersion::Classic4, ChunkSize::from_bytes(65536).unwrap());
        let coverage = Coverage { version, chunk, size: Sectors::new(99 * 128 + 1) };
        let chunks = |text: &str, rounding| {
            let runs = merge(&[text.parse().unwrap()], &coverage, rounding).unwrap();
            runs.iter().map(|run| (run.first.get(), run.end().get())).collect::<Vec<_>>()
        };
        for (text, outward, inward) in [
            ("0-1", vec![(0, 1)], vec![]),
            ("1-131072", vec![(0, 2)], vec![(1, 2)]),
            ("65535-131073", vec![(0, 3)], vec![(1, 2)]),
            ("64K-12673s", vec![(1, 100)], vec![(1, 100)]),
            ("64K-12672s", vec![(1, 99)], vec![(1, 99)]),
            ("1-512", vec![(0, 1)], vec![]),
            ("chunk:3-4", vec![(3, 5)], vec![(3, 5)]),
            ("all", vec![(0, 100)], vec![(0, 100)]),
        ] {
            assert_eq!(chunks(text, Rounding::Outward), outward, "{text}");
            assert_eq!(chunks(text, Rounding::Inward), inward, "{text}");
        }
    }
}
