//! The synchronous engine: executes at `submit`, completes at `wait` or `poll`.
//!
//! Needs nothing of the kernel but pread and pwrite, so it works everywhere.

use std::collections::VecDeque;
use std::io;

use super::{Completion, DevId, Device, Engine, Op, OpKind, SubmitError, SubmitWhy};
use crate::units::Bytes;

/// Operations that may be submitted before one is waited for.
const DEPTH: usize = 4;

/// Executes operations one after the other.
#[derive(Debug)]
pub struct SyncEngine {
    devices: Vec<Device>,
    ended: VecDeque<Completion>,
}

impl SyncEngine {
    /// An engine over `devices`; the n-th is `DevId(n)`.
    #[must_use]
    pub fn new(devices: Vec<Device>) -> Self {
        Self { devices, ended: VecDeque::new() }
    }

    fn check(&self, op: &Op) -> Result<(), SubmitWhy> {
        let device = self.devices.get(op.dev.0).ok_or(SubmitWhy::NoDevice)?;
        let aligned = |n: u64| n.is_multiple_of(device.align());
        match () {
            () if self.ended.len() >= DEPTH => Err(SubmitWhy::Full),
            () if !aligned(op.offset.get()) || !aligned(op.buf.len() as u64) => {
                Err(SubmitWhy::Unaligned)
            }
            () => Ok(()),
        }
    }

    fn execute(&self, op: &mut Op) -> io::Result<()> {
        let device = &self.devices[op.dev.0];
        match op.kind {
            OpKind::Read => device.read(op.buf.bytes_mut(), op.offset),
            OpKind::Write => device.write(op.buf.bytes(), op.offset),
            OpKind::Flush => device.flush(),
        }
    }
}

impl Engine for SyncEngine {
    fn align(&self, dev: DevId) -> u64 {
        self.devices.get(dev.0).map_or(1, Device::align)
    }

    fn size(&self, dev: DevId) -> Bytes {
        self.devices.get(dev.0).map_or(Bytes::ZERO, Device::size)
    }

    fn depth(&self) -> usize {
        DEPTH
    }

    fn submit(&mut self, mut op: Op) -> Result<(), Box<SubmitError>> {
        if let Err(why) = self.check(&op) {
            return Err(Box::new(SubmitError { why, op }));
        }
        let result = self.execute(&mut op);
        self.ended.push_back(Completion { tag: op.tag, result, buf: op.buf });
        Ok(())
    }

    fn poll(&mut self) -> Option<Completion> {
        self.ended.pop_front()
    }

    fn wait(&mut self) -> Option<Completion> {
        self.ended.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::conformance;

    #[test]
    fn keeps_the_engine_contract() {
        let make = |size: usize| {
            let file = tempfile::tempfile().unwrap();
            file.set_len(size as u64).unwrap();
            let device = Device::new(file, "disk", 512).unwrap();
            Box::new(SyncEngine::new(vec![device])) as Box<dyn Engine>
        };
        conformance::all(&make);
    }

    #[test]
    fn keeps_it_where_a_device_fails() {
        let make = |size: usize| {
            let engine = SyncEngine::new(conformance::one_read_only(size));
            Box::new(engine) as Box<dyn Engine>
        };
        conformance::failing(&make);
    }
}
