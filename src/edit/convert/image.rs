//! What is to be written into the members: decided from superblocks and file, then read.

use super::{ConvertOptions, told_offset};
use crate::array::internal::{Gap, Ground, LEAST_CHUNK, Layout, fit, gaps};
use crate::edit::target::{Copy, Members, header};
use crate::error::{Error, Result};
use crate::format::bitmap::superblock::SUPER_BYTES;
use crate::format::bitmap::{BitScanner, BitmapSuper, RawBitmapSuper, StateFlags, bits};
use crate::io::{DevId, Engine, read_span};
use crate::resync::load::Place;
use crate::resync::trust::{Doubt, doubt};
use crate::units::{Bytes, ChunkRun, ChunkSize, Chunks, Sectors};

/// Bytes of bits read at a time.
const BLOCK: u64 = 64 << 10;

/// The bitmap as it will lie in each member.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) header: RawBitmapSuper,
    /// The bits, as long as the layout says: the superblock's place included, which is zero.
    pub(super) bytes: Vec<u8>,
    pub(super) layout: Layout,
    pub(super) size: Sectors,
    /// Whether a bit stands for more than it did.
    pub(super) coarser: bool,
    /// Why all bits are set, if so.
    pub(super) doubt: Option<String>,
}

impl Image {
    /// Decides it; the file is the last device.
    ///
    /// # Errors
    /// The array has a bitmap inside, the file is not its own, or there is no room.
    pub(super) fn plan(
        engine: &mut dyn Engine,
        members: &Members,
        options: &ConvertOptions,
    ) -> Result<Self> {
        let copy = Copy { dev: DevId(options.members.len()), at: Bytes::ZERO };
        let value = header(engine, copy, &options.file)?;
        let named = |error: Error| error.or_at_path(&options.file);
        let place = copy.place(engine.size(copy.dev), None);
        let doubt = doubted(&value, &place, members).map_err(named)?;
        let layout = room(engine, members, &value, options.chunk)?;
        let known = told_offset(members)?;
        if all_tell(members) {
            return Err(Error::refused("the array has an internal bitmap already"));
        }
        if known.is_some_and(|known| known != layout.offset) {
            let why = "some members have a bitmap inside, elsewhere than it would be put";
            return Err(Error::refused(why));
        }
        let mut image = Self {
            header: new_header(engine, copy, members, &layout, doubt.is_some(), options)?,
            bytes: vec![0; layout.bytes.to_usize().unwrap_or(0)],
            size: members.size,
            coarser: layout.chunk > value.chunk,
            doubt: doubt.map(|doubt| doubt.to_string()),
            layout,
        };
        let failed = |error| Error::io("read the bits", &options.file, error);
        image.fill(engine, copy, &value).map_err(failed)?;
        Ok(image)
    }

    pub(super) fn chunks(&self) -> Chunks {
        self.layout.chunk.chunks_for(self.size)
    }

    pub(super) fn dirty(&self) -> Chunks {
        let skip = usize::try_from(SUPER_BYTES).unwrap_or(0);
        Chunks::new(bits::count_set(&self.bytes[skip..], self.chunks().get()))
    }

    /// Sets what is dirty in the file, or all where nobody knows.
    fn fill(
        &mut self,
        engine: &mut dyn Engine,
        copy: Copy,
        value: &BitmapSuper,
    ) -> std::io::Result<()> {
        if self.doubt.is_some() {
            self.set(ChunkRun::between(Chunks::ZERO, self.chunks()));
            return Ok(());
        }
        let mut scanner = BitScanner::new(value.chunks());
        let (mut at, end) = (0, value.chunks().get().div_ceil(8));
        let (chunk, size, target) = (value.chunk, self.size, self.layout.chunk);
        let moved = |run: ChunkRun| ChunkRun::covering(run.sectors(chunk, size), target);
        while at < end {
            let len = usize::try_from((end - at).min(BLOCK)).unwrap_or(0);
            let bytes = read_span(engine, copy.dev, Bytes::new(SUPER_BYTES + at), len)?;
            scanner.feed(&bytes, |run| self.set(moved(run)));
            at += len as u64;
        }
        if let Some(last) = scanner.finish() {
            self.set(moved(last));
        }
        Ok(())
    }

    fn set(&mut self, run: ChunkRun) {
        let skip = usize::try_from(SUPER_BYTES).unwrap_or(0);
        bits::set_run(&mut self.bytes[skip..], run);
    }
}

fn all_tell(members: &Members) -> bool {
    let mut current = super::current(members);
    current.all(|index| members.superblocks[index].view().bitmap_at.is_some())
}

/// Why everything is dirty, if so; what is not the array's at all is refused.
fn doubted(value: &BitmapSuper, place: &Place, members: &Members) -> Result<Option<Doubt>> {
    match doubt(value, place, members.freshest().view(), members.size) {
        None => Ok(None),
        Some(doubt @ (Doubt::Stale { .. } | Doubt::MarkedStale)) => Ok(Some(doubt)),
        Some(doubt) => Err(Error::refused(doubt.to_string())),
    }
}

/// Place and chunk: as fine as in the file, or as fits.
fn room(
    engine: &dyn Engine,
    members: &Members,
    value: &BitmapSuper,
    wanted: Option<ChunkSize>,
) -> Result<Layout> {
    let gaps = free(engine, members);
    if wanted.is_some() {
        return fit(&gaps, members.size, wanted);
    }
    let mut chunk = value.chunk.max(least()?);
    loop {
        match (fit(&gaps, members.size, Some(chunk)), ChunkSize::from_bytes(chunk.bytes() * 2)) {
            (Ok(layout), _) => return Ok(layout),
            (Err(error), None) => return Err(error),
            (Err(_), Some(coarser)) => chunk = coarser,
        }
    }
}

/// What is free on all members.
pub(super) fn free(engine: &dyn Engine, members: &Members) -> Vec<Gap> {
    let all = members.superblocks.iter().enumerate();
    let grounds: Vec<Ground> =
        all.map(|(n, superblock)| Ground::of(superblock, engine.align(DevId(n)))).collect();
    gaps(&grounds)
}

fn new_header(
    engine: &mut dyn Engine,
    copy: Copy,
    members: &Members,
    layout: &Layout,
    all_dirty: bool,
    options: &ConvertOptions,
) -> Result<RawBitmapSuper> {
    let bytes = crate::edit::target::raw_header(engine, copy, &options.file)?;
    let raw = RawBitmapSuper::from_prefix(&bytes);
    let mut raw = raw.ok_or_else(|| Error::damaged("no bitmap").at_path(&options.file))?;
    let events = members.assembly.events;
    raw.set_events(raw.events().max(events));
    if all_dirty {
        // Nothing is known of the past: nobody who left before may come back by this bitmap.
        raw.set_events_cleared(events);
    }
    raw.set_sync_size(members.size);
    raw.set_chunksize(u32::try_from(layout.chunk.bytes()).unwrap_or(u32::MAX));
    raw.set_sectors_reserved(u32::try_from(layout.room.get()).unwrap_or(0));
    raw.set_state(raw.state().without(StateFlags::STALE));
    Ok(raw)
}

/// The smallest chunk of an internal bitmap.
fn least() -> Result<ChunkSize> {
    ChunkSize::from_bytes(LEAST_CHUNK).ok_or_else(|| Error::damaged("no such chunk"))
}
