//! The bytes of a new bitmap, one block after the other.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};
use crate::format::bitmap::superblock::SUPER_BYTES;
use crate::units::Bytes;

/// Bytes written at a time, and all that is ever held.
const BLOCK: u64 = 1 << 20;

/// Gives `put` every byte behind the superblock of a bitmap of so many bytes whose bits are clear or
/// set, in order, with its offset.
///
/// What pads the last byte, and what pads nothing, is set like mdadm does it; nobody reads it.
pub(super) fn bits(
    (bytes, clean): (Bytes, bool),
    stop: &AtomicBool,
    mut put: impl FnMut(u64, &[u8]) -> io::Result<()>,
    failed: impl Fn(io::Error) -> Error,
) -> Result<()> {
    let fill = if clean { 0 } else { 0xff };
    let end = bytes.get();
    let largest = BLOCK.min(end - SUPER_BYTES);
    let block = vec![fill; usize::try_from(largest).unwrap_or(0)];
    let mut at = SUPER_BYTES;
    while at < end {
        check(stop)?;
        // Blocks end on multiples of their size, so that writes are aligned from the second on.
        let len = (BLOCK - at % BLOCK).min(end - at);
        put(at, &block[..usize::try_from(len).unwrap_or(0)]).map_err(&failed)?;
        at += len;
    }
    check(stop)
}

pub(super) fn check(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        let what = "stopped by a signal; nothing is left behind";
        return Err(Error::new(crate::error::Kind::Interrupted, what));
    }
    Ok(())
}
