//! Devices in memory that forget what was not flushed, and fail where a test says.
//!
//! Every write and flush is logged, so that a test can build the state after a power cut at any
//! point: all writes before the last flush of a device hold, of those after it any may be lost.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use super::{Completion, DevId, Engine, Op, OpKind, SubmitError, SubmitWhy};
use crate::units::Bytes;

const BLOCK: u64 = 512;

/// Something that reached a device.
#[derive(Clone, Debug)]
pub enum Event {
    /// Bytes written; volatile until the device is flushed.
    Write(DevId, u64, Vec<u8>),
    /// All before it is stable.
    Flush(DevId),
}

/// Says which operations fail.
pub type Faults = Box<dyn Fn(OpKind, DevId, u64, usize) -> bool>;

/// Devices in memory.
pub struct MemEngine {
    /// What a read sees.
    pub disks: Vec<Vec<u8>>,
    /// Everything that reached the devices, in order; shared with the test.
    pub log: Rc<RefCell<Vec<Event>>>,
    /// Operations that fail with EIO.
    pub faults: Faults,
    ended: VecDeque<Completion>,
}

impl std::fmt::Debug for MemEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemEngine({} disks)", self.disks.len())
    }
}

impl MemEngine {
    /// Devices with the given content.
    pub fn new(disks: Vec<Vec<u8>>) -> Self {
        let faults: Faults = Box::new(|_, _, _, _| false);
        Self { disks, log: Rc::default(), faults, ended: VecDeque::new() }
    }

    fn execute(&mut self, op: &mut Op) -> io::Result<()> {
        let (at, len) = (usize::try_from(op.offset.get()).unwrap(), op.buf.len());
        if (self.faults)(op.kind, op.dev, op.offset.get(), len) {
            return Err(io::Error::from_raw_os_error(nix::libc::EIO));
        }
        if op.kind == OpKind::Flush {
            self.log.borrow_mut().push(Event::Flush(op.dev));
            return Ok(());
        }
        let disk = &mut self.disks[op.dev.0];
        let part = disk.get_mut(at..at + len).ok_or(io::ErrorKind::UnexpectedEof)?;
        if op.kind == OpKind::Read {
            op.buf.bytes_mut().copy_from_slice(part);
            return Ok(());
        }
        part.copy_from_slice(op.buf.bytes());
        let event = Event::Write(op.dev, op.offset.get(), op.buf.bytes().to_vec());
        self.log.borrow_mut().push(event);
        Ok(())
    }
}

impl Engine for MemEngine {
    fn align(&self, _: DevId) -> u64 {
        BLOCK
    }

    fn size(&self, dev: DevId) -> Bytes {
        self.disks.get(dev.0).map_or(Bytes::ZERO, |disk| Bytes::from(disk.len()))
    }

    fn depth(&self) -> usize {
        8
    }

    fn submit(&mut self, mut op: Op) -> Result<(), Box<SubmitError>> {
        let aligned =
            op.offset.get().is_multiple_of(BLOCK) && (op.buf.len() as u64).is_multiple_of(BLOCK);
        let why = match () {
            () if op.dev.0 >= self.disks.len() => Some(SubmitWhy::NoDevice),
            () if !aligned => Some(SubmitWhy::Unaligned),
            () if self.ended.len() >= self.depth() => Some(SubmitWhy::Full),
            () => None,
        };
        if let Some(why) = why {
            return Err(Box::new(SubmitError { why, op }));
        }
        let result = self.execute(&mut op);
        self.ended.push_back(Completion { tag: op.tag, result, buf: op.buf });
        Ok(())
    }

    /// Completes out of order: the newest first.
    fn wait(&mut self) -> Option<Completion> {
        self.ended.pop_back()
    }
}

#[test]
fn keeps_the_engine_contract() {
    super::conformance::all(&|size| Box::new(MemEngine::new(vec![vec![0; size]])));
}
