//! What is due, batch by batch: the chunks whose bits are set, or everything.

use super::batch::Ended;
use super::bits::{BitStore, Cursor};
use super::checkpoint::Checkpoints;
use super::exec::Exec;
use super::prepare::Stable;
use super::run::ResyncOptions;
use crate::error::Result;
use crate::units::{Bytes, SectorRange, Sectors};

/// Data copied between two flushes, at most: what is done again after a crash.
const BATCH: Sectors = Sectors::new(256 << 11);

/// The least of it.
const LEAST: Sectors = Sectors::new(1 << 11);

/// How many seconds' worth is a batch, at the most, where there is a limit.
const SECONDS_A_BATCH: u64 = 2;

/// Where the dirty chunks come from.
pub(super) enum Source {
    Bits { store: BitStore, cursor: Cursor, batch: Sectors },
    Everything { next: Sectors, size: Sectors, kept: Option<Checkpoints>, batch: Sectors },
}

impl Source {
    /// What is due of the array; settled is only what lies on members that are `stable`.
    pub(super) fn new(
        store: Option<BitStore>,
        size: Sectors,
        options: &ResyncOptions,
        account: u64,
        _stable: Stable,
    ) -> Result<Self> {
        let batch = batch(options.limit);
        if let Some(store) = store {
            return Ok(Self::Bits { store, cursor: Cursor::default(), batch });
        }
        let path = options.checkpoint.as_deref();
        let kept = path.map(|path| Checkpoints::open(path, account)).transpose()?;
        let next = kept.as_ref().map_or(Sectors::ZERO, Checkpoints::position).min(size);
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
            Self::Bits { store, cursor, batch } => store.next_ranges(exec.engine, cursor, *batch),
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
            Self::Bits { store, .. } => Ok(store.whole(ended.durable.get())),
            Self::Everything { .. } => Ok(0),
        }
    }
}

/// Under a low limit smaller batches, so that what was done counts soon.
pub(super) fn batch(limit: Option<Bytes>) -> Sectors {
    let share = limit.map(|limit| Bytes::new(limit.get().saturating_mul(SECONDS_A_BATCH)));
    let share = share.map(|share| share.to_sectors_floor().max(LEAST));
    share.map_or(BATCH, |share| share.min(BATCH))
}
