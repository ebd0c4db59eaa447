//! Setting the bits of what differs, so that a resync makes exactly that equal.
//!
//! Only on an array that is complete: a bit that is set while somebody is away stays set, and with
//! parity a resync would then compute what is lost from what does not fit.

use std::path::PathBuf;

use super::judge::Difference;
use super::report::Bits;
use super::scene::Scene;
use crate::error::{Error, Result};
use crate::io::Engine;
use crate::resync::bits::{BitStore, Lookup};
use crate::units::ChunkRun;

/// Which bitmap is marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The members' own.
    Internal,
    /// One in a file or on a device of its own.
    File(PathBuf),
}

/// Marks, or only counts.
#[derive(Debug)]
pub(super) struct Marker<'a> {
    store: &'a BitStore,
    scene: &'a Scene,
    dry_run: bool,
    lookup: Lookup,
    last: Option<u64>,
    /// Bits that were clear before.
    pub(super) marked: u64,
}

impl<'a> Marker<'a> {
    /// # Errors
    /// Refused where a resync would not do what is marked, and nothing else.
    pub(super) fn new(scene: &'a Scene, dry_run: bool) -> Result<Self> {
        let Some(store) = &scene.store else {
            let error = match &scene.bits {
                Bits::Doubtful(why) => Error::refused(why.clone()),
                _ => Error::refused("the array has no bitmap to mark"),
            };
            return Err(error.hint("`mdbitmap resync --full` makes everything equal without one"));
        };
        if !store.has_bits() {
            let why = "a lockless bitmap has states instead of bits, and they are not set here";
            return Err(Error::refused(why).hint("`mdbitmap resync --full` makes everything equal"));
        }
        if !scene.is_complete() {
            let why = "nothing is marked while a member is missing or behind";
            return Err(Error::refused(why).hint("complete and resync the array first"));
        }
        Ok(Self { store, scene, dry_run, lookup: Lookup::default(), last: None, marked: 0 })
    }

    /// Marks the chunks of `differences`; stable when it returns.
    pub(super) fn mark(
        &mut self,
        engine: &mut dyn Engine,
        differences: &[Difference],
    ) -> Result<()> {
        let run = |difference: &Difference| ChunkRun::covering(difference.range, self.store.chunk);
        let runs: Vec<ChunkRun> = differences.iter().map(run).collect();
        let path = &self.scene.bitmap;
        if self.dry_run {
            return self.count(engine, &runs);
        }
        let set = self.store.set(engine, &runs);
        self.marked += set.map_err(|error| Error::io("set bits", path, error))?;
        Ok(())
    }

    /// Runs come in order, and neighbours may share a chunk.
    fn count(&mut self, engine: &mut dyn Engine, runs: &[ChunkRun]) -> Result<()> {
        for run in runs {
            for chunk in run.first.get()..run.end().get() {
                let known = self.last.is_some_and(|last| chunk <= last);
                let dirty =
                    self.lookup.is_dirty(engine, self.store, crate::units::Chunks::new(chunk));
                let dirty =
                    dirty.map_err(|error| Error::io("read the bits", &self.scene.bitmap, error))?;
                self.marked += u64::from(!known && !dirty);
                self.last = Some(self.last.map_or(chunk, |last| last.max(chunk)));
            }
        }
        Ok(())
    }
}
