//! An owned buffer whose start is aligned for direct I/O.
//!
//! The alignment comes from a larger allocation of which a part is used: no unsafe code, at the
//! price of one page. A buffer is never copied by accident: it is not `Clone`. What goes to several
//! devices is [shared](Buf::share) instead, and whoever changes a shared buffer gets a copy of its
//! own first, so no operation ever sees its data change.

use std::fmt;
use std::sync::Arc;

use super::pool;

/// Enough for every logical block size the kernel knows today.
const ALIGN: usize = 4096;

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
}

impl Memory {
    fn new(bytes: Vec<u8>, len: usize) -> Self {
        let start = bytes.as_ptr().align_offset(ALIGN);
        // `align_offset` may decline by giving usize::MAX; the buffer is then merely unaligned.
        let start = if start < ALIGN { start } else { 0 };
        Self { bytes, start, len }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        pool::put(std::mem::take(&mut self.bytes));
    }
}

impl Buf {
    /// `len` zeroes.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        match len {
            0 => Self::default(),
            _ => Self { memory: Arc::new(Memory::new(vec![0; len + ALIGN], len)) },
        }
    }

    /// `len` bytes that are to be overwritten: what an earlier buffer held, or zeroes.
    #[must_use]
    pub fn reused(len: usize) -> Self {
        match pool::take(len + ALIGN) {
            Some(bytes) => Self { memory: Arc::new(Memory::new(bytes, len)) },
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
        let Memory { bytes, start, len } = &*self.memory;
        &bytes[*start..*start + *len]
    }

    /// The bytes, to be changed; copied first where they are shared.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        if Arc::get_mut(&mut self.memory).is_none() {
            self.memory = self.copied();
        }
        match Arc::get_mut(&mut self.memory) {
            Some(Memory { bytes, start, len }) => &mut bytes[*start..*start + *len],
            // Cannot be: nobody else has the copy.
            None => &mut [],
        }
    }

    fn copied(&self) -> Arc<Memory> {
        let mut memory = Memory::new(vec![0; self.len() + ALIGN], self.len());
        let start = memory.start;
        memory.bytes[start..start + self.len()].copy_from_slice(self.bytes());
        Arc::new(memory)
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
