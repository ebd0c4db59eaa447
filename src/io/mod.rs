//! The only module that moves data of members and bitmaps for the engine.
//!
//! Operations own their buffers and completions give them back, so that no buffer is ever shared
//! with a kernel that may still write to it. One contract holds for every backend: a failed
//! transfer arrives as a completion, never as an error of `submit`; a completion is a success only
//! if every byte was moved; what `submit` refuses, it gives back.
//!
//! Imports `units`, `error`, `ioctl`.

use std::fmt;
use std::io;

use crate::units::Bytes;

mod buf;
mod choice;
mod device;
mod pool;
mod random;
mod shelf;
mod span;
mod stream;
mod sync;
mod uring;

#[cfg(test)]
pub mod conformance;
#[cfg(test)]
pub mod mem;

pub use buf::Buf;
pub use choice::{EngineChoice, Ready, choose};
pub use device::{Access, Device};
pub use random::random_uuid;
pub use span::{flush, read_span, write_span};
pub use stream::{Stream, Waits};
pub use sync::SyncEngine;
pub use uring::{UringEngine, UringProbe};

/// A device of an engine, by its place in the engine's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevId(pub usize);

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// Fills the buffer from the device.
    Read,
    /// Writes the buffer to the device.
    Write,
    /// Makes everything written so far, and completed, stable. Its buffer is empty.
    Flush,
}

/// One operation. Offset and length are multiples of the device's alignment.
#[derive(Debug)]
pub struct Op {
    /// Comes back with the completion; the caller's own.
    pub tag: u64,
    /// Where to.
    pub dev: DevId,
    /// What.
    pub kind: OpKind,
    /// Where on the device.
    pub offset: Bytes,
    /// The data, or room for it.
    pub buf: Buf,
}

/// What became of an operation.
#[derive(Debug)]
pub struct Completion {
    /// The operation's tag.
    pub tag: u64,
    /// Success means every byte; the end of the device is an error.
    pub result: io::Result<()>,
    /// The operation's buffer.
    pub buf: Buf,
}

/// Why an operation was not taken, and the operation itself.
#[derive(Debug)]
pub struct SubmitError {
    /// Misuse by the caller, or no room right now.
    pub why: SubmitWhy,
    /// The operation, given back.
    pub op: Op,
}

/// Why an operation was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubmitWhy {
    /// As many operations as the engine takes are under way: wait for one.
    Full,
    /// There is no such device.
    NoDevice,
    /// Offset or length is not a multiple of the device's alignment.
    Unaligned,
}

impl fmt::Display for SubmitWhy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "too many operations under way",
            Self::NoDevice => "no such device",
            Self::Unaligned => "offset or length is not aligned",
        })
    }
}

/// Moves data between buffers and devices.
pub trait Engine: fmt::Debug {
    /// Offset and length of operations on `dev` must be multiples of this, in bytes.
    fn align(&self, dev: DevId) -> u64;

    /// The size of `dev`.
    fn size(&self, dev: DevId) -> Bytes;

    /// How many operations may be under way at once.
    fn depth(&self) -> usize;

    /// Says that up to `count` buffers of `len` bytes will be in use at once: an engine may keep
    /// memory ready for them, never more. The first word counts.
    fn reserve(&mut self, len: usize, count: usize) {
        let _ = (len, count);
    }

    /// Starts an operation.
    ///
    /// # Errors
    /// Misuse or no room; never an I/O error.
    fn submit(&mut self, op: Op) -> Result<(), Box<SubmitError>>;

    /// Sees to it that what was submitted is under way, and gives an operation that has ended, if
    /// there is one, without waiting for any.
    fn poll(&mut self) -> Option<Completion>;

    /// Waits for any operation under way to end; `None` when there is none.
    fn wait(&mut self) -> Option<Completion>;
}
