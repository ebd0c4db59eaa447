//! Carries the actions of a batch out on an engine, and tells the batch what came of them.
//!
//! Holds the buffers; the machine only knows their numbers. Stopping means: begin nothing new, wait
//! for everything under way.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::batch::{Action, Batch, Ended, Event};
use super::observe::{Observer, Stats};
use super::pace::Pace;
use crate::array::mirror::Leg;
use crate::error::{Error, Result};
use crate::io::{Buf, Completion, DevId, Engine, Op, OpKind, SubmitWhy};
use crate::units::{Bytes, SectorRange};

/// How long to sleep before looking at the stop flag again.
const NAP: Duration = Duration::from_millis(50);

/// What a resync works with; lives from its first batch to its last.
pub(super) struct Exec<'a> {
    pub(super) engine: &'a mut dyn Engine,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) stop: &'a AtomicBool,
    pub(super) pace: Pace,
    pub(super) stats: Stats,
    /// The device of each member, by its index.
    pub(super) devices: Vec<DevId>,
    /// What went wrong, by the order it came.
    pub(super) failures: Vec<Failure>,
    under_way: HashMap<u64, Pending>,
    buffers: HashMap<(u64, usize), Buf>,
    next_tag: u64,
}

/// A transfer that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) member: usize,
    pub(super) operation: &'static str,
    pub(super) offset: Bytes,
    pub(super) error: io::Error,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    what: What,
    member: usize,
    offset: Bytes,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Read { window: u64, buffer: usize },
    Write { window: u64 },
    Flush,
}

impl std::fmt::Debug for Exec<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exec").field("stats", &self.stats).finish_non_exhaustive()
    }
}

impl<'a> Exec<'a> {
    pub(super) fn new(
        engine: &'a mut dyn Engine,
        observer: &'a mut dyn Observer,
        stop: &'a AtomicBool,
        pace: Pace,
        devices: Vec<DevId>,
    ) -> Self {
        Self {
            engine,
            observer,
            stop,
            pace,
            stats: Stats::default(),
            devices,
            failures: Vec::new(),
            under_way: HashMap::new(),
            buffers: HashMap::new(),
            next_tag: 0,
        }
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Runs `batch` to its end.
    pub(super) fn run(&mut self, mut batch: Batch) -> Result<Ended> {
        loop {
            if self.stopping() {
                batch.on(Event::Stop);
            }
            if let Some(action) = batch.next_action() {
                self.perform(action, &mut batch)?;
            } else if !self.take_completion(&mut batch) {
                break;
            }
        }
        let lost = || Error::new(crate::error::Kind::Io, "an operation was lost by the engine");
        batch.finish().ok_or_else(lost)
    }

    fn perform(&mut self, action: Action, batch: &mut Batch) -> Result<()> {
        match action {
            Action::Read { window, buffer, leg, range } => {
                let len = bytes_of(range)?;
                self.wait_turn(len, batch);
                let what = What::Read { window, buffer };
                let buf = Buf::reused(usize_of(len)?);
                self.transfer(what, OpKind::Read, leg, range, buf, batch)
            }
            Action::Write { window, buffer, leg, range } => {
                let buf = self.shared(window, buffer);
                self.transfer(What::Write { window }, OpKind::Write, leg, range, buf, batch)
            }
            Action::Flush { member } => {
                let pending = Pending { what: What::Flush, member, offset: Bytes::ZERO };
                self.submit(pending, OpKind::Flush, Buf::default(), batch)
            }
            Action::Release { window, done, range } => {
                self.release(window, done, bytes_of(range)?);
                Ok(())
            }
        }
    }

    fn transfer(
        &mut self,
        what: What,
        kind: OpKind,
        leg: Leg,
        range: SectorRange,
        buf: Buf,
        batch: &mut Batch,
    ) -> Result<()> {
        let place = leg.locate(range).and_then(|place| place.start.to_bytes());
        let offset = place.ok_or_else(|| Error::damaged("a data area that ends beyond 2^64"))?;
        self.submit(Pending { what, member: leg.member, offset }, kind, buf, batch)
    }

    fn submit(
        &mut self,
        pending: Pending,
        kind: OpKind,
        buf: Buf,
        batch: &mut Batch,
    ) -> Result<()> {
        let tag = self.next_tag;
        self.next_tag += 1;
        let dev = self.devices[pending.member];
        let mut op = Op { tag, dev, kind, offset: pending.offset, buf };
        self.under_way.insert(tag, pending);
        while let Err(refused) = self.engine.submit(op) {
            if refused.why != SubmitWhy::Full || !self.take_completion(batch) {
                let what = format!("the engine refused an operation: {}", refused.why);
                return Err(Error::new(crate::error::Kind::Io, what));
            }
            op = refused.op;
        }
        Ok(())
    }

    /// Waits for one operation; false when none is under way.
    fn take_completion(&mut self, batch: &mut Batch) -> bool {
        let Some(Completion { tag, result, buf }) = self.engine.wait() else { return false };
        let Some(pending) = self.under_way.remove(&tag) else { return true };
        let ok = result.is_ok();
        let len = Bytes::from(buf.len());
        let (event, operation) = match pending.what {
            What::Read { window, buffer } => {
                self.stats.read =
                    self.stats.read.saturating_add(if ok { len } else { Bytes::ZERO });
                self.buffers.insert((window, buffer), buf);
                (Event::Read { window, ok }, "read")
            }
            What::Write { window } => {
                let moved = if ok { len } else { Bytes::ZERO };
                self.stats.written = self.stats.written.saturating_add(moved);
                (Event::Wrote { window, member: pending.member, ok }, "write")
            }
            What::Flush => (Event::Flushed { member: pending.member, ok }, "flush"),
        };
        if let Err(error) = result {
            let Pending { member, offset, .. } = pending;
            self.failures.push(Failure { member, operation, offset, error });
        }
        batch.on(event);
        true
    }

    /// A buffer for one write: what was read, shared by all who write it.
    fn shared(&self, window: u64, buffer: usize) -> Buf {
        self.buffers.get(&(window, buffer)).map(Buf::share).unwrap_or_default()
    }

    fn release(&mut self, window: u64, done: bool, len: Bytes) {
        self.buffers.retain(|(owner, _), _| *owner != window);
        if done {
            self.stats.done = self.stats.done.saturating_add(len);
        }
        self.observer.tick(&self.stats);
    }

    /// Waits as the limit wants it, but not past a stop; what is under way ends meanwhile.
    fn wait_turn(&mut self, len: Bytes, batch: &mut Batch) {
        let start = Instant::now();
        let wait = self.pace.wait_for(len, start);
        while !wait.is_zero() && self.take_completion(batch) {}
        while start.elapsed() < wait && !self.stopping() {
            std::thread::sleep(NAP.min(wait.saturating_sub(start.elapsed())));
        }
    }
}

fn bytes_of(range: SectorRange) -> Result<Bytes> {
    range.len.to_bytes().ok_or_else(|| Error::damaged("a range longer than 2^64 bytes"))
}

fn usize_of(len: Bytes) -> Result<usize> {
    len.to_usize().ok_or_else(|| Error::damaged("a window larger than memory"))
}
