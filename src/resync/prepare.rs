//! What is written before the first chunk is copied: bitmap copies that agree, a bitmap superblock
//! the kernel believes and, where the array counts as clean, superblocks that say it is not. Then
//! everybody who takes part is flushed.
//!
//! After this a crash at any point leaves an array whose dirty bits cover all that may differ.

use super::bits::BitStore;
use super::finish::{Seat, SuperWriter};
use super::load::Bitmap;
use super::plan::{Decision, Plan};
use super::trust::Doubt;
use crate::error::{Error, Result};
use crate::format::bitmap::{
    BitmapSuper, BitmapVersion, Coverage, NewBitmap, RawBitmapSuper, StateFlags, decode, geometry,
};
use crate::format::md::SuperView;
use crate::io::{DevId, Engine, flush, write_span};
use crate::units::{ChunkSize, Events, SECTOR_BYTES};

/// The bytes of a bitmap's superblock.
pub(super) type Raw = RawBitmapSuper;

/// The bitmap's terms from now on: what is to stand in its superblock.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    pub(super) raw: RawBitmapSuper,
    pub(super) value: BitmapSuper,
}

/// Settles the bitmap's terms: its own where it is believed, else such that a full resync may
/// start over in it.
///
/// # Errors
/// Refused where the bitmap is not the array's to write, or too small.
pub(super) fn terms(bitmap: &Bitmap, plan: &Plan, array: &SuperView) -> Result<Option<Terms>> {
    if bitmap.places.is_empty() {
        return Ok(None);
    }
    let raw = match (&bitmap.doubt, &bitmap.header) {
        (None, Some((raw, _))) => raw.clone(),
        _ if plan.decision != Decision::Full => return Err(unusable(bitmap)),
        (Some(Doubt::OtherArray | Doubt::Form(_)), _) => return Err(unusable(bitmap)),
        (_, Some((raw, value))) => renewed(raw, value, bitmap, array)?,
        (_, None) => fresh(bitmap, array)?.encode(),
    };
    let mut raw = raw;
    raw.set_sync_size(bitmap.size);
    raw.set_events(raw.events().max(array.events));
    raw.set_state(raw.state().without(StateFlags::STALE).without(StateFlags::WRITE_ERROR));
    let value = decode(&raw.0).value.ok_or_else(|| unusable(bitmap))?;
    match (bitmap.cramped(&value), &bitmap.doubt) {
        (None, _) => {}
        // The slots of a cluster's nodes cannot be made shorter.
        (Some(_), Some(Doubt::NoRoom { .. })) => return Err(unusable(bitmap)),
        (Some(_), _) => return Err(too_small(bitmap)),
    }
    Ok(Some(Terms { raw, value }))
}

/// The way out where an internal bitmap is of no use.
const WITHOUT: &str = "take the bitmap away with mdadm --assemble --update=no-bitmap";

fn unusable(bitmap: &Bitmap) -> Error {
    let why = bitmap.doubt.as_ref().map_or_else(|| "there is no bitmap".into(), Doubt::to_string);
    let error = Error::refused(why);
    match &bitmap.path {
        Some(path) => error.at_path(path).hint("leave out --bitmap and give --full"),
        None => error.hint(WITHOUT),
    }
}

/// A bitmap superblock that was out of date or of another size, made to fit the array; nothing is
/// known of the past, so all its bits will be set.
fn renewed(
    raw: &RawBitmapSuper,
    value: &BitmapSuper,
    bitmap: &Bitmap,
    array: &SuperView,
) -> Result<RawBitmapSuper> {
    let mut raw = raw.clone();
    raw.set_sync_size(bitmap.size);
    raw.set_events_cleared(array.events);
    let chunk = match value.version {
        // Where the nodes' bitmaps lie hangs on it.
        BitmapVersion::Clustered5 => value.chunk,
        _ => fitting(value, bitmap)?,
    };
    let unit = if value.version == BitmapVersion::Lockless6 { SECTOR_BYTES } else { 1 };
    raw.set_chunksize(u32::try_from(chunk.bytes() / unit).unwrap_or(u32::MAX));
    let begun = raw.state().without(StateFlags::FIRST_USE).without(StateFlags::CLEAN);
    raw.set_state(begun);
    Ok(raw)
}

/// The chunk of `value`, doubled until all bits fit the room.
fn fitting(value: &BitmapSuper, bitmap: &Bitmap) -> Result<ChunkSize> {
    let room = bitmap.room(value.version);
    let mut coverage = Coverage { size: bitmap.size, ..value.coverage() };
    while coverage.bytes_needed() > room {
        let doubled = ChunkSize::from_bytes(coverage.chunk.bytes() * 2);
        coverage.chunk = doubled.ok_or_else(|| too_small(bitmap))?;
    }
    Ok(coverage.chunk)
}

fn too_small(bitmap: &Bitmap) -> Error {
    let error = Error::refused("there is no room for the bits of this array");
    match &bitmap.path {
        Some(path) => error.at_path(path),
        None => error.hint(WITHOUT),
    }
}

/// A new internal bitmap where the old one cannot be read. A file is never made up like this: it
/// may be anything.
fn fresh(bitmap: &Bitmap, array: &SuperView) -> Result<NewBitmap> {
    if bitmap.path.is_some() {
        return Err(unusable(bitmap));
    }
    let room = bitmap.room(BitmapVersion::Classic4);
    let chunk = geometry::default_internal_chunk(bitmap.size, room);
    Ok(NewBitmap {
        uuid: array.uuid.bytes(),
        events: array.events,
        events_cleared: array.events,
        sync_size: bitmap.size,
        chunk: chunk.ok_or_else(|| too_small(bitmap))?,
        delay: 5,
        write_behind: 0,
        sectors_reserved: u32::try_from(room.to_sectors_floor().get()).unwrap_or(0),
    })
}

/// Writes the bitmap superblock to every copy; durable when it returns.
///
/// # Errors
/// A copy cannot be written.
pub(super) fn write_header(
    engine: &mut dyn Engine,
    bitmap: &Bitmap,
    raw: &RawBitmapSuper,
) -> Result<()> {
    for place in &bitmap.places {
        let failed = |e| bitmap_error("write the bitmap superblock", bitmap, e).at_offset(place.at);
        write_span(engine, place.dev, place.at, &raw.0).map_err(failed)?;
    }
    for place in &bitmap.places {
        let failed = |e| bitmap_error("flush the bitmap", bitmap, e);
        flush(engine, place.dev).map_err(failed)?;
    }
    Ok(())
}

/// An I/O error on the bitmap, named by its path where it has one of its own.
pub(super) fn bitmap_error(operation: &str, bitmap: &Bitmap, error: std::io::Error) -> Error {
    let path = bitmap.path.clone().unwrap_or_else(|| "internal bitmap".into());
    Error::io(operation, path, error)
}

/// Proof that what all who take part hold is on stable storage, be it data, copies or parity. Most
/// of it was written by somebody else, and may be in a cache still: a bit must not go before that.
#[derive(Debug)]
pub(super) struct Stable(());

/// Flushes everybody who takes part.
///
/// # Errors
/// One cannot be flushed: nobody knows what it holds.
pub(super) fn stable(engine: &mut dyn Engine, seats: &[Seat<'_>]) -> Result<Stable> {
    for seat in seats {
        flush(engine, DevId(seat.index)).map_err(|e| Error::io("flush", &seat.path, e))?;
    }
    Ok(Stable(()))
}

/// Makes the array ready: see the head of this file.
///
/// # Errors
/// Something cannot be read or written; nothing was copied yet.
pub(super) fn prepare(
    engine: &mut dyn Engine,
    bitmap: &Bitmap,
    work: Option<(&Terms, &mut BitStore)>,
    plan: &Plan,
    supers: &mut SuperWriter<'_>,
) -> Result<Stable> {
    if let Some((terms, store)) = work {
        // Bits before the superblock that vouches for them.
        let all_dirty = plan.decision == Decision::Full;
        let failed = |e| bitmap_error("bring the copies of the bitmap in line", bitmap, e);
        store.equalise(engine, all_dirty).map_err(failed)?;
        write_header(engine, bitmap, &terms.raw)?;
    }
    if plan.mark_dirty {
        supers.mark_dirty(engine)?;
    }
    stable(engine, &supers.seats)
}

/// The superblock of a bitmap whose bits were all dealt with while nobody was missing.
pub(super) fn settled(terms: &Terms, events: Events, cleared: bool) -> RawBitmapSuper {
    let mut raw = terms.raw.clone();
    raw.set_events(raw.events().max(events));
    if cleared {
        raw.set_events_cleared(events);
    }
    raw
}
