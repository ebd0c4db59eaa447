//! Devices of any size in little memory: pieces of content, zeroes between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;

use super::draw::Draw;
use crate::io::{Completion, DevId, Engine, Op, OpKind, SubmitError, SubmitWhy};
use crate::units::Bytes;

/// The unit of content.
const BLOCK: usize = 512;

/// One device. Blocks that are not there are zeroes.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) size: u64,
    blocks: BTreeMap<u64, Vec<u8>>,
}

impl Disk {
    /// An empty one, of whole sectors.
    pub(super) fn new(size: u64) -> Self {
        Self { size: size / BLOCK as u64 * BLOCK as u64, blocks: BTreeMap::new() }
    }

    /// A size of at most `most`, then pieces: the sector, the length in bytes, the bytes.
    pub(super) fn drawn(draw: &mut Draw<'_>, most: u64) -> Self {
        let mut disk = Self::new(u64::from(draw.u32()).saturating_mul(512).min(most));
        for _ in 0..draw.byte() % 16 {
            let (sector, len) = (u64::from(draw.u32()), usize::from(draw.u16()));
            disk.put(sector.saturating_mul(512), draw.take(len));
        }
        disk
    }

    /// What lies there; zeroes where nothing does.
    pub(super) fn get(&self, at: u64, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let (unit, end) = (BLOCK as u64, at.saturating_add(len as u64));
        for (block, content) in self.blocks.range(at / unit..=end / unit) {
            let start = block * unit;
            let (from, to) = (at.max(start), end.min(start + unit));
            if from < to {
                let (here, there) = (index(from - at)..index(to - at), index(from - start));
                let len = here.len();
                bytes[here].copy_from_slice(&content[there..there + len]);
            }
        }
        bytes
    }

    /// Lays `bytes` there, as far as there is room.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) {
        let (unit, mut at) = (BLOCK as u64, at);
        let room = index(self.size.saturating_sub(at)).min(bytes.len());
        let mut rest = &bytes[..room];
        while !rest.is_empty() {
            let from = index(at % unit);
            let (now, later) = rest.split_at(rest.len().min(BLOCK - from));
            let block = self.blocks.entry(at / unit).or_insert_with(|| vec![0; BLOCK]);
            block[from..from + now.len()].copy_from_slice(now);
            (rest, at) = (later, at + now.len() as u64);
        }
    }

    /// The pieces of content: where, and what.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.blocks.iter().map(|(block, bytes)| (block * BLOCK as u64, &bytes[..]))
    }
}

fn index(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// An engine over such devices, that remembers who was written.
#[derive(Debug)]
pub(super) struct Disks {
    pub(super) disks: Vec<Disk>,
    pub(super) written: BTreeSet<usize>,
    ended: VecDeque<Completion>,
}

impl Disks {
    pub(super) fn new(disks: Vec<Disk>) -> Self {
        Self { disks, written: BTreeSet::new(), ended: VecDeque::new() }
    }

    fn execute(&mut self, op: &mut Op) -> io::Result<()> {
        let (at, len) = (op.offset.get(), op.buf.len());
        let disk = &mut self.disks[op.dev.0];
        let end = at.checked_add(len as u64).filter(|end| *end <= disk.size);
        if op.kind != OpKind::Flush && end.is_none() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match op.kind {
            OpKind::Read => op.buf.bytes_mut().copy_from_slice(&disk.get(at, len)),
            OpKind::Write => {
                self.written.insert(op.dev.0);
                disk.put(at, op.buf.bytes());
            }
            OpKind::Flush => {}
        }
        Ok(())
    }
}

impl Engine for Disks {
    fn align(&self, _: DevId) -> u64 {
        BLOCK as u64
    }

    fn size(&self, dev: DevId) -> Bytes {
        self.disks.get(dev.0).map_or(Bytes::ZERO, |disk| Bytes::new(disk.size))
    }

    fn depth(&self) -> usize {
        8
    }

    fn submit(&mut self, mut op: Op) -> Result<(), Box<SubmitError>> {
        let lens = [op.offset.get(), op.buf.len() as u64];
        let aligned = lens.iter().all(|len| len.is_multiple_of(BLOCK as u64));
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

    fn wait(&mut self) -> Option<Completion> {
        self.ended.pop_back()
    }
}
