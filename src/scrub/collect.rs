//! Joins differences to ranges, counts them, and hands them out.
//!
//! The last range is held back, since the next difference may belong to it; so a range that goes on
//! from one batch to the next is told once.

use std::collections::BTreeMap;

use super::finding::{Finding, Sink};
use super::judge::{Difference, Verdict};
use super::report::Tally;
use super::scene::Scene;
use crate::error::{Error, Result};
use crate::io::Engine;
use crate::resync::bits::Lookup;
use crate::units::{Bytes, ChunkRun, SectorRange, Sectors, Slot};

/// What was found so far.
pub(super) struct Collector<'a> {
    scene: &'a Scene,
    sink: &'a mut dyn Sink,
    lookup: Lookup,
    held: Option<(Difference, Option<bool>)>,
    tally: Tally,
    by_slot: BTreeMap<Slot, Bytes>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(scene: &'a Scene, sink: &'a mut dyn Sink) -> Self {
        Self {
            scene,
            sink,
            lookup: Lookup::default(),
            held: None,
            tally: Tally::default(),
            by_slot: BTreeMap::new(),
        }
    }

    /// Takes the next difference in order.
    pub(super) fn take(&mut self, engine: &mut dyn Engine, difference: &Difference) -> Result<()> {
        let mut start = difference.range.start;
        while start < difference.range.end() {
            let (end, dirty) = self.stretch(engine, difference.range, start)?;
            let range = SectorRange { start, len: end.saturating_sub(start) };
            self.join(Difference { range, verdict: difference.verdict.clone() }, dirty);
            start = end;
        }
        Ok(())
    }

    /// Up to where the piece and the chunk of the bitmap go, and whether that is dirty.
    fn stretch(
        &mut self,
        engine: &mut dyn Engine,
        range: SectorRange,
        start: Sectors,
    ) -> Result<(Sectors, Option<bool>)> {
        let piece = self.scene.geometry.piece_len(start).max(Sectors::new(1));
        let end = range.end().min(start.saturating_add(piece));
        let Some(store) = &self.scene.store else { return Ok((end, None)) };
        let here = SectorRange { start, len: Sectors::new(1) };
        let chunk = ChunkRun::covering(here, store.chunk);
        let dirty = self.lookup.is_dirty(engine, store, chunk.first);
        let dirty = dirty.map_err(|error| Error::io("read the bits", &self.scene.bitmap, error))?;
        let limit = chunk.sectors(store.chunk, store.size).end();
        let end = if limit > start { end.min(limit) } else { end };
        Ok((end, Some(dirty)))
    }

    fn join(&mut self, next: Difference, dirty: Option<bool>) {
        if let Some((held, held_dirty)) = &mut self.held {
            let touches = held.range.end() == next.range.start;
            let same = held.verdict == next.verdict && *held_dirty == dirty;
            let within = held.range.len < self.scene.geometry.piece_len(held.range.start);
            if touches && same && within {
                held.range.len = held.range.len.saturating_add(next.range.len);
                return;
            }
        }
        let before = self.held.replace((next, dirty));
        self.tell(before);
    }

    fn tell(&mut self, found: Option<(Difference, Option<bool>)>) {
        let Some((Difference { range, verdict }, dirty)) = found else { return };
        self.count(range, &verdict, dirty);
        let parts = self.scene.parts(range.start);
        self.sink.found(&Finding { range, verdict, dirty, parts });
    }

    fn count(&mut self, range: SectorRange, verdict: &Verdict, dirty: Option<bool>) {
        let bytes = range.len.to_bytes().unwrap_or_default();
        let add = |sum: &mut Bytes| *sum = sum.saturating_add(bytes);
        self.tally.ranges += 1;
        add(&mut self.tally.bytes);
        if dirty == Some(true) {
            add(&mut self.tally.dirty);
        }
        if let Verdict::Members(slots) = verdict {
            add(&mut self.tally.located);
            slots.iter().for_each(|slot| add(self.by_slot.entry(*slot).or_default()));
        }
    }

    /// The last range, and the account.
    pub(super) fn finish(mut self) -> Tally {
        let last = self.held.take();
        self.tell(last);
        Tally { by_slot: self.by_slot.into_iter().collect(), ..self.tally }
    }
}
