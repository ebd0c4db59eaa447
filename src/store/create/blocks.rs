//! The bytes of a new bitmap, one block after the other.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::plan::Plan;
use crate::error::{Error, Result};
use crate::format::bitmap::superblock::SUPER_BYTES;

/// Bytes written at a time, and all that is ever held.
const BLOCK: u64 = 1 << 20;

/// Gives `put` every byte behind the superblock, in order, with its offset.
///
/// What pads the last byte, and what pads nothing, is set like mdadm does it; nobody reads it.
pub(super) fn bits(
    plan: &Plan,
    stop: &AtomicBool,
    mut put: impl FnMut(u64, &[u8]) -> io::Result<()>,
    failed: impl Fn(io::Error) -> Error,
) -> Result<()> {
    let fill = if plan.clean { 0 } else { 0xff };
    let end = plan.bytes.get();
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

fn check(stop: &AtomicBool) -> Result<()> {
    if stop.load(Ordering::Relaxed) {
        let what = "stopped by a signal; nothing is left behind";
        return Err(Error::new(crate::error::Kind::Interrupted, what));
    }
    Ok(())
}
