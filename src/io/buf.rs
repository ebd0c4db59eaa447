//! An owned buffer whose start is aligned for direct I/O.
//!
//! The alignment comes from a larger allocation of which a part is used: no unsafe code, at the
//! price of one page. A buffer is never copied by accident: it is not `Clone`.

use std::fmt;

/// Enough for every logical block size the kernel knows today.
const ALIGN: usize = 4096;

/// A buffer aligned to 4096 bytes.
#[derive(Default)]
pub struct Buf {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buf {
    /// `len` zeroes.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        if len == 0 {
            return Self::default();
        }
        let memory = vec![0; len + ALIGN];
        let start = memory.as_ptr().align_offset(ALIGN);
        // `align_offset` may decline by giving usize::MAX; the buffer is then merely unaligned.
        let start = if start < ALIGN { start } else { 0 };
        Self { memory, start, len }
    }

    /// Bytes in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }

    /// The bytes, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

impl fmt::Debug for Buf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buf({} bytes)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_whatever_their_length() {
        for len in [1, 512, 4096, 70_000] {
            let buf = Buf::zeroed(len);
            assert_eq!(buf.bytes().as_ptr() as usize % ALIGN, 0);
            assert_eq!(buf.bytes().len(), len);
        }
        assert!(Buf::zeroed(0).bytes().is_empty());
    }
}
