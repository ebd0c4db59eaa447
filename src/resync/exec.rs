//! Carries the actions of a batch out on an engine, and tells the batch what came of them.
//!
//! Holds the buffers; the machine only knows their numbers. One loop moves all data; parity is
//! computed by a crew of threads meanwhile, to which buffers go and from which they come back
//! (`crew`). The loop sleeps on the engine only while nothing is being computed: a computation is
//! short, and what comes of it is to be written. Stopping means: begin nothing new, wait for
//! everything under way.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::batch::{Action, Batch, Ended, Event};
use super::care::Care;
use super::compute::{Buffers, test_arithmetic};
use super::observe::{Observer, Stats};
use super::pace::Pace;
use crate::array::bad::Listed;
use crate::array::recipe::{Extent, Step};
use crate::error::{Error, Result};
use crate::io::{Buf, Completion, DevId, Engine, Op, OpKind, SubmitWhy};
use crate::parity::Kernel;
use crate::units::{Bytes, Sectors};

mod careful;
mod crew;
mod failures;

pub use crew::threads;
use crew::{Crew, Done, Job};
pub(super) use failures::Failure;

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
    /// How many more there were.
    pub(super) untold: u64,
    under_way: HashMap<u64, Pending>,
    /// By window, then by number.
    buffers: HashMap<u64, Buffers>,
    /// What targets hold that were looked at, by window, then by member.
    found: HashMap<u64, Buffers>,
    /// What was written and is read back, by the tag of that.
    held: HashMap<u64, Buf>,
    care: Care,
    crew: Crew,
    next_tag: u64,
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
    /// What the target holds, before it is written.
    Look {
        window: u64,
    },
    Write {
        window: u64,
        mend: Listed,
    },
    /// What the target holds, after it was written.
    Verify {
        window: u64,
        mend: Listed,
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
            found: HashMap::new(),
            held: HashMap::new(),
            care,
            crew: Crew::new(Kernel::best(), 0),
            next_tag: 0,
        }
    }

    /// The same with so many threads to compute parity; without any it is computed in the loop.
    pub(super) fn with_threads(self, threads: usize) -> Self {
        Self { crew: Crew::new(Kernel::best(), threads), ..self }
    }

    pub(super) fn stopping(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Computes something known, with the kernel that is used.
    ///
    /// # Errors
    /// The processor, or our code for it, gives wrong results.
    pub(super) fn test_arithmetic(&self) -> Result<()> {
        test_arithmetic(self.crew.kernel())
    }

    /// Runs `batch` to its end.
    pub(super) fn run(&mut self, batch: Batch<'_>) -> Result<Ended> {
        let mut batch = batch.looking(self.care.compare);
        loop {
            if self.stopping() {
                batch.on(Event::Stop);
            }
            if let Some(action) = batch.next_action() {
                self.perform(action, &mut batch)?;
            } else if !self.take_one(&mut batch)? {
                break;
            }
        }
        let lost = || Error::new(crate::error::Kind::Io, "an operation was lost by the engine");
        batch.finish().ok_or_else(lost)
    }

    fn perform(&mut self, action: Action, batch: &mut Batch<'_>) -> Result<()> {
        match action {
            Action::Read { window, buffer, from, len } => {
                self.wait_turn(bytes_of(len)?, batch)?;
                self.read(What::Read { window, buffer }, from, len, batch)
            }
            Action::Look { window, target, len } => {
                self.read(What::Look { window }, target, len, batch)
            }
            Action::Compute { window, steps, len } => self.compute(window, steps, len, batch),
            Action::Write { window, buffer, to, last, mend } => {
                let data = self.buffer_for(window, buffer, last)?;
                self.write(What::Write { window, mend }, to, data, batch)
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

    fn read(
        &mut self,
        what: What,
        from: Extent,
        len: Sectors,
        batch: &mut Batch<'_>,
    ) -> Result<()> {
        let room = Buf::reused(usize_of(bytes_of(len)?)?);
        self.transfer(what, OpKind::Read, from, room, batch)
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

    /// Hands the buffers of a window to the crew, or computes at once where there is none.
    fn compute(
        &mut self,
        window: u64,
        steps: Vec<Step>,
        len: Sectors,
        batch: &mut Batch<'_>,
    ) -> Result<()> {
        let len = usize_of(bytes_of(len)?)?;
        let buffers = self.buffers.remove(&window).unwrap_or_default();
        match self.crew.start(Job { window, steps, buffers, len }) {
            Some(done) => self.computed(done, batch),
            None => Ok(()),
        }
    }

    fn computed(&mut self, done: Done, batch: &mut Batch<'_>) -> Result<()> {
        let Done { window, buffers } = done;
        self.buffers.insert(window, buffers?);
        batch.on(Event::Computed { window });
        Ok(())
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
            if refused.why != SubmitWhy::Full || !self.take_one(batch)? {
                let what = format!("the engine refused an operation: {}", refused.why);
                return Err(Error::new(crate::error::Kind::Io, what));
            }
            op = refused.op;
        }
        Ok(())
    }

    /// Waits for something under way to end, whichever it is; false when nothing is.
    fn take_one(&mut self, batch: &mut Batch<'_>) -> Result<bool> {
        if let Some(done) = self.crew.ready() {
            self.computed(done, batch)?;
            return Ok(true);
        }
        let completion = match self.crew.is_busy() {
            // Told of what was queued, the engine works while we wait for the crew.
            true => self.engine.poll(),
            false => self.engine.wait(),
        };
        match completion {
            Some(completion) => self.ended(completion, batch)?,
            None if self.crew.is_busy() => {
                let done = self.crew.wait()?;
                self.computed(done, batch)?;
            }
            None => return Ok(false),
        }
        Ok(true)
    }

    fn ended(&mut self, completion: Completion, batch: &mut Batch<'_>) -> Result<()> {
        let Completion { tag, result, buf } = completion;
        let Some(pending) = self.under_way.remove(&tag) else { return Ok(()) };
        let (ok, member) = (result.is_ok(), pending.member);
        self.count(pending.what, if ok { Bytes::from(buf.len()) } else { Bytes::ZERO });
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
            What::Look { window } => {
                if ok {
                    self.found.entry(window).or_default().insert(member, buf);
                }
                batch.on(Event::Looked { window });
            }
            What::Flush => batch.on(Event::Flushed { member, ok }),
            What::Write { mend, .. } if ok && (mend.is_any() || self.care.verify) => {
                self.read_back(pending, buf, batch)?;
            }
            What::Write { window, .. } => batch.on(Event::Wrote { window, member, ok }),
            What::Verify { window, .. } => {
                let ok = ok && self.verified(tag, pending, &buf);
                batch.on(Event::Wrote { window, member, ok });
            }
        }
        Ok(())
    }

    fn count(&mut self, what: What, moved: Bytes) {
        match what {
            What::Write { .. } => self.stats.written = self.stats.written.saturating_add(moved),
            What::Flush => {}
            _ => self.stats.read = self.stats.read.saturating_add(moved),
        }
    }

    /// A buffer for one write: what was read or computed, shared by all who write it.
    fn buffer_for(&mut self, window: u64, buffer: usize, last: bool) -> Result<Buf> {
        let buffers = self.buffers.entry(window).or_default();
        let found = match last {
            true => buffers.remove(&buffer),
            false => buffers.get(&buffer).map(Buf::share),
        };
        let what = || format!("buffer {buffer} of window {window} was lost");
        found.ok_or_else(|| Error::new(crate::error::Kind::Io, what()))
    }

    fn release(&mut self, window: u64, done: bool, len: Bytes) {
        self.buffers.remove(&window);
        self.found.remove(&window);
        if done {
            self.stats.done = self.stats.done.saturating_add(len);
        }
        self.observer.tick(&self.stats);
    }

    /// Waits as the limit wants it, but not past a stop; what is under way ends meanwhile.
    fn wait_turn(&mut self, len: Bytes, batch: &mut Batch<'_>) -> Result<()> {
        let start = Instant::now();
        let wait = self.pace.wait_for(len, start);
        while !wait.is_zero() && self.take_one(batch)? {}
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
