//! The bits on disk: read page by page from every copy, cleared in every copy.
//!
//! A bit counts as set if any trusted copy has it set. Bits are cleared only with a proof
//! ([`Durable`](super::batch::Durable)), inwards, and in memory never more than one page at a time: a
//! bitmap of any size streams. Chunks may be smaller than what can be read and written by itself:
//! clean ones come along then. Whether they are bits or state bytes is [`Form`]'s matter; the nodes of
//! a cluster are copies.

use std::io;

use super::form::Form;
use crate::io::{DevId, Engine, flush, read_span, write_span};
use crate::units::{Bytes, ChunkRun, ChunkSize, Chunks, SectorRange, Sectors};

/// Bytes of bits looked at in one go.
const PAGE: u64 = 4096;

/// Pages one batch may touch: bounds what a flush pays for, and the memory of a batch.
const BATCH_PAGES: usize = 256;

/// How many dirty chunks are looked at together, where it is only looked: bounds their memory.
const LOOK: u64 = 1 << 16;

/// One copy of the bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// The device it lies on.
    pub dev: DevId,
    /// Where its bits begin on that device.
    pub bits_at: Bytes,
    /// Whether its bits count.
    pub trusted: bool,
}

/// All copies of one bitmap.
#[derive(Clone, Debug)]
pub struct BitStore {
    /// The copies; at least one.
    pub copies: Vec<Copy>,
    /// What one bit stands for.
    pub chunk: ChunkSize,
    /// Sectors that the bits cover.
    pub size: Sectors,
    /// Bits, or states.
    pub form: Form,
}

impl BitStore {
    /// How many bits there are.
    #[must_use]
    pub fn chunks(&self) -> Chunks {
        self.chunk.chunks_for(self.size)
    }

    const fn page_chunks(&self) -> u64 {
        self.form.chunks_in(PAGE)
    }

    fn pages(&self) -> u64 {
        self.chunks().get().div_ceil(self.page_chunks())
    }

    /// Bits in page `page`, and its place and length in bytes.
    fn extent(&self, page: u64) -> (u64, Bytes, usize) {
        let bits = (self.chunks().get() - page * self.page_chunks()).min(self.page_chunks());
        let len = usize::try_from(self.form.bytes_for(bits)).unwrap_or(0);
        (bits, Bytes::new(page * PAGE), len)
    }

    fn read_copy(&self, engine: &mut dyn Engine, copy: &Copy, page: u64) -> io::Result<Vec<u8>> {
        let (_, at, len) = self.extent(page);
        read_span(engine, copy.dev, copy.bits_at.saturating_add(at), len)
    }

    fn write_copy(
        &self,
        engine: &mut dyn Engine,
        copy: &Copy,
        page: u64,
        bytes: &[u8],
    ) -> io::Result<()> {
        let (_, at, _) = self.extent(page);
        write_span(engine, copy.dev, copy.bits_at.saturating_add(at), bytes)
    }

    /// The bits of page `page` as all trusted copies together have them.
    fn page(&self, engine: &mut dyn Engine, page: u64) -> io::Result<Vec<u8>> {
        let mut all: Option<Vec<u8>> = None;
        for copy in self.copies.iter().filter(|copy| copy.trusted) {
            let one = self.read_copy(engine, copy, page)?;
            match &mut all {
                Some(all) => self.form.unite(all, &one),
                None => all = Some(one),
            }
        }
        Ok(all.unwrap_or_else(|| self.form.all_dirty(self.extent(page).2)))
    }

    /// The first chunk that copy `other` shows to have been through what it cannot have been, by
    /// `odd`: given the byte that all trusted copies have, and its own.
    ///
    /// # Errors
    /// A copy cannot be read.
    pub(super) fn first_odd(
        &self,
        engine: &mut dyn Engine,
        other: &Copy,
        odd: fn(u8, u8) -> bool,
    ) -> io::Result<Option<Chunks>> {
        for page in 0..self.pages() {
            let all = self.page(engine, page)?;
            let own = self.read_copy(engine, other, page)?;
            if let Some(at) = all.iter().zip(own).position(|(all, own)| odd(*all, own)) {
                let first = self.form.chunks_in(page * PAGE + at as u64);
                return Ok(Some(Chunks::new(first)));
            }
        }
        Ok(None)
    }

    /// Counts the set bits.
    ///
    /// # Errors
    /// A copy cannot be read.
    pub fn count(&self, engine: &mut dyn Engine) -> io::Result<u64> {
        let mut count = 0;
        for page in 0..self.pages() {
            let bytes = self.page(engine, page)?;
            count += self.form.count(&bytes, self.extent(page).0);
        }
        Ok(count)
    }

    /// Whether the bit is set that stands for the sector `at`.
    ///
    /// # Errors
    /// A copy cannot be read.
    pub fn is_dirty(&self, engine: &mut dyn Engine, at: Sectors) -> io::Result<bool> {
        let chunk = at.get() / self.chunk.sectors().get();
        let bytes = self.page(engine, chunk / self.page_chunks())?;
        Ok(self.form.is_dirty(&bytes, chunk % self.page_chunks()))
    }

    /// The next ranges from `cursor` on, a bounded number; `None` at the end.
    ///
    /// # Errors
    /// A copy cannot be read.
    pub fn look(
        &self,
        engine: &mut dyn Engine,
        cursor: &mut Cursor,
        unit: Sectors,
    ) -> io::Result<Option<Vec<SectorRange>>> {
        let most = self.chunk.sectors().get().saturating_mul(LOOK);
        self.next_ranges(engine, cursor, Sectors::new(most), unit)
    }

    /// Makes every copy say what all trusted ones say together or, with `all_dirty`, that
    /// everything is dirty; then every copy is trusted. Durable when it returns.
    ///
    /// # Errors
    /// A copy that counts cannot be read, or one cannot be written.
    pub fn equalise(&mut self, engine: &mut dyn Engine, all_dirty: bool) -> io::Result<()> {
        for page in 0..self.pages() {
            let wanted = match all_dirty {
                true => self.form.all_dirty(self.extent(page).2),
                false => self.form.settled(self.page(engine, page)?),
            };
            for copy in &self.copies {
                let same = match self.read_copy(engine, copy, page) {
                    Ok(found) => found == wanted,
                    // What it says counts for nothing, and to be written may be what mends it.
                    Err(_) if !copy.trusted => false,
                    Err(error) => return Err(error),
                };
                if !same {
                    self.write_copy(engine, copy, page, &wanted)?;
                }
            }
        }
        self.copies.iter_mut().for_each(|copy| copy.trusted = true);
        self.flush(engine)
    }

    /// The next runs of set bits from `cursor` on, up to about `limit` sectors of data; `None` at
    /// the end.
    ///
    /// # Errors
    /// A copy cannot be read.
    pub fn next_runs(
        &self,
        engine: &mut dyn Engine,
        cursor: &mut Cursor,
        limit: Sectors,
    ) -> io::Result<Option<Vec<ChunkRun>>> {
        let mut batch = Gather::new(self.form, limit.get() / self.chunk.sectors().get());
        while cursor.next < self.chunks() && !batch.is_full() {
            let page = cursor.next.get() / self.page_chunks();
            let bytes = self.page(engine, page)?;
            let first = Chunks::new(page * self.page_chunks());
            cursor.next = batch.take(&bytes, first, cursor.next, self.extent(page).0);
        }
        Ok((!batch.runs.is_empty()).then_some(batch.runs))
    }

    /// The same as ranges of whole `unit`s, as the kernel goes by pages: clean chunks between dirty
    /// ones are the same on all members already. No range is met twice.
    ///
    /// # Errors
    /// A copy cannot be read.
    pub fn next_ranges(
        &self,
        engine: &mut dyn Engine,
        cursor: &mut Cursor,
        limit: Sectors,
        unit: Sectors,
    ) -> io::Result<Option<Vec<SectorRange>>> {
        let Some(runs) = self.next_runs(engine, cursor, limit)? else { return Ok(None) };
        let sectors = |run: &ChunkRun| run.sectors(self.chunk, self.size);
        let mut ranges: Vec<SectorRange> = runs.iter().map(sectors).collect();
        if self.chunk.sectors() < unit {
            ranges = ranges.iter().map(|range| self.rounded(range, unit)).collect();
            ranges = SectorRange::merged(&ranges);
            let end = ranges.last().map_or(Sectors::ZERO, SectorRange::end);
            cursor.next = cursor.next.max(self.chunk.chunks_for(end));
        }
        Ok(Some(ranges))
    }

    /// `range` as whole `unit`s.
    fn rounded(&self, range: &SectorRange, unit: Sectors) -> SectorRange {
        let unit = unit.get();
        let start = range.start.get() / unit * unit;
        let end = range.end().get().checked_next_multiple_of(unit).unwrap_or(u64::MAX);
        let end = end.min(self.size.get());
        SectorRange { start: Sectors::new(start), len: Sectors::new(end.saturating_sub(start)) }
    }

    fn flush(&self, engine: &mut dyn Engine) -> io::Result<()> {
        let mut devices: Vec<_> = self.copies.iter().map(|copy| copy.dev).collect();
        devices.sort_unstable();
        devices.dedup();
        devices.into_iter().try_for_each(|dev| flush(engine, dev))
    }
}

/// How far a walk over the bits got.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cursor {
    next: Chunks,
}

impl Cursor {
    /// A walk that begins with `chunk`.
    #[must_use]
    pub fn at(chunk: Chunks) -> Self {
        Self { next: chunk }
    }
}

/// Runs gathered for a batch, bounded in chunks and in pages.
struct Gather {
    form: Form,
    runs: Vec<ChunkRun>,
    left: u64,
    pages: usize,
}

impl Gather {
    fn new(form: Form, chunks: u64) -> Self {
        Self { form, runs: Vec::new(), left: chunks.max(1), pages: 0 }
    }

    fn is_full(&self) -> bool {
        self.left == 0 || self.pages >= BATCH_PAGES
    }

    /// Takes the set bits of a page from chunk `from` on; gives the chunk to go on with.
    fn take(&mut self, bytes: &[u8], first: Chunks, from: Chunks, bits: u64) -> Chunks {
        let end = first.saturating_add(Chunks::new(bits));
        let mut chunk = from;
        let mut any = false;
        while chunk < end && self.left > 0 {
            let at = chunk.get() - first.get();
            let run = self.form.run_at(bytes, at, bits, self.left);
            if run.dirty {
                any = true;
                self.left -= run.len;
                self.push(ChunkRun { first: chunk, count: Chunks::new(run.len) });
            }
            chunk = chunk.saturating_add(Chunks::new(run.len));
        }
        self.pages += usize::from(any);
        chunk
    }

    /// Adds a run, joined to the one before where they touch: chunks across a page border.
    fn push(&mut self, run: ChunkRun) {
        match self.runs.last_mut() {
            Some(last) if last.end() == run.first => {
                last.count = last.count.saturating_add(run.count);
            }
            _ => self.runs.push(run),
        }
    }
}

/// The run, cut where a page of so many chunks ends.
fn by_page(run: ChunkRun, page: u64) -> Vec<ChunkRun> {
    let mut parts = Vec::new();
    let mut first = run.first;
    while first < run.end() {
        let border = Chunks::new((first.get() / page + 1) * page);
        parts.push(ChunkRun::between(first, run.end().min(border)));
        first = border;
    }
    parts
}

mod clear;
mod lookup;
pub use lookup::Lookup;

#[cfg(test)]
mod tests;
