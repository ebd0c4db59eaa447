//! Writes the members: holes where nothing was ever written, then content, bitmap and superblock.
//!
//! Nothing is flushed: practice files need not survive a power cut of the machine they are on.

use std::os::unix::fs::FileExt as _;

use super::files::Claimed;
use super::options::{DemoOptions, EVENTS};
use super::pattern::{Age, content};
use super::scene::Scene;
use crate::error::{Error, Result};
use crate::format::bitmap::{NewBitmap, bits, geometry};
use crate::format::md::{NewArray, SuperView, Superblock};
use crate::units::{Bytes, ChunkSize, Events, SectorRange, Sectors, Slot};

/// Writes every member to the file made for it; gives the sector at which their bitmaps begin.
pub(super) fn write_all(
    options: &DemoOptions,
    array: &NewArray,
    chunk: ChunkSize,
    scene: &Scene,
    claimed: &[Claimed],
) -> Result<Sectors> {
    let mut bitmap_at = Sectors::ZERO;
    for (slot, claimed) in (0..).map(Slot).zip(claimed) {
        let member = options.member(array, slot)?;
        let superblock = array.member(&member)?;
        let file = Image::new(claimed, member.device)?;
        write_content(&file, options, array, scene, slot)?;
        bitmap_at = write_bitmap(&file, array, superblock.view(), chunk, scene)?;
        write_super(&file, &superblock)?;
    }
    Ok(bitmap_at)
}

fn write_content(
    file: &Image<'_>,
    options: &DemoOptions,
    array: &NewArray,
    scene: &Scene,
    slot: Slot,
) -> Result<()> {
    let write = |range: SectorRange, age| {
        let at = array.data_offset.saturating_add(range.start);
        file.write(at, &content(options.seed, range, age))
    };
    for range in &scene.old {
        write(*range, Age::Old)?;
    }
    for last in &scene.last {
        let lost = last.lost && slot == options.victim();
        write(last.range, if lost { Age::Old } else { Age::Last })?;
    }
    Ok(())
}

/// Writes superblock and bits of the bitmap; what is left of the last sector stays set, which is
/// how mdadm leaves it.
fn write_bitmap(
    file: &Image<'_>,
    array: &NewArray,
    view: &SuperView,
    chunk: ChunkSize,
    scene: &Scene,
) -> Result<Sectors> {
    let at = view.bitmap_at.ok_or_else(|| Error::usage("there is no room for a bitmap"))?;
    let head = NewBitmap {
        uuid: array.uuid.bytes(),
        events: EVENTS,
        // Bits were last cleared just before the array became dirty.
        events_cleared: Events::new(EVENTS.get() - 1),
        sync_size: array.size,
        chunk,
        delay: 5,
        write_behind: 0,
        sectors_reserved: u32::try_from(view.bitmap_room.get()).unwrap_or(0),
    };
    let head = head.encode().0;
    let chunks = chunk.chunks_for(array.size);
    let length = geometry::classic_bytes(chunks).round_up(512).and_then(Bytes::to_usize);
    let mut raw = vec![0xff; length.ok_or_else(|| Error::usage("too many chunks"))?];
    raw[..head.len()].copy_from_slice(&head);
    let bit_bytes = &mut raw[head.len()..];
    bits::fill(bit_bytes, chunks.get(), false);
    scene.dirty.iter().for_each(|run| bits::set_run(bit_bytes, *run));
    file.write(at, &raw)?;
    Ok(at)
}

/// The superblock goes last: a file that misses something is no member of anything.
fn write_super(file: &Image<'_>, superblock: &Superblock) -> Result<()> {
    file.write(superblock.view().super_offset, superblock.raw())
}

/// A member's file, written to.
struct Image<'a>(&'a Claimed);

impl<'a> Image<'a> {
    /// Gives the empty file its length, all of it a hole.
    fn new(claimed: &'a Claimed, length: Sectors) -> Result<Self> {
        let bytes = length.to_bytes().ok_or_else(|| Error::usage("the size is too large"))?;
        let made = claimed.file.set_len(bytes.get());
        made.map_err(|error| Error::io("make room in", &claimed.path, error))?;
        Ok(Self(claimed))
    }

    fn write(&self, at: Sectors, bytes: &[u8]) -> Result<()> {
        let offset = at.to_bytes().ok_or_else(|| Error::usage("the size is too large"))?;
        let written = self.0.file.write_all_at(bytes, offset.get());
        written.map_err(|error| Error::io("write", &self.0.path, error).at_offset(offset))
    }
}
