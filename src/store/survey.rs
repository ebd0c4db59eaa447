//! Goes through all bits of a bitmap once: counts the dirty chunks, and tells their runs to whoever
//! wants to know.
//!
//! A clustered bitmap is one bitmap per node over the same chunks; a chunk is dirty when any node
//! says so. What cannot be read, or is cut off, is dirty: nobody knows better.

use std::sync::atomic::{AtomicBool, Ordering};

use super::reader::{ReadAt, Reader, Trouble};
use crate::error::{Error, Kind, Result};
use crate::format::bitmap::{BitScanner, BitmapVersion, Coverage, bits};
use crate::format::llbitmap::{ChunkState, StateCounts, StateScanner};
use crate::units::{Bytes, ChunkRun, Chunks};

/// What a bitmap says, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Chunks there are.
    pub total: Chunks,
    /// Chunks that are dirty; by any node, when clustered.
    pub dirty: Chunks,
    /// Chunks that are dirty, by node; one entry when there are no nodes.
    pub by_node: Vec<Chunks>,
    /// Chunks by state, in a lockless bitmap.
    pub states: Option<StateCounts>,
    /// What could not be read.
    pub trouble: Trouble,
}

/// Where to look, and when to give up.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// What the bits stand for.
    pub coverage: Coverage,
    /// Where each bitmap starts in the source: one, or one for each node.
    pub starts: &'a [Bytes],
    /// Raised when somebody wants it to stop.
    pub stop: &'a AtomicBool,
}

/// Who wants to hear of dirty runs, if anyone.
type Found<'a, 'b> = Option<&'a mut (dyn FnMut(ChunkRun) + 'b)>;

fn reborrow<'a, 'b>(found: &'a mut Found<'_, 'b>) -> Found<'a, 'b> {
    match found {
        Some(found) => Some(&mut **found),
        None => None,
    }
}

/// Goes through the bits of `task` in `source`; maximal runs of dirty chunks go to `found`.
///
/// # Errors
/// Only that somebody asked to stop.
pub fn survey(source: &dyn ReadAt, task: Task<'_>, found: Found<'_, '_>) -> Result<Survey> {
    match task.coverage.version {
        BitmapVersion::Lockless6 => Walk::new(source, task, States::new(task)).run(found),
        _ => Walk::new(source, task, Bits::new(task)).run(found),
    }
}

/// What differs between bits and state bytes.
trait Form {
    /// What stands in for bytes that cannot be read.
    const FILLER: u8;

    /// Bytes the chunks take.
    fn bytes(&self) -> u64;

    /// Dirty chunks in `block`, which is `left` chunks before the end.
    fn count(&mut self, block: &[u8], left: u64) -> u64;

    /// Chunks that a number of bytes hold.
    fn chunks_in(bytes: u64) -> u64;

    /// Finds the runs in the next block.
    fn scan(&mut self, block: &[u8], found: &mut dyn FnMut(ChunkRun));

    /// The next bytes do not exist.
    fn skip(&mut self, bytes: u64, found: &mut dyn FnMut(ChunkRun));

    /// The run at the end, and the count by state.
    fn finish(self) -> (Option<ChunkRun>, Option<StateCounts>);
}

struct Bits {
    bytes: u64,
    scanner: BitScanner,
}

impl Bits {
    fn new(task: Task<'_>) -> Self {
        let chunks = task.coverage.chunks();
        Self { bytes: chunks.get().div_ceil(8), scanner: BitScanner::new(chunks) }
    }
}

impl Form for Bits {
    const FILLER: u8 = 0xff;

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn count(&mut self, block: &[u8], left: u64) -> u64 {
        bits::count_set(block, left)
    }

    fn chunks_in(bytes: u64) -> u64 {
        bytes.saturating_mul(8)
    }

    fn scan(&mut self, block: &[u8], found: &mut dyn FnMut(ChunkRun)) {
        self.scanner.feed(block, found);
    }

    fn skip(&mut self, bytes: u64, found: &mut dyn FnMut(ChunkRun)) {
        self.scanner.feed_unreadable(bytes, found);
    }

    fn finish(self) -> (Option<ChunkRun>, Option<StateCounts>) {
        (self.scanner.finish(), None)
    }
}

struct States {
    bytes: u64,
    scanner: StateScanner,
    counts: StateCounts,
}

impl States {
    fn new(task: Task<'_>) -> Self {
        let chunks = task.coverage.chunks();
        let scanner = StateScanner::new(chunks);
        Self { bytes: chunks.get(), scanner, counts: StateCounts::default() }
    }
}

impl Form for States {
    const FILLER: u8 = ChunkState::NeedSync.byte();

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn count(&mut self, block: &[u8], _left: u64) -> u64 {
        let before = self.counts.dirty();
        self.counts.add(block);
        self.counts.dirty() - before
    }

    fn chunks_in(bytes: u64) -> u64 {
        bytes
    }

    fn scan(&mut self, block: &[u8], found: &mut dyn FnMut(ChunkRun)) {
        self.scanner.feed(block, found);
    }

    fn skip(&mut self, bytes: u64, found: &mut dyn FnMut(ChunkRun)) {
        self.counts.add_many(ChunkState::NeedSync, bytes);
        self.scanner.feed_unreadable(bytes, found);
    }

    fn finish(self) -> (Option<ChunkRun>, Option<StateCounts>) {
        (self.scanner.finish(), Some(self.counts))
    }
}

struct Walk<'a, F> {
    reader: Reader<'a>,
    task: Task<'a>,
    form: F,
    by_node: Vec<u64>,
    dirty: u64,
    trouble: Trouble,
    union: Vec<u8>,
}

impl<'a, F: Form> Walk<'a, F> {
    fn new(source: &'a dyn ReadAt, task: Task<'a>, form: F) -> Self {
        let by_node = vec![0; task.starts.len()];
        let (trouble, union) = (Trouble::default(), Vec::new());
        Self { reader: Reader::new(source), task, form, by_node, dirty: 0, trouble, union }
    }

    fn run(mut self, mut found: Found<'_, '_>) -> Result<Survey> {
        let bytes = self.form.bytes();
        let there = bytes.min(self.bytes_there());
        let mut at = 0;
        while at < there {
            if self.task.stop.load(Ordering::Relaxed) {
                return Err(Error::new(Kind::Interrupted, "stopped while reading the bitmap"));
            }
            at += self.block(at, there - at, reborrow(&mut found));
        }
        self.missing(at, bytes - at, reborrow(&mut found));
        Ok(self.finish(found))
    }

    /// Bytes of chunks before the end of the source, for the node that has most of them.
    fn bytes_there(&self) -> u64 {
        let first = self.task.starts.iter().min().copied().unwrap_or_default();
        let bits = first.saturating_add(self.task.coverage.bits_at());
        self.reader.source_size().saturating_sub(bits).get()
    }

    /// Reads up to `most` bytes of chunks at `at` from every node; returns how many.
    fn block(&mut self, at: u64, most: u64, found: Found<'_, '_>) -> u64 {
        let left = self.task.coverage.chunks().get() - F::chunks_in(at);
        let bits = self.task.coverage.bits_at().saturating_add(Bytes::new(at));
        let first = self.task.starts.first().copied().unwrap_or_default();
        let len = Reader::step(first.saturating_add(bits), most);
        match self.task.starts.len() {
            1 => self.one(first.saturating_add(bits), len, left, found),
            _ => self.several(bits, len, left, found),
        }
        len as u64
    }

    fn one(&mut self, at: Bytes, len: usize, left: u64, found: Found<'_, '_>) {
        let block = self.reader.read(at, len, F::FILLER, &mut self.trouble);
        let dirty = self.form.count(block, left);
        self.by_node[0] += dirty;
        self.dirty += dirty;
        if let Some(found) = found {
            self.form.scan(block, found);
        }
    }

    fn several(&mut self, bits: Bytes, len: usize, left: u64, found: Found<'_, '_>) {
        self.union.clear();
        self.union.resize(len, 0);
        for (start, dirty) in self.task.starts.iter().zip(&mut self.by_node) {
            let at = start.saturating_add(bits);
            let block = self.reader.read(at, len, F::FILLER, &mut self.trouble);
            *dirty += self.form.count(block, left);
            self.union.iter_mut().zip(block).for_each(|(all, one)| *all |= one);
        }
        self.dirty += self.form.count(&self.union, left);
        if let Some(found) = found {
            self.form.scan(&self.union, found);
        }
    }

    /// Accounts for `bytes` of chunks behind the end, without walking through them.
    fn missing(&mut self, at: u64, bytes: u64, found: Found<'_, '_>) {
        if bytes == 0 {
            return;
        }
        let chunks = self.task.coverage.chunks().get() - F::chunks_in(at);
        self.trouble.missing += bytes.saturating_mul(self.by_node.len() as u64);
        self.dirty += chunks;
        self.by_node.iter_mut().for_each(|dirty| *dirty += chunks);
        self.form.skip(bytes, found.unwrap_or(&mut |_| {}));
    }

    fn finish(self, found: Found<'_, '_>) -> Survey {
        let (last, states) = self.form.finish();
        if let (Some(last), Some(found)) = (last, found) {
            found(last);
        }
        Survey {
            total: self.task.coverage.chunks(),
            dirty: Chunks::new(self.dirty),
            by_node: self.by_node.into_iter().map(Chunks::new).collect(),
            states,
            trouble: self.trouble,
        }
    }
}

#[cfg(test)]
mod tests;
