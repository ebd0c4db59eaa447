//! Small arrays in memory, with real superblocks and bitmaps, in the states that matter.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::oracle::{PAGE, Shape, content};
use crate::error::Result;
use crate::format::Probe;
use crate::format::bitmap::{self, BitmapSuper, NewBitmap, bits};
use crate::format::md::{
    Features, HostOrder, MdUuid, MdVersion, NewArray, NewMember, ResyncPoint, SuperEdit,
    Superblock, badblocks, candidates, checksum,
};
use crate::io::mem::MemEngine;
use crate::resync::judge::judge;
use crate::resync::replace;
use crate::resync::run::{ResyncOptions, look, perform};
use crate::resync::{Observer, Report, Silent};
use crate::units::{ChunkRun, ChunkSize, Chunks, Events, Sectors, Slot};

pub(crate) const CHUNK: u64 = 4096;
pub(crate) const CHUNKS: u64 = 16;
pub(crate) const EVENTS: u64 = 20;
const UUID: [u8; 16] = *b"0123456789abcdef";

pub(crate) const V0_90: MdVersion = MdVersion::V0_90(HostOrder::Little);

/// One member's state when the array went down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) events: u64,
    pub(crate) clean: bool,
    /// Whether the others still count it in.
    pub(crate) listed: bool,
    /// Chunks in which its data is not that of member 0.
    pub(crate) differs: &'static [u64],
}

pub(crate) const DIRTY: State = State { events: EVENTS, clean: false, listed: true, differs: &[] };

/// An array in memory. The bitmap file, if it has one, is the last disk.
#[derive(Clone, Debug)]
pub(crate) struct Lab {
    pub(crate) shape: Shape,
    pub(crate) version: MdVersion,
    pub(crate) disks: Vec<Vec<u8>>,
    pub(crate) members: usize,
    pub(crate) file: bool,
}

fn new_array(shape: Shape, version: MdVersion, file: bool) -> NewArray {
    let uuid = MdUuid::from_bytes(UUID);
    let disks = u16::try_from(shape.disks).unwrap();
    let mut array = NewArray::mirror(version, uuid, disks, Sectors::new(shape.pages * 8));
    (array.level, array.layout) = (shape.level, shape.layout);
    array.chunk = Sectors::new(shape.chunk * 8);
    array.bblog = false;
    if !version.is_at_end() {
        array.data_offset = Sectors::new(32);
    }
    if file {
        array.bitmap_offset = None;
    }
    array
}

impl Lab {
    /// A mirror; `dirty` lists the chunks whose bits are set.
    pub(crate) fn new(version: MdVersion, states: &[State], dirty: &[u64], file: bool) -> Self {
        Self::of(Shape::mirror(states.len()), version, states, dirty, file)
    }

    /// An array of any shape.
    pub(crate) fn of(
        shape: Shape,
        version: MdVersion,
        states: &[State],
        dirty: &[u64],
        file: bool,
    ) -> Self {
        let array = new_array(shape, version, file);
        let device = array.least_device().unwrap();
        let len = usize::try_from(device.to_bytes().unwrap().get()).unwrap();
        let members = states.len();
        let mut lab = Self { shape, version, disks: vec![vec![0; len]; members], members, file };
        (0..members).for_each(|slot| lab.make_member(&array, slot, states, device));
        lab.fill(states);
        let header = header(shape, UUID);
        let bits = dirty_bits(shape, dirty);
        if file {
            lab.disks.push(bitmap_image(shape, UUID, dirty));
        } else {
            (0..states.len()).for_each(|slot| lab.put_bitmap(slot, &header.0, &bits));
        }
        lab
    }

    fn make_member(&mut self, array: &NewArray, slot: usize, states: &[State], device: Sectors) {
        let state = states[slot];
        let number = u16::try_from(slot).unwrap();
        let numbers = (7, u32::from(number));
        let member =
            NewMember { slot: Slot(number), device, device_uuid: [number as u8; 16], numbers };
        let resync =
            if state.clean { ResyncPoint::Clean } else { ResyncPoint::From(Sectors::ZERO) };
        let array = NewArray { events: Events::new(state.events), resync, ..array.clone() };
        let made = array.member(&member).unwrap();
        let left = left(states, state);
        let edit = SuperEdit {
            freshest: &made,
            events: made.view().events,
            resync,
            utime: 1,
            joined: &[],
            left: &left,
            own: None,
        };
        let bytes = if left.is_empty() { made.raw().to_vec() } else { made.edited(&edit).unwrap() };
        let at = usize::try_from(made.view().super_offset.get() * 512).unwrap();
        self.disks[slot][at..at + bytes.len()].copy_from_slice(&bytes);
    }

    fn fill(&mut self, states: &[State]) {
        for (n, unit) in self.shape.units().iter().enumerate() {
            let chunk = n as u64 / self.shape.bit;
            for (disk, page, bytes) in content(unit, n) {
                let stale = states[disk].differs.contains(&chunk);
                let other = if stale { 0x80 + disk as u8 } else { 0 };
                let at = self.page_at(page);
                let there = &mut self.disks[disk][at..at + PAGE];
                there.iter_mut().zip(bytes).for_each(|(to, from)| *to = from ^ other);
            }
        }
    }

    /// Where a page of the data area lies on a member.
    pub(crate) fn page_at(&self, page: u64) -> usize {
        let offset = if self.version.is_at_end() { 0 } else { 32 * 512 };
        offset + page as usize * PAGE
    }

    pub(crate) fn page(&self, disk: usize, page: u64) -> &[u8] {
        let at = self.page_at(page);
        &self.disks[disk][at..at + PAGE]
    }

    fn put_bitmap(&mut self, slot: usize, header: &[u8], bits: &[u8]) {
        let at = self.superblock(slot).unwrap().view().bitmap_at.unwrap();
        let at = usize::try_from(at.get() * 512).unwrap();
        self.disks[slot][at..at + 256].copy_from_slice(header);
        self.disks[slot][at + 256..at + 256 + bits.len()].copy_from_slice(bits);
    }

    /// Lists sectors of the data area of `disk` as bad, as a kernel with metadata 1.2 does it.
    pub(super) fn list_bad(&mut self, disk: usize, ranges: &[(u64, u64)]) {
        use crate::format::codec::{LittleEndian, Wire};
        use crate::format::md::super1::sb;
        assert_eq!(self.version, MdVersion::V1_2);
        let words = ranges.iter().map(|(start, len)| (start + 32) << 10 | len);
        let image = &mut self.disks[disk];
        image[24 * 512..32 * 512].fill(0xff);
        for (n, word) in words.enumerate() {
            word.put::<LittleEndian>(&mut image[24 * 512 + n * 8..]);
        }
        let raw = &mut image[4096..4096 + 1024];
        let features = sb::FEATURE_MAP.get::<LittleEndian>(raw);
        sb::FEATURE_MAP.put::<LittleEndian>(raw, features | Features::BAD_BLOCKS.bits());
        sb::BBLOG_OFFSET.put::<LittleEndian>(raw, 16);
        sb::BBLOG_SIZE.put::<LittleEndian>(raw, 8);
        let covered = 256 + 2 * sb::MAX_DEV.get::<LittleEndian>(raw) as usize;
        let sum = checksum::super1(&raw[..covered]);
        sb::SB_CSUM.put::<LittleEndian>(raw, sum);
    }

    /// Which sectors of its data area `disk` lists as bad.
    pub(super) fn listed(&self, disk: usize) -> Vec<u64> {
        let superblock = self.superblock(disk).unwrap();
        let view = superblock.view();
        let Some(place) = view.bblog.filter(|_| view.features.contains(Features::BAD_BLOCKS))
        else {
            return Vec::new();
        };
        let (ranges, findings) =
            badblocks::decode(place, &self.disks[disk][24 * 512..32 * 512], Sectors::new(1 << 20));
        assert!(findings.is_empty(), "{findings:?}");
        ranges.iter().flat_map(|r| r.start.get() - 32..r.end().get() - 32).collect()
    }

    /// Changes the bitmap's superblock in every copy.
    pub(crate) fn patch_bitmap(&mut self, patch: impl Fn(&mut bitmap::RawBitmapSuper)) {
        for disk in 0..self.disks.len() {
            let Some(at) = self.bitmap_at(disk) else { continue };
            let mut raw = bitmap::RawBitmapSuper::from_prefix(&self.disks[disk][at..]).unwrap();
            patch(&mut raw);
            self.disks[disk][at..at + 256].copy_from_slice(&raw.0);
        }
    }

    pub(super) fn bitmap_at(&self, disk: usize) -> Option<usize> {
        if disk >= self.members {
            return Some(0);
        }
        let at = self.superblock(disk)?.view().bitmap_at?;
        usize::try_from(at.get() * 512).ok()
    }

    pub(crate) fn superblock(&self, disk: usize) -> Option<Superblock> {
        let image = &self.disks[disk];
        let size = Sectors::new(image.len() as u64 / 512);
        candidates(size).into_iter().find_map(|(version, at)| {
            let at_byte = usize::try_from(at.get() * 512).unwrap();
            let bytes = &image[at_byte..(at_byte + 4096).min(image.len())];
            match Superblock::decode(version, at, bytes, size) {
                Probe::Found(found) => Some(found),
                _ => None,
            }
        })
    }

    /// The copy of the bitmap on `disk`: its superblock and which chunks are dirty.
    pub(crate) fn bitmap(&self, disk: usize) -> Option<(BitmapSuper, Vec<u64>)> {
        let at = self.bitmap_at(disk)?;
        let image = &self.disks[disk];
        let value = bitmap::decode(&image[at..at + 256]).value?;
        let set = super::forms::dirty(&value, &image[at..]);
        Some((value, set))
    }

    /// The data of one chunk of a member.
    pub(crate) fn chunk(&self, disk: usize, chunk: u64) -> &[u8] {
        self.page(disk, chunk)
    }

    pub(crate) fn engine(&self) -> MemEngine {
        MemEngine::new(self.disks.clone())
    }

    /// Options that give the engine the members `given`, by their names "0", "1"...
    pub(crate) fn options(&self) -> ResyncOptions {
        ResyncOptions {
            members: (0..self.members).map(|n| PathBuf::from(n.to_string())).collect(),
            bitmap: self.file.then(|| PathBuf::from("bitmap")),
            cluster_is_down: self.superblock(0).is_some_and(|found| found.view().clustered),
            now: 2,
            ..ResyncOptions::default()
        }
    }

    /// The same array with only its first `count` members at hand. What lies on the others is kept
    /// apart, and given back.
    pub(crate) fn without_last(&self, count: usize) -> (Self, Vec<Vec<u8>>) {
        let mut here = self.clone();
        let away = here.disks.drain(count..self.members).collect();
        here.members = count;
        (here, away)
    }
}

fn left(states: &[State], state: State) -> Vec<crate::format::md::Left> {
    let gone =
        states.iter().enumerate().filter(|(_, other)| !other.listed && other.events < state.events);
    gone.map(|(n, _)| crate::format::md::Left {
        dev_number: u32::try_from(n).unwrap(),
        slot: Slot(u16::try_from(n).unwrap()),
    })
    .collect()
}

/// A bitmap in a file, as the kernel and mdadm leave it.
pub(super) fn bitmap_image(shape: Shape, uuid: [u8; 16], dirty: &[u64]) -> Vec<u8> {
    let mut disk = header(shape, uuid).0.to_vec();
    disk.extend(dirty_bits(shape, dirty));
    disk.resize(512, 0xff);
    disk
}

fn header(shape: Shape, uuid: [u8; 16]) -> bitmap::RawBitmapSuper {
    let new = NewBitmap {
        uuid,
        events: Events::new(EVENTS),
        events_cleared: Events::new(EVENTS - 10),
        sync_size: Sectors::new(shape.claimed() * 8),
        chunk: ChunkSize::from_bytes(shape.bit * CHUNK).unwrap(),
        delay: 5,
        write_behind: 0,
        sectors_reserved: 0,
    };
    new.encode()
}

/// A bit behind the array's end is set as well, where the bitmap has one: it means nothing.
fn dirty_bits(shape: Shape, dirty: &[u64]) -> Vec<u8> {
    let claimed = shape.claimed().div_ceil(shape.bit);
    let mut bytes = vec![0; usize::try_from(claimed.div_ceil(8)).unwrap()];
    for chunk in dirty.iter().copied().chain(shape.chunks()..claimed) {
        let run = ChunkRun { first: Chunks::new(chunk), count: Chunks::new(1) };
        bits::set_run(&mut bytes, run);
    }
    bytes
}

/// A whole run on `engine`, as the command makes it once everything is open.
pub(crate) fn run(engine: &mut MemEngine, options: &ResyncOptions) -> Result<Report> {
    run_until(engine, options, &AtomicBool::new(false))
}

pub(crate) fn run_until(
    engine: &mut MemEngine,
    options: &ResyncOptions,
    stop: &AtomicBool,
) -> Result<Report> {
    run_watched(engine, options, &mut Silent, stop)
}

pub(super) fn run_watched(
    engine: &mut MemEngine,
    options: &ResyncOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Report> {
    let seen = look(engine, options)?;
    if let Some(options) = replace::arrived(engine, options, &seen)? {
        return run_watched(engine, &options, observer, stop);
    }
    let judged = judge(engine, options, &seen)?;
    let joining = replace::joining(engine, options, &seen, &judged)?;
    if judged.plan.decision == crate::resync::Decision::Nothing && joining.is_empty() {
        return Ok(judged.report(options, &seen));
    }
    perform(engine, options, &seen, observer, stop)
}
