//! Reads what is compared: windows of all members at once, several under way, given out in order.
//!
//! What cannot be read is read again in smaller parts, until only the block itself is missing.
//! Memory is bounded by the windows under way; a stop begins nothing new and waits for what is.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::judge::{BLOCK, Columns};
use super::scene::Scene;
use crate::array::recipe::Extent;
use crate::error::{Error, Kind, Result};
use crate::io::{Buf, Completion, DevId, Engine, Op, OpKind, SubmitWhy};
use crate::resync::pace::Pace;
use crate::resync::{Observer, Stats, Trouble};
use crate::units::{Bytes, SectorRange, Sectors};

/// The most that is read from a member at once, and the least where memory is short.
const MOST: Sectors = Sectors::new(1 << 11);
const LEAST: Sectors = Sectors::new(1 << 7);

/// Windows under way at once, where there is memory for so many of the largest.
const WINDOWS: u64 = 4;

/// Into how many parts a window that cannot be read is cut.
const PARTS: u64 = 16;

/// Failed reads that are told one by one.
const MOST_TROUBLES: usize = 1000;

/// How long to sleep before looking at the stop flag again.
const NAP: Duration = Duration::from_millis(50);

/// A flag that nobody raises.
static NEVER: AtomicBool = AtomicBool::new(false);

/// Reads, and keeps the account of it.
pub(super) struct Reader<'a> {
    pub(super) engine: &'a mut dyn Engine,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) stats: Stats,
    pub(super) troubles: Vec<Trouble>,
    pub(super) failed: u64,
    scene: &'a Scene,
    stop: &'a AtomicBool,
    pace: Pace,
    window: Sectors,
    depth: usize,
    /// By their first sector.
    windows: BTreeMap<Sectors, Window>,
    /// By tag: which window, which column.
    under_way: HashMap<u64, (Sectors, usize)>,
    next_tag: u64,
}

#[derive(Debug)]
struct Window {
    range: SectorRange,
    extents: Vec<Option<Extent>>,
    bufs: Vec<Option<Buf>>,
    begun: bool,
    waiting: usize,
    failed: bool,
}

impl Window {
    fn is_done(&self) -> bool {
        self.begun && self.waiting == 0
    }
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        engine: &'a mut dyn Engine,
        scene: &'a Scene,
        observer: &'a mut dyn Observer,
        stop: &'a AtomicBool,
        limit: Option<Bytes>,
        memory: Bytes,
    ) -> Self {
        let columns = scene.columns(Sectors::ZERO).len().max(1);
        let each = memory.to_sectors_floor().get() / columns as u64;
        let share = Sectors::new((each / WINDOWS).next_multiple_of(LEAST.get()));
        let window = share.clamp(LEAST, MOST);
        let depth = usize::try_from(each / window.get()).unwrap_or(1).max(1);
        let piece = window.min(scene.reach(Sectors::ZERO)).to_bytes().and_then(Bytes::to_usize);
        // No more can be under way; what has ended and waits for its turn may lie elsewhere.
        let most = engine.depth().saturating_mul(2);
        engine.reserve(piece.unwrap_or(0), depth.saturating_mul(columns).min(most));
        Self {
            engine,
            observer,
            stats: Stats::default(),
            troubles: Vec::new(),
            failed: 0,
            scene,
            stop,
            pace: Pace::new(limit),
            window,
            depth,
            windows: BTreeMap::new(),
            under_way: HashMap::new(),
            next_tag: 0,
        }
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Reads `ranges`, which are in order, and hands out what they hold, in order; what is handed
    /// out is done with. Answers where it stopped, if it did.
    ///
    /// # Errors
    /// The engine lost or refused an operation.
    pub(super) fn run(
        &mut self,
        ranges: &[SectorRange],
        deliver: &mut dyn FnMut(Columns),
    ) -> Result<Option<Sectors>> {
        let mut left: Vec<SectorRange> = ranges.iter().rev().copied().collect();
        loop {
            self.hand_out(deliver);
            if self.stopping() {
                break;
            }
            let begun = self.begin_one(&mut left)?;
            if !begun && !self.take_completion()? {
                break;
            }
        }
        while self.take_completion()? {}
        self.hand_out(deliver);
        let first = self.windows.keys().next().copied();
        self.windows.clear();
        Ok(first.or(left.last().map(|range| range.start)))
    }

    /// The same, whatever signal came: what was written is looked at before the end.
    ///
    /// # Errors
    /// The engine lost or refused an operation.
    pub(super) fn run_to_the_end(
        &mut self,
        ranges: &[SectorRange],
        deliver: &mut dyn FnMut(Columns),
    ) -> Result<()> {
        let stop = std::mem::replace(&mut self.stop, &NEVER);
        let ended = self.run(ranges, deliver);
        self.stop = stop;
        ended.map(drop)
    }

    /// Begins the next window; false where there is none, or no room.
    fn begin_one(&mut self, left: &mut Vec<SectorRange>) -> Result<bool> {
        let busy = self.windows.values().filter(|window| window.begun).count();
        if busy >= self.depth {
            return Ok(false);
        }
        let waiting = self.windows.iter().find(|(_, window)| !window.begun).map(|(at, _)| *at);
        let start = match waiting {
            Some(start) => start,
            None => match self.cut(left) {
                Some(start) => start,
                None => return Ok(false),
            },
        };
        self.begin(start)?;
        Ok(true)
    }

    /// Cuts the next window off the front of the work.
    fn cut(&mut self, left: &mut Vec<SectorRange>) -> Option<Sectors> {
        let all = left.pop()?;
        let most = self.scene.reach(all.start).max(Sectors::new(1)).min(self.window);
        let range = SectorRange { start: all.start, len: all.len.min(most) };
        let rest = all.len.saturating_sub(range.len);
        if !rest.is_zero() {
            left.push(SectorRange { start: range.end(), len: rest });
        }
        self.put(range);
        Some(range.start)
    }

    fn put(&mut self, range: SectorRange) {
        let extents = self.scene.columns(range.start);
        let bufs = extents.iter().map(|_| None).collect();
        let window = Window { range, extents, bufs, begun: false, waiting: 0, failed: false };
        self.windows.insert(range.start, window);
    }

    fn begin(&mut self, start: Sectors) -> Result<()> {
        let Some(window) = self.windows.get_mut(&start) else { return Ok(()) };
        let (len, extents) = (window.range.len, window.extents.clone());
        window.begun = true;
        window.waiting = extents.iter().flatten().count();
        let len = bytes_of(len)?;
        self.wait_turn(len)?;
        for (column, extent) in extents.iter().enumerate() {
            if let Some(extent) = extent {
                self.read(start, column, *extent, len)?;
            }
        }
        Ok(())
    }

    fn read(&mut self, start: Sectors, column: usize, from: Extent, len: Bytes) -> Result<()> {
        let offset = bytes_of(from.at)?;
        let len = len.to_usize().ok_or_else(|| Error::damaged("a window larger than memory"))?;
        let (tag, buf) = (self.next_tag, Buf::reused(len));
        self.next_tag += 1;
        self.under_way.insert(tag, (start, column));
        let mut op = Op { tag, dev: DevId(from.member), kind: OpKind::Read, offset, buf };
        while let Err(refused) = self.engine.submit(op) {
            if refused.why != SubmitWhy::Full || !self.take_completion()? {
                let what = format!("the engine refused an operation: {}", refused.why);
                return Err(Error::new(Kind::Io, what));
            }
            op = refused.op;
        }
        Ok(())
    }

    /// Waits for one read; false when none is under way.
    fn take_completion(&mut self) -> Result<bool> {
        if self.under_way.is_empty() {
            return Ok(false);
        }
        let lost = || Error::new(Kind::Io, "an operation was lost by the engine");
        let Completion { tag, result, buf } = self.engine.wait().ok_or_else(lost)?;
        let Some((start, column)) = self.under_way.remove(&tag) else { return Ok(true) };
        let Some(window) = self.windows.get_mut(&start) else { return Ok(true) };
        window.waiting = window.waiting.saturating_sub(1);
        match result {
            Ok(()) => {
                self.stats.read = self.stats.read.saturating_add(Bytes::from(buf.len()));
                if let Some(place) = window.bufs.get_mut(column) {
                    *place = Some(buf);
                }
            }
            Err(error) => {
                window.failed = true;
                let (len, extent) = (window.range.len, window.extents.get(column).copied());
                if let Some(extent) = extent.flatten().filter(|_| len <= BLOCK) {
                    self.trouble(extent, &error);
                }
            }
        }
        Ok(true)
    }

    fn trouble(&mut self, extent: Extent, error: &io::Error) {
        self.failed += 1;
        if self.troubles.len() < MOST_TROUBLES {
            self.troubles.push(Trouble {
                path: self.scene.names[extent.member].clone(),
                operation: "read",
                offset: extent.at.to_bytes().unwrap_or_default(),
                message: error.to_string(),
            });
        }
    }

    /// Hands out what is read and next in order; cuts what could not be read.
    fn hand_out(&mut self, deliver: &mut dyn FnMut(Columns)) {
        while self.windows.first_key_value().is_some_and(|(_, window)| window.is_done()) {
            let Some((_, window)) = self.windows.pop_first() else { return };
            if window.failed && window.range.len > BLOCK {
                self.cut_up(window.range);
                continue;
            }
            let len = window.range.len.to_bytes().unwrap_or_default();
            deliver(Columns { range: window.range, bufs: window.bufs });
            self.stats.done = self.stats.done.saturating_add(len);
            self.observer.tick(&self.stats);
        }
    }

    fn cut_up(&mut self, range: SectorRange) {
        let part = (range.len.get() / PARTS).max(BLOCK.get()).next_multiple_of(BLOCK.get());
        let mut start = range.start;
        while start < range.end() {
            let len = Sectors::new(part).min(range.end().saturating_sub(start));
            self.put(SectorRange { start, len });
            start = start.saturating_add(len);
        }
    }

    /// Waits as the limit wants it, but not past a stop; what is under way ends meanwhile.
    fn wait_turn(&mut self, len: Bytes) -> Result<()> {
        let start = Instant::now();
        let wait = self.pace.wait_for(len, start);
        while !wait.is_zero() && self.take_completion()? {}
        while start.elapsed() < wait && !self.stopping() {
            std::thread::sleep(NAP.min(wait.saturating_sub(start.elapsed())));
        }
        Ok(())
    }
}

fn bytes_of(len: Sectors) -> Result<Bytes> {
    len.to_bytes().ok_or_else(|| Error::damaged("a data area that ends beyond 2^64"))
}
