//! Metadata in spans of any length: read and written one at a time, while no data is under way.
//!
//! A span that does not fill whole blocks of the device is written by reading the blocks that it
//! shares, patching them and writing them back; its neighbours get the bytes they had, even when a
//! block is torn. What lies between, and is written whole, need not be readable.

use std::io;

use super::{Buf, Completion, DevId, Engine, Op, OpKind};
use crate::units::Bytes;

/// Reads `len` bytes at `at`.
///
/// # Errors
/// The device failed or ended before.
pub fn read_span(
    engine: &mut dyn Engine,
    dev: DevId,
    at: Bytes,
    len: usize,
) -> io::Result<Vec<u8>> {
    let (start, blocks) = cover(engine, dev, at, len)?;
    let buf = read_blocks(engine, dev, start, blocks)?;
    let skip = offset_in(at, start)?;
    Ok(buf.bytes()[skip..skip + len].to_vec())
}

/// Writes `bytes` at `at`; nothing else changes.
///
/// # Errors
/// The device failed or ended before.
pub fn write_span(engine: &mut dyn Engine, dev: DevId, at: Bytes, bytes: &[u8]) -> io::Result<()> {
    let (start, blocks) = cover(engine, dev, at, bytes.len())?;
    let skip = offset_in(at, start)?;
    let whole = skip == 0 && blocks == bytes.len();
    let mut buf = if whole { Buf::zeroed(blocks) } else { read_edges(engine, dev, start, blocks)? };
    buf.bytes_mut()[skip..skip + bytes.len()].copy_from_slice(bytes);
    execute(engine, dev, OpKind::Write, start, buf).map(drop)
}

/// Makes everything written to `dev` stable.
///
/// # Errors
/// The device failed.
pub fn flush(engine: &mut dyn Engine, dev: DevId) -> io::Result<()> {
    execute(engine, dev, OpKind::Flush, Bytes::ZERO, Buf::default()).map(drop)
}

fn read_blocks(engine: &mut dyn Engine, dev: DevId, at: Bytes, len: usize) -> io::Result<Buf> {
    execute(engine, dev, OpKind::Read, at, Buf::zeroed(len))
}

/// The first and the last block of a span, and nothing of what lies between.
fn read_edges(engine: &mut dyn Engine, dev: DevId, at: Bytes, len: usize) -> io::Result<Buf> {
    let unit = usize::try_from(engine.align(dev)).unwrap_or(len);
    if len <= 2 * unit {
        return read_blocks(engine, dev, at, len);
    }
    let mut buf = Buf::zeroed(len);
    for skip in [0, len - unit] {
        let edge = read_blocks(engine, dev, at.saturating_add(Bytes::from(skip)), unit)?;
        buf.bytes_mut()[skip..skip + unit].copy_from_slice(edge.bytes());
    }
    Ok(buf)
}

/// The device's blocks that hold the span: their start and length.
fn cover(engine: &dyn Engine, dev: DevId, at: Bytes, len: usize) -> io::Result<(Bytes, usize)> {
    let unit = engine.align(dev);
    let start = at.round_down(unit);
    let end = at.checked_add(Bytes::from(len)).filter(|end| *end <= engine.size(dev));
    let end = end.and_then(|end| end.round_up(unit));
    let blocks = end.and_then(|end| end.checked_sub(start)).and_then(Bytes::to_usize);
    Ok((start, blocks.ok_or(io::ErrorKind::UnexpectedEof)?))
}

fn offset_in(at: Bytes, start: Bytes) -> io::Result<usize> {
    at.saturating_sub(start).to_usize().ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Runs one operation to its end. Nothing else may be under way.
fn execute(
    engine: &mut dyn Engine,
    dev: DevId,
    kind: OpKind,
    offset: Bytes,
    buf: Buf,
) -> io::Result<Buf> {
    let op = Op { tag: u64::MAX, dev, kind, offset, buf };
    engine.submit(op).map_err(|refused| io::Error::other(refused.why.to_string()))?;
    match engine.wait() {
        Some(Completion { result, buf, .. }) => result.map(|()| buf),
        None => Err(io::Error::other("the operation was lost")),
    }
}
