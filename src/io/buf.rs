//! An owned buffer whose start is aligned for direct I/O.
//!
//! The alignment comes from a larger allocation of which a part is used: no unsafe code, at the
//! price of one page. A buffer is never copied by accident: it is not `Clone`. What goes to several
//! devices is [shared](Buf::share) instead, and whoever changes a shared buffer gets a copy of its
//! own first, so no operation ever sees its data change.

use std::fmt;
use std::sync::Arc;

use super::pool;
use super::shelf::{self, Home, Open};

/// Enough for every logical block size the kernel knows today.
pub(super) const ALIGN: usize = 4096;

/// A buffer aligned to 4096 bytes.
#[derive(Default)]
pub struct Buf {
    memory: Arc<Memory>,
}

#[derive(Default)]
struct Memory {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
    /// Of registered memory: where it belongs.
    home: Option<Home>,
}

impl Memory {
    fn new(bytes: Vec<u8>, len: usize, home: Option<Home>) -> Self {
        let start = aligned(&bytes);
        Self { bytes, start, len, home }
    }

    /// A piece of registered memory, where there is one of this length.
    fn registered(len: usize) -> Option<Self> {
        let (bytes, home) = shelf::take(len + ALIGN)?;
        Some(Self::new(bytes, len, Some(home)))
    }

    fn kept(len: usize) -> Option<Self> {
        Some(Self::new(pool::take(len + ALIGN)?, len, None))
    }
}

/// Where the aligned part of `bytes` begins.
pub(super) fn aligned(bytes: &[u8]) -> usize {
    let start = bytes.as_ptr().align_offset(ALIGN);
    // `align_offset` may decline by giving usize::MAX; the buffer is then merely unaligned.
    if start < ALIGN { start } else { 0 }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        match self.home.take() {
            Some(home) => home.put(bytes),
            None => pool::put(bytes),
        }
    }
}

impl Buf {
    /// `len` zeroes.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        if len == 0 {
            return Self::default();
        }
        let memory = match Memory::registered(len) {
            Some(mut memory) => {
                memory.bytes.fill(0);
                memory
            }
            None => Memory::new(vec![0; len + ALIGN], len, None),
        };
        Self { memory: Arc::new(memory) }
    }

    /// `len` bytes that are to be overwritten: what an earlier buffer held, or zeroes.
    #[must_use]
    pub fn reused(len: usize) -> Self {
        match Memory::registered(len).or_else(|| Memory::kept(len)) {
            Some(memory) => Self { memory: Arc::new(memory) },
            None => Self::zeroed(len),
        }
    }

    /// The same bytes for one more operation, without copying them.
    #[must_use]
    pub fn share(&self) -> Self {
        Self { memory: Arc::clone(&self.memory) }
    }

    /// Bytes in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.memory.len
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let Memory { bytes, start, len, .. } = &*self.memory;
        &bytes[*start..*start + *len]
    }

    /// The bytes, to be changed; copied first where they are shared.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        if Arc::get_mut(&mut self.memory).is_none() {
            *self = self.copied();
        }
        match Arc::get_mut(&mut self.memory) {
            Some(Memory { bytes, start, len, .. }) => &mut bytes[*start..*start + *len],
            // Cannot be: nobody else has the copy.
            None => &mut [],
        }
    }

    fn copied(&self) -> Self {
        let mut copy = Self::reused(self.len());
        copy.bytes_mut().copy_from_slice(self.bytes());
        copy
    }

    /// Its number among what was registered with `shelf`, if it is of that.
    pub(super) fn number(&self, shelf: &Open) -> Option<u16> {
        shelf.number(self.memory.home.as_ref()?)
    }
}

impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buf({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_whatever_their_length() {
        for len in [1, 512, 4096, 70_000] {
            for buf in [Buf::zeroed(len), Buf::reused(len), Buf::reused(len)] {
                assert_eq!(buf.bytes().as_ptr() as usize % ALIGN, 0);
                assert_eq!(buf.bytes().len(), len);
            }
        }
        assert!(Buf::zeroed(0).bytes().is_empty());
    }

    #[test]
    fn a_shared_buffer_keeps_its_bytes_when_another_is_changed() {
        let mut one = Buf::zeroed(5000);
        one.bytes_mut().fill(1);
        let mut other = one.share();
        assert_eq!(one.bytes().as_ptr(), other.bytes().as_ptr());
        other.bytes_mut().fill(2);
        assert!(one.bytes().iter().all(|b| *b == 1));
        assert!(other.bytes().iter().all(|b| *b == 2));
        assert_eq!(other.bytes().as_ptr() as usize % ALIGN, 0);
        let place = one.bytes().as_ptr();
        assert_eq!(one.bytes_mut().as_ptr(), place, "a buffer of one owner was copied");
    }

    #[test]
    fn zeroed_buffers_are_zero_and_reused_ones_come_back() {
        let len = (1 << 20) + 512;
        let mut buf = Buf::zeroed(len);
        buf.bytes_mut().fill(7);
        drop(buf);
        let again = Buf::reused(len);
        assert!(again.bytes().iter().all(|b| *b == 7));
        assert!(Buf::zeroed(len).bytes().iter().all(|b| *b == 0));
    }
}
