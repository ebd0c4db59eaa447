//! Carries the actions of a batch out on an engine, and tells the batch what came of them.
//!
//! Holds the buffers; the machine only knows their numbers. Stopping means: begin nothing new, wait
//! for everything under way.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::batch::{Action, Batch, Ended, Event};
use super::care::{Care, differing};
use super::compute::{Buffers, compute, test_arithmetic};
use super::observe::{Observer, Stats};
use super::pace::Pace;
use crate::array::recipe::Extent;
use crate::error::{Error, Result};
use crate::io::{Buf, Completion, DevId, Engine, Op, OpKind, SubmitWhy};
use crate::parity::Kernel;
use crate::units::{Bytes, Sectors};

/// How long to sleep before looking at the stop flag again.
const NAP: Duration = Duration::from_millis(50);

/// How many failures that are told may be replaced by one in a smaller part.
const LOOK_BACK: usize = 256;

/// How many failures are told one by one: more than anybody reads, and no disk fills the memory.
const MOST_FAILURES: usize = 4096;

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
    /// How many more there were.
    pub(super) untold: u64,
    under_way: HashMap<u64, Pending>,
    /// By window, then by number.
    buffers: HashMap<u64, Buffers>,
    /// What a compare or verify under way compares with, by its tag.
    held: HashMap<u64, Buf>,
    care: Care,
    kernel: Kernel,
    next_tag: u64,
}

/// A transfer that failed.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) member: usize,
    pub(super) operation: &'static str,
    pub(super) offset: Bytes,
    pub(super) len: Bytes,
    pub(super) error: io::Error,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    what: What,
    member: usize,
    offset: Bytes,
    len: Bytes,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Read {
        window: u64,
        buffer: usize,
    },
    Write {
        window: u64,
        mend: bool,
    },
    /// What the target holds, before it is written.
    Compare {
        window: u64,
    },
    /// What the target holds, after it was written.
    Verify {
        window: u64,
        mend: bool,
    },
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
        care: Care,
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
            untold: 0,
            under_way: HashMap::new(),
            buffers: HashMap::new(),
            held: HashMap::new(),
            care,
            kernel: Kernel::best(),
            next_tag: 0,
        }
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Computes something known, with the kernel that is used.
    ///
    /// # Errors
    /// The processor, or our code for it, gives wrong results.
    pub(super) fn test_arithmetic(&self) -> Result<()> {
        test_arithmetic(self.kernel)
    }

    /// Runs `batch` to its end.
    pub(super) fn run(&mut self, mut batch: Batch<'_>) -> Result<Ended> {
        loop {
            if self.stopping() {
                batch.on(Event::Stop);
            }
            if let Some(action) = batch.next_action() {
                self.perform(action, &mut batch)?;
            } else if !self.take_completion(&mut batch)? {
                break;
            }
        }
        let lost = || Error::new(crate::error::Kind::Io, "an operation was lost by the engine");
        batch.finish().ok_or_else(lost)
    }

    fn perform(&mut self, action: Action, batch: &mut Batch<'_>) -> Result<()> {
        match action {
            Action::Read { window, buffer, from, len } => {
                let len = bytes_of(len)?;
                self.wait_turn(len, batch)?;
                let what = What::Read { window, buffer };
                let buf = Buf::reused(usize_of(len)?);
                self.transfer(what, OpKind::Read, from, buf, batch)
            }
            Action::Compute { window, steps, len } => {
                let len = usize_of(bytes_of(len)?)?;
                let buffers = self.buffers.entry(window).or_default();
                steps.iter().try_for_each(|step| compute(self.kernel, step, buffers, len))
            }
            Action::Write { window, buffer, to, last, mend } => {
                let data = self.buffer_for(window, buffer, last);
                self.put(What::Write { window, mend }, to, data, batch)
            }
            Action::Flush { member } => {
                let (offset, len) = (Bytes::ZERO, Bytes::ZERO);
                let pending = Pending { what: What::Flush, member, offset, len };
                self.submit(pending, OpKind::Flush, Buf::default(), batch)
            }
            Action::Release { window, done, range } => {
                self.release(window, done, bytes_of(range.len)?);
                Ok(())
            }
        }
    }

    fn transfer(
        &mut self,
        what: What,
        kind: OpKind,
        place: Extent,
        buf: Buf,
        batch: &mut Batch<'_>,
    ) -> Result<()> {
        let offset = place.at.to_bytes();
        let offset = offset.ok_or_else(|| Error::damaged("a data area that ends beyond 2^64"))?;
        let pending = Pending { what, member: place.member, offset, len: buf.len().into() };
        self.submit(pending, kind, buf, batch)
    }

    /// Writes `data`; where that is wanted, only what the target does not hold already. A place
    /// that is listed as bad is not read first.
    fn put(&mut self, what: What, to: Extent, data: Buf, batch: &mut Batch<'_>) -> Result<()> {
        let What::Write { window, mend: false } = what else {
            return self.transfer(what, OpKind::Write, to, data, batch);
        };
        if !self.care.compare {
            return self.transfer(what, OpKind::Write, to, data, batch);
        }
        let room = Buf::zeroed(data.len());
        self.held.insert(self.next_tag, data);
        self.transfer(What::Compare { window }, OpKind::Read, to, room, batch)
    }

    fn submit(
        &mut self,
        pending: Pending,
        kind: OpKind,
        buf: Buf,
        batch: &mut Batch<'_>,
    ) -> Result<()> {
        let tag = self.next_tag;
        self.next_tag += 1;
        let dev = self.devices[pending.member];
        let mut op = Op { tag, dev, kind, offset: pending.offset, buf };
        self.under_way.insert(tag, pending);
        while let Err(refused) = self.engine.submit(op) {
            if refused.why != SubmitWhy::Full || !self.take_completion(batch)? {
                let what = format!("the engine refused an operation: {}", refused.why);
                return Err(Error::new(crate::error::Kind::Io, what));
            }
            op = refused.op;
        }
        Ok(())
    }

    /// Waits for one operation; false when none is under way.
    fn take_completion(&mut self, batch: &mut Batch<'_>) -> Result<bool> {
        let Some(Completion { tag, result, buf }) = self.engine.wait() else { return Ok(false) };
        let Some(pending) = self.under_way.remove(&tag) else { return Ok(true) };
        let (ok, member) = (result.is_ok(), pending.member);
        let moved = if ok { Bytes::from(buf.len()) } else { Bytes::ZERO };
        match pending.what {
            What::Write { .. } => self.stats.written = self.stats.written.saturating_add(moved),
            What::Flush => {}
            _ => self.stats.read = self.stats.read.saturating_add(moved),
        }
        if let Err(error) = result {
            if matches!(error.raw_os_error(), Some(nix::libc::ENODEV | nix::libc::ENXIO)) {
                batch.on(Event::Gone { member });
            }
            self.failed(pending, error);
        }
        match pending.what {
            What::Read { window, buffer } => {
                self.buffers.entry(window).or_default().insert(buffer, buf);
                batch.on(Event::Read { window, member, ok });
            }
            What::Flush => batch.on(Event::Flushed { member, ok }),
            What::Compare { .. } => self.compared(tag, pending, ok, &buf, batch)?,
            What::Write { mend, .. } if ok && (mend || self.care.verify) => {
                self.read_back(pending, buf, batch)?;
            }
            What::Write { window, .. } => batch.on(Event::Wrote { window, member, ok }),
            What::Verify { window, .. } => {
                let ok = ok && self.verified(tag, pending, &buf);
                batch.on(Event::Wrote { window, member, ok });
            }
        }
        Ok(true)
    }

    fn failed(&mut self, pending: Pending, error: io::Error) {
        let operation = match pending.what {
            What::Read { .. } => "read",
            // Then it is written without looking.
            What::Compare { .. } => return,
            // Then it stays listed, which the report tells.
            What::Write { mend: true, .. } | What::Verify { mend: true, .. } => return,
            What::Write { .. } => "write",
            What::Verify { .. } => "read back",
            What::Flush => "flush",
        };
        let Pending { member, offset, len, .. } = pending;
        self.tell(Failure { member, operation, offset, len, error });
    }

    /// Where a read was tried again in smaller parts only the smallest that failed is told.
    pub(super) fn tell(&mut self, failure: Failure) {
        let end = failure.offset.saturating_add(failure.len);
        let holds = |other: &Failure| {
            (other.member, other.operation) == (failure.member, "read")
                && other.offset <= failure.offset
                && other.offset.saturating_add(other.len) >= end
        };
        let from = self.failures.len().saturating_sub(LOOK_BACK);
        let mut at = self.failures.len();
        while at > from && failure.operation == "read" {
            at -= 1;
            if holds(&self.failures[at]) {
                self.failures.remove(at);
            }
        }
        match self.failures.len() < MOST_FAILURES {
            true => self.failures.push(failure),
            false => self.untold += 1,
        }
    }

    /// The target was read: what it does not hold yet is written.
    fn compared(
        &mut self,
        tag: u64,
        pending: Pending,
        ok: bool,
        found: &Buf,
        batch: &mut Batch<'_>,
    ) -> Result<()> {
        let What::Compare { window } = pending.what else { return Ok(()) };
        let data = self.held.remove(&tag).unwrap_or_default();
        let (span, differs) = match ok {
            true => differing(data.bytes(), found.bytes()),
            false => (Some(0..data.len()), data.len()),
        };
        self.stats.differed = self.stats.differed.saturating_add(Bytes::from(differs));
        let Some(span) = span else {
            batch.on(Event::Wrote { window, member: pending.member, ok: true });
            return Ok(());
        };
        let mut part = Buf::zeroed(span.len());
        part.bytes_mut().copy_from_slice(&data.bytes()[span.clone()]);
        let offset = pending.offset.saturating_add(Bytes::from(span.start));
        let what = What::Write { window, mend: false };
        let pending = Pending { what, offset, len: part.len().into(), ..pending };
        self.submit(pending, OpKind::Write, part, batch)
    }

    fn read_back(&mut self, pending: Pending, data: Buf, batch: &mut Batch<'_>) -> Result<()> {
        let What::Write { window, mend } = pending.what else { return Ok(()) };
        let room = Buf::zeroed(data.len());
        self.held.insert(self.next_tag, data);
        let pending = Pending { what: What::Verify { window, mend }, ..pending };
        self.submit(pending, OpKind::Read, room, batch)
    }

    fn verified(&mut self, tag: u64, pending: Pending, found: &Buf) -> bool {
        let same = self.held.remove(&tag).is_some_and(|data| data.bytes() == found.bytes());
        if !same {
            self.failed(pending, io::Error::other("it does not hold what was written to it"));
        }
        same
    }

    /// A buffer for one write: what was read or computed, shared by all who write it.
    fn buffer_for(&mut self, window: u64, buffer: usize, last: bool) -> Buf {
        let Some(buffers) = self.buffers.get_mut(&window) else { return Buf::default() };
        match last {
            true => buffers.remove(&buffer).unwrap_or_default(),
            false => buffers.get(&buffer).map(Buf::share).unwrap_or_default(),
        }
    }

    fn release(&mut self, window: u64, done: bool, len: Bytes) {
        self.buffers.remove(&window);
        if done {
            self.stats.done = self.stats.done.saturating_add(len);
        }
        self.observer.tick(&self.stats);
    }

    /// Waits as the limit wants it, but not past a stop; what is under way ends meanwhile.
    fn wait_turn(&mut self, len: Bytes, batch: &mut Batch<'_>) -> Result<()> {
        let start = Instant::now();
        let wait = self.pace.wait_for(len, start);
        while !wait.is_zero() && self.take_completion(batch)? {}
        while start.elapsed() < wait && !self.stopping() {
            std::thread::sleep(NAP.min(wait.saturating_sub(start.elapsed())));
        }
        Ok(())
    }
}

fn bytes_of(len: Sectors) -> Result<Bytes> {
    len.to_bytes().ok_or_else(|| Error::damaged("a range longer than 2^64 bytes"))
}

fn usize_of(len: Bytes) -> Result<usize> {
    len.to_usize().ok_or_else(|| Error::damaged("a window larger than memory"))
}

#[cfg(test)]
mod tests;
