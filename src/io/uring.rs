//! The engine over io_uring: many operations under way at once, moved by the kernel.
//!
//! Operations are queued at `submit` and told to the kernel together at the next `wait` or `poll`. A
//! transfer that the kernel cuts short goes on where it stopped, so a completion is a success only if
//! every byte was moved. What can be seen to fail, such as a write past the end that would make a
//! file longer,
//! never reaches the kernel but fails as a completion all the same.
//!
//! Dropping the engine waits for all that is under way; the ring is dropped before the devices.

use std::collections::VecDeque;
use std::io;

use nix::libc::{EAGAIN, ECANCELED, EFAULT, EINTR, EINVAL, EOPNOTSUPP};

use super::{Completion, DevId, Device, Engine, Op, OpKind, SubmitError, SubmitWhy};
use crate::units::Bytes;

mod raw;

use raw::{Ended, Ring, Transfer};

/// How often a transfer that the kernel puts off is tried again.
const TRIES: u32 = 1000;

/// Copies from and to the page cache that are this long are left to the kernel's own threads: the one
/// that tells it of them would else make all copies itself, one after the other.
const LONG: usize = 1 << 16;

/// A ring that was set up and can do all that the engine needs.
#[derive(Debug)]
pub struct UringProbe {
    ring: Ring,
    depth: usize,
}

impl UringProbe {
    /// A ring for `depth` operations at once, at least 1.
    ///
    /// # Errors
    /// The kernel has no io_uring, forbids it, or lacks an operation.
    pub fn new(depth: usize) -> io::Result<Self> {
        let depth = depth.max(1);
        let entries = u32::try_from(depth).map_err(|_| io::ErrorKind::InvalidInput)?;
        Ok(Self { ring: Ring::new(entries)?, depth })
    }
}

/// An operation under way.
#[derive(Clone, Copy, Debug)]
struct Pending {
    tag: u64,
    dev: DevId,
    kind: OpKind,
    offset: u64,
    moved: usize,
    tries: u32,
    /// Goes by registered memory where its buffer lies in such.
    fixed: bool,
    /// Left to a thread of the kernel.
    aside: bool,
}

/// Many operations at once.
#[derive(Debug)]
pub struct UringEngine {
    // Before the devices: dropping it waits for what is under way on them.
    ring: Ring,
    devices: Vec<Device>,
    pending: Vec<Option<Pending>>,
    /// Ended without the kernel, or with a ring that broke.
    ended: VecDeque<Completion>,
    /// The kernel took no memory for registered.
    refused: bool,
}

impl UringEngine {
    /// An engine over `devices`; the n-th is `DevId(n)`.
    #[must_use]
    pub fn new(probe: UringProbe, devices: Vec<Device>) -> Self {
        let pending = vec![None; probe.depth];
        Self { ring: probe.ring, devices, pending, ended: VecDeque::new(), refused: false }
    }

    fn check(&self, op: &Op) -> Result<(), SubmitWhy> {
        let device = self.devices.get(op.dev.0).ok_or(SubmitWhy::NoDevice)?;
        let aligned = |n: u64| n.is_multiple_of(device.align());
        match () {
            () if self.under_way() >= self.depth() => Err(SubmitWhy::Full),
            () if !aligned(op.offset.get()) || !aligned(op.buf.len() as u64) => {
                Err(SubmitWhy::Unaligned)
            }
            () => Ok(()),
        }
    }

    fn under_way(&self) -> usize {
        self.pending.iter().flatten().count() + self.ended.len()
    }

    /// Whether `op` lies within its device, as far as it has a place.
    fn fits(&self, op: &Op) -> bool {
        let end = op.offset.checked_add(Bytes::from(op.buf.len()));
        op.kind == OpKind::Flush || end.is_some_and(|end| end <= self.size(op.dev))
    }

    fn end_at_once(&mut self, op: Op, result: io::Result<()>) {
        self.ended.push_back(Completion { tag: op.tag, result, buf: op.buf });
    }

    fn start(&mut self, slot: usize, op: Op) {
        let Op { tag, dev, kind, offset, buf } = op;
        let offset = offset.get();
        let aside = kind != OpKind::Flush && buf.len() >= LONG && self.devices[dev.0].is_cached();
        let pending = Pending { tag, dev, kind, offset, moved: 0, tries: 0, fixed: true, aside };
        self.push(slot, pending, buf);
    }

    /// Queues what is left of `pending`.
    fn push(&mut self, slot: usize, pending: Pending, buf: super::Buf) {
        let fd = self.devices[pending.dev.0].raw_fd();
        let offset = pending.offset + pending.moved as u64;
        let Pending { kind, moved: from, fixed, aside, .. } = pending;
        let what = Transfer { kind, fd, offset, from, fixed, aside };
        match self.ring.start(slot, what, buf) {
            Ok(()) => self.pending[slot] = Some(pending),
            Err(buf) => {
                let result = Err(io::Error::other("the ring takes nothing more"));
                self.ended.push_back(Completion { tag: pending.tag, result, buf });
            }
        }
    }

    /// What the end of a transfer means; `None` where it goes on.
    fn take(&mut self, ended: Ended) -> Option<Completion> {
        let Ended { slot, result, buf } = ended;
        let mut pending = self.pending[slot].take()?;
        match progress(&mut pending, result, buf.len()) {
            Some(result) => Some(Completion { tag: pending.tag, result, buf }),
            None => {
                self.push(slot, pending, buf);
                None
            }
        }
    }

    /// The next completion that `look` finds.
    fn next(&mut self, look: fn(&mut Ring) -> io::Result<Option<Ended>>) -> Option<Completion> {
        loop {
            if let Some(ended) = self.ended.pop_front() {
                return Some(ended);
            }
            match look(&mut self.ring) {
                Ok(None) => return self.ended.pop_front(),
                Ok(Some(ended)) => {
                    let Some(completion) = self.take(ended) else { continue };
                    return Some(completion);
                }
                Err(error) => self.fail_all(&error),
            }
        }
    }

    /// The ring broke: everything under way fails, with other buffers than it came with.
    fn fail_all(&mut self, error: &io::Error) {
        for (slot, len) in self.ring.abandon() {
            let Some(pending) = self.pending[slot].take() else { continue };
            let result = Err(io::Error::new(error.kind(), error.to_string()));
            let buf = super::Buf::zeroed(len);
            self.ended.push_back(Completion { tag: pending.tag, result, buf });
        }
    }
}

/// Books what the kernel said; gives the result, or `None` where the transfer has to go on.
fn progress(pending: &mut Pending, result: i32, len: usize) -> Option<io::Result<()>> {
    match usize::try_from(result) {
        Ok(_) if pending.kind == OpKind::Flush => return Some(Ok(())),
        Ok(0) => return Some(Err(io::ErrorKind::UnexpectedEof.into())),
        Ok(moved) => pending.moved += moved,
        // What was lost is told once: asked again, the kernel would say that all is stable.
        Err(_) if pending.kind == OpKind::Flush => {
            return Some(Err(io::Error::from_raw_os_error(-result)));
        }
        Err(_) if matches!(-result, EAGAIN | EINTR) && pending.tries < TRIES => pending.tries += 1,
        // There may be no room for another thread.
        Err(_) if -result == ECANCELED && pending.aside => pending.aside = false,
        // A driver may know nothing of registered memory.
        Err(_) if matches!(-result, EINVAL | EFAULT | EOPNOTSUPP) && pending.fixed => {
            pending.fixed = false;
        }
        Err(_) => return Some(Err(io::Error::from_raw_os_error(-result))),
    }
    (pending.moved >= len && pending.kind != OpKind::Flush).then_some(Ok(()))
}

impl Engine for UringEngine {
    fn align(&self, dev: DevId) -> u64 {
        self.devices.get(dev.0).map_or(1, Device::align)
    }

    fn size(&self, dev: DevId) -> Bytes {
        self.devices.get(dev.0).map_or(Bytes::ZERO, Device::size)
    }

    fn depth(&self) -> usize {
        self.pending.len()
    }

    fn reserve(&mut self, len: usize, count: usize) {
        // What a kernel or a limit refuses was only to save time, of which asking again takes some:
        // all that memory would be made for nothing.
        self.refused = self.refused || self.ring.register(len, count).is_err();
    }

    fn submit(&mut self, op: Op) -> Result<(), Box<SubmitError>> {
        if let Err(why) = self.check(&op) {
            return Err(Box::new(SubmitError { why, op }));
        }
        let empty = op.kind != OpKind::Flush && op.buf.is_empty();
        match self.ring.free() {
            _ if !self.fits(&op) => self.end_at_once(op, Err(io::ErrorKind::UnexpectedEof.into())),
            _ if empty => self.end_at_once(op, Ok(())),
            Some(slot) => self.start(slot, op),
            None => return Err(Box::new(SubmitError { why: SubmitWhy::Full, op })),
        }
        Ok(())
    }

    fn poll(&mut self) -> Option<Completion> {
        self.next(Ring::poll)
    }

    fn wait(&mut self) -> Option<Completion> {
        self.next(Ring::ended)
    }
}

#[cfg(test)]
mod tests;
