//! What is due, batch by batch: the chunks whose bits are set, or everything.
//!
//! A batch begins and ends where every member can be read and written: their blocks may be larger
//! than a sector, and than a chunk of the bitmap.

use super::batch::Ended;
use super::bits::{BitStore, Cursor};
use super::checkpoint::Checkpoints;
use super::exec::Exec;
use super::prepare::Stable;
use super::run::ResyncOptions;
use crate::error::Result;
use crate::io::{DevId, Engine};
use crate::units::{Bytes, SECTOR_BYTES, SectorRange, Sectors};

/// Data copied between two flushes, at most: what is done again after a crash.
const BATCH: Sectors = Sectors::new(256 << 11);

/// The least of it. All batches are whole multiples: of any block, and of most chunks.
const LEAST: Sectors = Sectors::new(1 << 11);

/// How many seconds' worth is a batch, at the most, where there is a limit.
const SECONDS_A_BATCH: u64 = 2;

/// Where the dirty chunks come from.
pub(super) enum Source {
    Bits { store: BitStore, cursor: Cursor, batch: Sectors, unit: Sectors },
    Everything { next: Sectors, size: Sectors, kept: Option<Checkpoints>, batch: Sectors },
}

impl Source {
    /// What is due of the array; settled is only what lies on members that are `stable`.
    pub(super) fn new(
        store: Option<BitStore>,
        size: Sectors,
        unit: Sectors,
        options: &ResyncOptions,
        account: u64,
        _stable: Stable,
    ) -> Result<Self> {
        let batch = batch(options.limit);
        if let Some(store) = store {
            return Ok(Self::Bits { store, cursor: Cursor::default(), batch, unit });
        }
        let path = options.checkpoint.as_deref();
        let kept = path.map(|path| Checkpoints::open(path, account)).transpose()?;
        let next = kept.as_ref().map_or(Sectors::ZERO, Checkpoints::position).min(size);
        // Whoever wrote it may have counted in smaller steps.
        let next = Sectors::new(next.get() / LEAST.get() * LEAST.get());
        if let Some((built, path)) = options.build.as_ref().zip(path) {
            built.may_go_on(next, path)?;
        }
        Ok(Self::Everything { next, size, kept, batch })
    }

    /// What an earlier run has done.
    pub(super) fn position(&self) -> Bytes {
        match self {
            Self::Bits { .. } => Bytes::ZERO,
            Self::Everything { next, .. } => next.to_bytes().unwrap_or_default(),
        }
    }

    /// Nothing is left to go on with.
    pub(super) fn done(self) -> Result<()> {
        match self {
            Self::Everything { kept: Some(kept), .. } => kept.done(),
            _ => Ok(()),
        }
    }

    /// Keeps how far it got, as long as nothing was left out.
    pub(super) fn keep(&mut self, whole: bool) -> Result<()> {
        match self {
            Self::Everything { next, kept: Some(kept), .. } if whole => kept.advance(*next),
            _ => Ok(()),
        }
    }

    /// The next ranges to copy; `None` when there are no more.
    pub(super) fn next(
        &mut self,
        exec: &mut Exec<'_>,
    ) -> std::io::Result<Option<Vec<SectorRange>>> {
        match self {
            Self::Bits { store, cursor, batch, unit } => {
                store.next_ranges(exec.engine, cursor, *batch, *unit)
            }
            Self::Everything { next, size, batch, .. } => {
                let range =
                    SectorRange { start: *next, len: size.saturating_sub(*next).min(*batch) };
                *next = range.end();
                Ok((!range.len.is_zero()).then(|| vec![range]))
            }
        }
    }

    /// Settles what is durable: clears its bits if `clear`. Gives how many chunks that makes.
    pub(super) fn settle(
        &self,
        exec: &mut Exec<'_>,
        ended: &Ended,
        clear: bool,
    ) -> std::io::Result<u64> {
        match self {
            Self::Bits { store, .. } if clear => store.clear(exec.engine, &ended.durable),
            Self::Bits { store, .. } => store.dirty_in(exec.engine, ended.durable.get()),
            Self::Everything { .. } => Ok(0),
        }
    }
}

/// Under a low limit smaller batches, so that what was done counts soon.
pub(super) fn batch(limit: Option<Bytes>) -> Sectors {
    let share = limit.map(|limit| Bytes::new(limit.get().saturating_mul(SECONDS_A_BATCH)));
    let whole = |share: Sectors| Sectors::new(share.get() / LEAST.get() * LEAST.get());
    let share = share.map(|share| whole(share.to_sectors_floor()).max(LEAST));
    share.map_or(BATCH, |share| share.min(BATCH))
}

/// What can be read and written by itself on everybody: the largest block of them all.
pub(super) fn unit(engine: &dyn Engine, options: &ResyncOptions) -> Sectors {
    let all = options.members.len() + options.replace.len();
    let unit = (0..all).map(|member| engine.align(DevId(member))).max().unwrap_or(1);
    Sectors::new(unit.div_ceil(SECTOR_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::mem::MemEngine;
    use crate::resync::prepare::stable;

    #[test]
    fn batches_are_whole_blocks_and_chunks_whatever_the_limit() {
        let len = |kib: u64| batch(Some(Bytes::new(kib << 10))).get();
        for kib in [1, 511, 1001, 1024, 1600, 99_999, 1 << 40, u64::MAX >> 10] {
            assert!(len(kib).is_multiple_of(2048) && len(kib) > 0, "{kib}: {}", len(kib));
        }
        assert_eq!((len(1), len(1600), len(1 << 40)), (2048, 3 * 2048, BATCH.get()));
        assert_eq!(batch(None), BATCH);
    }

    #[test]
    fn a_checkpoint_between_two_blocks_is_gone_on_with_from_before() {
        let dir = tempfile::TempDir::new().unwrap();
        let path = dir.path().join("checkpoint");
        let options = ResyncOptions { checkpoint: Some(path.clone()), ..ResyncOptions::default() };
        let (size, unit) = (Sectors::new(1 << 20), Sectors::new(8));
        for (kept, next) in [(4004, 2048), (4096, 4096), (2047, 0), (1 << 30, 1 << 20)] {
            Checkpoints::open(&path, 1).unwrap().advance(Sectors::new(kept)).unwrap();
            // Nobody takes part.
            let stable = stable(&mut MemEngine::new(Vec::new()), &[]).unwrap();
            let source = Source::new(None, size, unit, &options, 1, stable).unwrap();
            assert_eq!(source.position(), Sectors::new(next).to_bytes().unwrap(), "{kept}");
        }
    }
}
