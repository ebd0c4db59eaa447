//! Single bits: asked for one after the other, and set.
//!
//! Setting a bit can only cost time, so it needs no proof; it is stable when it returns.

use std::io;

use super::{BitStore, Form, by_page};
use crate::format::bitmap::bits;
use crate::io::Engine;
use crate::units::{ChunkRun, Chunks};

/// Answers whether chunks are dirty; keeps the page it looked at last.
#[derive(Debug, Default)]
pub struct Lookup {
    page: Option<(u64, Vec<u8>)>,
}

impl Lookup {
    /// Whether the bit of `chunk` is set in any copy that is trusted.
    ///
    /// # Errors
    /// A copy cannot be read.
    pub fn is_dirty(
        &mut self,
        engine: &mut dyn Engine,
        store: &BitStore,
        chunk: Chunks,
    ) -> io::Result<bool> {
        let per = store.page_chunks();
        let (page, bit) = (chunk.get() / per, chunk.get() % per);
        if chunk >= store.chunks() {
            return Ok(false);
        }
        match &self.page {
            Some((held, bytes)) if *held == page => Ok(store.form.is_dirty(bytes, bit)),
            _ => {
                let bytes = store.page(engine, page)?;
                let set = store.form.is_dirty(&bytes, bit);
                self.page = Some((page, bytes));
                Ok(set)
            }
        }
    }
}

impl BitStore {
    /// Whether it has bits, which [`BitStore::set`] takes, and not states.
    #[must_use]
    pub fn has_bits(&self) -> bool {
        self.form == Form::Bits
    }

    /// Sets the bits of `runs` in every copy; gives how many of them were clear before in a copy
    /// that is trusted. Durable when it returns.
    ///
    /// # Errors
    /// A copy cannot be read or written.
    pub fn set(&self, engine: &mut dyn Engine, runs: &[ChunkRun]) -> io::Result<u64> {
        let within = |run: &ChunkRun| ChunkRun::between(run.first, run.end().min(self.chunks()));
        if !self.has_bits() {
            return Err(io::Error::other("only bits are set here, not states"));
        }
        let parts: Vec<ChunkRun> =
            runs.iter().map(within).flat_map(|run| by_page(run, self.page_chunks())).collect();
        let mut news = 0;
        for part in &parts {
            news += self.set_in_page(engine, *part)?;
        }
        if news > 0 {
            self.flush(engine)?;
        }
        Ok(news)
    }

    fn set_in_page(&self, engine: &mut dyn Engine, run: ChunkRun) -> io::Result<u64> {
        let page = run.first.get() / self.page_chunks();
        let first = run.first.saturating_sub(Chunks::new(page * self.page_chunks()));
        let mut news = 0;
        for copy in &self.copies {
            let mut bytes = self.read_copy(engine, copy, page)?;
            let before = bits::count_set(&bytes, self.extent(page).0);
            bits::set_run(&mut bytes, ChunkRun { first, count: run.count });
            let added = bits::count_set(&bytes, self.extent(page).0).saturating_sub(before);
            if added > 0 {
                self.write_copy(engine, copy, page, &bytes)?;
                news = news.max(added);
            }
        }
        Ok(news)
    }
}
