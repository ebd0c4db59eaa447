//! Bits cleared, with proof: of the chunks that are durable whole, page by page, in every copy.

use std::io;

use super::super::batch::Durable;
use super::{BitStore, by_page};
use crate::io::Engine;
use crate::units::{ChunkRun, Chunks, SectorRange};

/// Takes a page's number and what is to stand in it.
type Put<'a> = dyn FnMut(&mut dyn Engine, u64, &[u8]) -> io::Result<()> + 'a;

impl BitStore {
    /// Clears, in every copy, the bits of the chunks that lie in `durable` whole; gives how many of
    /// them were dirty. Durable when it returns.
    ///
    /// # Errors
    /// A copy cannot be read or written. Bits may then be clear in some copies only; they are those
    /// of chunks that agree.
    pub fn clear(
        &self,
        engine: &mut dyn Engine,
        durable: &Durable<Vec<SectorRange>>,
    ) -> io::Result<u64> {
        let runs = self.whole_chunks(durable.get());
        let cleared = self.cleared(engine, &runs, &mut |engine, page, bytes| {
            self.copies.iter().try_for_each(|copy| self.write_copy(engine, copy, page, bytes))
        })?;
        if !runs.is_empty() {
            self.flush(engine)?;
        }
        Ok(cleared)
    }

    /// How many dirty chunks lie whole in `ranges`.
    ///
    /// # Errors
    /// A copy cannot be read.
    pub fn dirty_in(&self, engine: &mut dyn Engine, ranges: &[SectorRange]) -> io::Result<u64> {
        self.cleared(engine, &self.whole_chunks(ranges), &mut |_, _, _| Ok(()))
    }

    /// Gives `put` each page that `runs` lie in, with their bits cleared; gives how many were set.
    fn cleared(
        &self,
        engine: &mut dyn Engine,
        runs: &[ChunkRun],
        put: &mut Put<'_>,
    ) -> io::Result<u64> {
        let (mut at, mut cleared) = (0, 0);
        while at < runs.len() {
            let page = runs[at].first.get() / self.page_chunks();
            let mut bytes = self.page(engine, page)?;
            let (bits, _, _) = self.extent(page);
            let before = self.form.count(&bytes, bits);
            at += self.clear_in_page(&mut bytes, page, &runs[at..]);
            cleared += before.saturating_sub(self.form.count(&bytes, bits));
            put(engine, page, &bytes)?;
        }
        Ok(cleared)
    }

    /// The chunks that lie whole in `ranges`, cut at page borders.
    fn whole_chunks(&self, ranges: &[SectorRange]) -> Vec<ChunkRun> {
        let within = |range| ChunkRun::within(range, self.chunk, self.size);
        let cut = |run| by_page(run, self.page_chunks());
        SectorRange::merged(ranges).into_iter().map(within).flat_map(cut).collect()
    }

    /// Clears the runs at the front of `runs` that lie in page `page`; gives how many they were.
    fn clear_in_page(&self, bytes: &mut [u8], page: u64, runs: &[ChunkRun]) -> usize {
        let base = Chunks::new(page * self.page_chunks());
        let inside = |run: &&ChunkRun| run.first.get() / self.page_chunks() == page;
        let here: Vec<_> = runs.iter().take_while(inside).collect();
        for run in &here {
            let first = run.first.saturating_sub(base);
            self.form.clear(bytes, ChunkRun { first, count: run.count });
        }
        here.len()
    }
}
