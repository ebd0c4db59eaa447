//! Devices in memory that forget what was not flushed, and fail where a test says.
//!
//! Every write and flush is logged, so that a test can build the state after a power cut at any
//! point: all writes before the last flush of a device hold, of those after it any may be lost.
//! A [`Script`] says which operations fail, come short, or find the device gone.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;

use super::{Completion, DevId, Engine, Op, OpKind, SubmitError, SubmitWhy};
use crate::units::Bytes;

mod script;

use script::Script;
pub use script::{Effect, Fault};

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
    /// What goes wrong, in the order it is told.
    script: Script,
    /// The block of each device, where it is another.
    blocks: Vec<u64>,
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
        Self {
            disks,
            log: Rc::default(),
            faults,
            script: Script::default(),
            blocks: Vec::new(),
            ended: VecDeque::new(),
        }
    }

    /// The same, with all that goes wrong.
    pub fn with(self, faults: &[Fault]) -> Self {
        Self { script: Script::new(faults), ..self }
    }

    /// The same, the first devices with blocks of so many bytes.
    pub fn in_blocks(self, blocks: &[u64]) -> Self {
        Self { blocks: blocks.to_vec(), ..self }
    }

    fn execute(&mut self, op: &mut Op) -> io::Result<()> {
        let len = op.buf.len();
        if (self.faults)(op.kind, op.dev, op.offset.get(), len) {
            return Err(io::Error::from_raw_os_error(nix::libc::EIO));
        }
        match self.script.effect(op) {
            None => self.transfer(op, 0, len),
            Some(Effect::Gone) => Err(io::Error::from_raw_os_error(nix::libc::ENODEV)),
            Some(Effect::Eio) => {
                // Nobody knows what a write that failed has left: here its first half.
                if op.kind == OpKind::Write {
                    self.transfer(op, 0, len / 2 / 512 * 512)?;
                }
                Err(io::Error::from_raw_os_error(nix::libc::EIO))
            }
            // As the real ones do, it goes on where the transfer stopped.
            Some(Effect::Short(by)) => {
                let parts = (0..len.max(1)).step_by(by.max(512));
                parts
                    .map(|from| (from, (from + by.max(512)).min(len)))
                    .try_for_each(|(from, to)| self.transfer(op, from, to))
            }
        }
    }

    /// Moves the bytes `from..to` of the operation's buffer.
    fn transfer(&mut self, op: &mut Op, from: usize, to: usize) -> io::Result<()> {
        if op.kind == OpKind::Flush {
            self.log.borrow_mut().push(Event::Flush(op.dev));
            return Ok(());
        }
        let at = usize::try_from(op.offset.get()).unwrap();
        let disk = &mut self.disks[op.dev.0];
        // All of it must be there before any of it is moved.
        disk.get(at..at + op.buf.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        let part = &mut disk[at + from..at + to];
        if op.kind == OpKind::Read {
            op.buf.bytes_mut()[from..to].copy_from_slice(part);
            return Ok(());
        }
        let bytes = op.buf.bytes()[from..to].to_vec();
        part.copy_from_slice(&bytes);
        if !bytes.is_empty() {
            self.log.borrow_mut().push(Event::Write(op.dev, (at + from) as u64, bytes));
        }
        Ok(())
    }
}

impl Engine for MemEngine {
    fn align(&self, dev: DevId) -> u64 {
        self.blocks.get(dev.0).copied().unwrap_or(BLOCK)
    }

    fn size(&self, dev: DevId) -> Bytes {
        self.disks.get(dev.0).map_or(Bytes::ZERO, |disk| Bytes::from(disk.len()))
    }

    fn depth(&self) -> usize {
        8
    }

    fn submit(&mut self, mut op: Op) -> Result<(), Box<SubmitError>> {
        let block = self.align(op.dev);
        let aligned =
            op.offset.get().is_multiple_of(block) && (op.buf.len() as u64).is_multiple_of(block);
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

    fn poll(&mut self) -> Option<Completion> {
        self.wait()
    }

    /// Completes out of order: the newest first.
    fn wait(&mut self) -> Option<Completion> {
        self.ended.pop_back()
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance;
    use super::*;

    fn disk(size: usize, script: &[Fault]) -> Box<dyn Engine> {
        let disks = vec![vec![0; size], vec![0; size]];
        Box::new(MemEngine::new(disks).with(script))
    }

    #[test]
    fn keeps_the_engine_contract() {
        conformance::all(&|size| disk(size, &[]));
    }

    #[test]
    fn keeps_it_where_transfers_come_short() {
        conformance::all(&|size| disk(size, &[Fault::of(DevId(0), Effect::Short(512))]));
    }

    #[test]
    fn keeps_it_where_a_device_fails() {
        let takes_no_writes = Fault::of(DevId(0), Effect::Eio).kind(OpKind::Write);
        conformance::failing(&|size| disk(size, std::slice::from_ref(&takes_no_writes)));
    }

    #[test]
    fn who_is_gone_stays_away() {
        let mut engine = disk(4096, &[Fault::of(DevId(0), Effect::Gone).after(1).times(1)]);
        let engine = engine.as_mut();
        super::super::flush(engine, DevId(0)).unwrap();
        for _ in 0..3 {
            let error = super::super::flush(engine, DevId(0)).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(nix::libc::ENODEV));
        }
        super::super::flush(engine, DevId(1)).unwrap();
    }
}
