//! What is to be compared: everything, some ranges, the dirty chunks, or the dirty chunks of some
//! ranges; batch by batch, from any address on.

use super::judge::BLOCK;
use super::report::Bits;
use super::scene::Scene;
use crate::error::{Error, Result};
use crate::io::Engine;
use crate::resync::bits::{BitStore, Cursor};
use crate::units::{Bytes, ChunkRun, Range, SectorRange, Sectors};

/// What is due.
#[derive(Debug)]
pub(super) struct Due {
    asked: Vec<SectorRange>,
    dirty_only: bool,
    batch: Sectors,
}

impl Due {
    /// Settles what `ranges` mean on this array; without any it is everything.
    pub(super) fn new(
        scene: &Scene,
        ranges: &[Range],
        dirty_only: bool,
        batch: Sectors,
    ) -> Result<Self> {
        if dirty_only && scene.store.is_none() {
            return Err(no_bits(scene));
        }
        let all = [Range::All];
        let ranges = if ranges.is_empty() { &all } else { ranges };
        let asked =
            ranges.iter().map(|range| sectors(scene, *range)).collect::<Result<Vec<_>>>()?;
        let asked = merged(asked, scene.geometry.covered());
        Ok(Self { asked, dirty_only, batch })
    }

    /// The ranges of the next batch, from `from` on; none when there are no more.
    pub(super) fn next(
        &self,
        engine: &mut dyn Engine,
        scene: &Scene,
        from: Sectors,
    ) -> Result<Option<Vec<SectorRange>>> {
        let Some(store) = scene.store.as_ref().filter(|_| self.dirty_only) else {
            let ranges = first(&after(&self.asked, from), self.batch);
            return Ok((!ranges.is_empty()).then_some(ranges));
        };
        let mut from = from;
        loop {
            let Some(dirty) = dirty(engine, scene, store, from, self.batch)? else {
                return Ok(None);
            };
            let both = common(&after(&dirty, from), &self.asked);
            if !both.is_empty() {
                return Ok(Some(both));
            }
            // A last chunk in part ends before the address that a whole one would end at: asked for
            // what lies behind the array, the bits go on telling of it.
            let end = dirty.last().map_or(from, SectorRange::end);
            if end <= from {
                return Ok(None);
            }
            from = end;
        }
    }

    /// How much is due from `from` on.
    pub(super) fn total(
        &self,
        engine: &mut dyn Engine,
        scene: &Scene,
        from: Sectors,
    ) -> Result<Bytes> {
        let sum = |ranges: &[SectorRange]| {
            ranges.iter().map(|range| range.len).fold(Sectors::ZERO, Sectors::saturating_add)
        };
        if !self.dirty_only {
            return Ok(sum(&after(&self.asked, from)).to_bytes().unwrap_or_default());
        }
        let (mut total, mut from) = (Sectors::ZERO, from);
        while let Some(ranges) = self.next(engine, scene, from)? {
            total = total.saturating_add(sum(&ranges));
            from = ranges.last().map_or(from, SectorRange::end);
        }
        Ok(total.to_bytes().unwrap_or_default())
    }

    /// What a checkpoint depends on.
    pub(super) fn account(&self) -> String {
        format!("{:?} {}", self.asked, self.dirty_only)
    }
}

fn no_bits(scene: &Scene) -> Error {
    let what = match &scene.bits {
        Bits::Doubtful(why) => return Error::refused(why.clone()),
        _ => "the array has no bitmap that could tell what is dirty",
    };
    Error::refused(what).hint("give it with --bitmap PATH if it is in a file")
}

/// Dirty ranges that end behind `from`, in whole blocks; none when there are no more.
fn dirty(
    engine: &mut dyn Engine,
    scene: &Scene,
    store: &BitStore,
    from: Sectors,
    batch: Sectors,
) -> Result<Option<Vec<SectorRange>>> {
    let chunk = ChunkRun::covering(SectorRange { start: from, len: Sectors::new(1) }, store.chunk);
    let mut cursor = Cursor::at(chunk.first);
    let runs = store.next_runs(engine, &mut cursor, batch);
    let runs = runs.map_err(|error| Error::io("read the bits", &scene.bitmap, error))?;
    let sectors = |run: &ChunkRun| run.sectors(store.chunk, store.size);
    Ok(runs.map(|runs| merged(runs.iter().map(sectors).collect(), scene.geometry.covered())))
}

fn sectors(scene: &Scene, range: Range) -> Result<SectorRange> {
    let covered = scene.geometry.covered();
    let beyond = |what: String| {
        let bytes = covered.to_bytes().unwrap_or_default().get();
        Error::usage(what).hint(format!("there are {bytes} bytes; a range may end there"))
    };
    match range {
        Range::All => Ok(SectorRange { start: Sectors::ZERO, len: covered }),
        Range::Bytes(start, end) => {
            let last = Sectors::new(end.get().div_ceil(crate::units::SECTOR_BYTES));
            let first = start.to_sectors_floor();
            match last > covered {
                true => Err(beyond(format!("byte {} is beyond the end", end.get()))),
                false => Ok(SectorRange { start: first, len: last.saturating_sub(first) }),
            }
        }
        Range::Chunks(first, last) => {
            let store = scene.store.as_ref().ok_or_else(|| {
                Error::usage("chunk: there is no bitmap whose chunks could be meant")
            })?;
            if last >= store.chunks() {
                let most = store.chunks().get().saturating_sub(1);
                let what = format!("chunk {} is beyond the end", last.get());
                return Err(Error::usage(what).hint(format!("{most} is the last chunk")));
            }
            let end = last.saturating_add(crate::units::Chunks::new(1));
            Ok(ChunkRun::between(first, end).sectors(store.chunk, store.size))
        }
    }
}

/// In order, in whole blocks, what touches made one; nothing behind `covered`.
fn merged(mut ranges: Vec<SectorRange>, covered: Sectors) -> Vec<SectorRange> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<SectorRange> = Vec::new();
    for range in ranges {
        let start = range.start.get() - range.start.get() % BLOCK.get();
        let end = range.end().get().div_ceil(BLOCK.get()).saturating_mul(BLOCK.get());
        let (start, end) = (Sectors::new(start), Sectors::new(end).min(covered));
        match joined.last_mut() {
            Some(last) if start <= last.end() => {
                last.len = last.end().max(end).saturating_sub(last.start);
            }
            _ if start < end => joined.push(SectorRange { start, len: end.saturating_sub(start) }),
            _ => {}
        }
    }
    joined
}

/// What lies behind `from`.
fn after(ranges: &[SectorRange], from: Sectors) -> Vec<SectorRange> {
    let rest = |range: &SectorRange| {
        let start = range.start.max(from);
        let len = range.end().saturating_sub(start);
        (!len.is_zero()).then_some(SectorRange { start, len })
    };
    ranges.iter().filter_map(rest).collect()
}

/// The first `most` of it.
fn first(ranges: &[SectorRange], most: Sectors) -> Vec<SectorRange> {
    let mut left = most;
    let mut taken = Vec::new();
    for range in ranges {
        let len = range.len.min(left);
        if len.is_zero() {
            break;
        }
        taken.push(SectorRange { start: range.start, len });
        left = left.saturating_sub(len);
    }
    taken
}

/// What lies in both; both are in order.
fn common(one: &[SectorRange], other: &[SectorRange]) -> Vec<SectorRange> {
    let mut both = Vec::new();
    for range in one {
        for limit in other.iter().filter(|limit| limit.overlaps(range)) {
            let start = range.start.max(limit.start);
            let end = range.end().min(limit.end());
            both.push(SectorRange { start, len: end.saturating_sub(start) });
        }
    }
    both
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(of: &[(u64, u64)]) -> Vec<SectorRange> {
        let range = |(start, end): &(u64, u64)| SectorRange {
            start: Sectors::new(*start),
            len: Sectors::new(end - start),
        };
        of.iter().map(range).collect()
    }

    #[test]
    fn ranges_are_whole_blocks_in_order_and_end_where_the_array_does() {
        let covered = Sectors::new(101);
        assert_eq!(
            merged(ranges(&[(95, 101), (1, 2), (3, 9), (40, 48)]), covered),
            ranges(&[(0, 16), (40, 48), (88, 101)])
        );
        assert_eq!(merged(ranges(&[(101, 200)]), covered), ranges(&[(96, 101)]));
        assert_eq!(merged(ranges(&[(104, 200)]), covered), []);
    }

    #[test]
    fn a_batch_is_what_comes_next_and_no_more_than_it_may_be() {
        let all = ranges(&[(0, 16), (40, 48), (88, 101)]);
        assert_eq!(after(&all, Sectors::new(44)), ranges(&[(44, 48), (88, 101)]));
        assert_eq!(first(&all, Sectors::new(20)), ranges(&[(0, 16), (40, 44)]));
        assert_eq!(first(&[], Sectors::new(20)), []);
        assert_eq!(
            common(&all, &ranges(&[(8, 42), (46, 90)])),
            ranges(&[(8, 16), (40, 42), (46, 48), (88, 90)])
        );
    }
}
