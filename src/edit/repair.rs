//! `repair-header`: the superblock of a bitmap file made anew from those of its array.
//!
//! A bitmap has no checksum, so what is damaged can only be told by what fits. Bits are kept where the
//! old superblock still names the array, a believable event count and chunk; else nobody knows how old
//! they are, and all are set: that costs a full resync and loses nothing.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::report::Report;
use super::target::{Copy, Members, complete, not_running, raw_header, settle};
use crate::error::{Error, Result};
use crate::format::bitmap::geometry::classic_bytes;
use crate::format::bitmap::superblock::{MAGIC, MAX_WRITE_BEHIND, SUPER_BYTES};
use crate::format::bitmap::{BitScanner, BitmapVersion, RawBitmapSuper, StateFlags};
use crate::format::md::SuperView;
use crate::guard::System;
use crate::io::{Access, DevId, Engine, SyncEngine, read_span, write_span};
use crate::resync::open::{all_different, open, open_bitmap};
use crate::store::create::{NewFile, from_runs};
use crate::units::{Bytes, ChunkRun, ChunkSize, Chunks, Sectors};

/// Bytes of bits in memory at a time.
const BLOCK: u64 = 64 << 10;
/// How far a bitmap may be ahead of its array and be believed: a crash leaves it a few events ahead.
const MOST_AHEAD: u64 = 1000;
/// The longest delay that is taken for meant: a day.
const MOST_DELAY: u32 = 86_400;

/// What to repair, and how.
#[derive(Clone, Debug)]
pub struct RepairOptions {
    /// The bitmap file or device.
    pub bitmap: PathBuf,
    /// All members of its array.
    pub members: Vec<PathBuf>,
    /// The file to make; none to repair in place.
    pub output: Option<PathBuf>,
    /// What one bit stands for, where the file does not tell.
    pub chunk: Option<ChunkSize>,
    /// Whether bits are kept whose age nobody knows.
    pub keep_bits: bool,
    /// Whether a file that exists may be replaced.
    pub overwrite: bool,
    /// Whether to do everything but write.
    pub dry_run: bool,
}

/// What the header becomes.
#[derive(Clone, Debug)]
struct Repaired {
    raw: RawBitmapSuper,
    chunks: Chunks,
    /// Why all bits are set, if they are.
    all_set: Option<String>,
}

/// Makes the header of a bitmap anew.
///
/// # Errors
/// Refused where the array is in use or has its bitmap inside, or where nothing tells the chunk;
/// I/O errors.
pub fn repair(options: &RepairOptions, system: &System, stop: &AtomicBool) -> Result<Report> {
    let write = options.output.is_none() && !options.dry_run;
    let mut engine = devices(options, Access::Read, system)?;
    let repaired = look(&mut engine, options, system)?;
    let mut report = told(options, &repaired);
    if let Some(path) = &options.output {
        let new =
            NewFile { path: path.clone(), overwrite: options.overwrite, dry_run: options.dry_run };
        let mut runs = Runs::new(&mut engine, options, &repaired);
        from_runs(&new, &repaired.raw, &mut runs, system, stop)?;
        report.output = Some(path.clone());
    }
    drop(engine);
    if write {
        let mut engine = devices(options, Access::Write, system)?;
        let repaired = look(&mut engine, options, system)?;
        in_place(&mut engine, options, &repaired)
            .map_err(|error| Error::io("write", &options.bitmap, error))?;
    }
    Ok(report)
}

/// Members read-only, whatever is done to the bitmap, which is last.
fn devices(options: &RepairOptions, access: Access, system: &System) -> Result<SyncEngine> {
    let members = options.members.iter().map(|path| open(path, Access::Read, system));
    let bitmap = std::iter::once(open_bitmap(&options.bitmap, access, system));
    let opened = members.chain(bitmap).collect::<Result<Vec<_>>>()?;
    all_different(&opened)?;
    Ok(SyncEngine::new(opened))
}

fn copy(options: &RepairOptions) -> Copy {
    Copy { dev: DevId(options.members.len()), at: Bytes::ZERO }
}

fn look(engine: &mut dyn Engine, options: &RepairOptions, system: &System) -> Result<Repaired> {
    let members = Members::read(engine, &options.members)?;
    complete(&members)?;
    let view = members.freshest().view();
    not_running(view.uuid.bytes(), system)?;
    if view.bitmap_at.is_some() {
        let why = "the array has its bitmap inside its members";
        return Err(Error::refused(why).hint("mdbitmap resync --full makes that one anew"));
    }
    let bytes = raw_header(engine, copy(options), &options.bitmap)?;
    let named = |error: Error| error.or_at_path(&options.bitmap);
    let raw = RawBitmapSuper::from_prefix(&bytes);
    let raw = raw.ok_or_else(|| named(Error::damaged("shorter than a superblock")))?;
    let len = engine.size(copy(options).dev);
    decide(&raw, len, view, members.size, options).map_err(named)
}

/// What the header must become. Pure.
fn decide(
    raw: &RawBitmapSuper,
    len: Bytes,
    view: &SuperView,
    size: Sectors,
    options: &RepairOptions,
) -> Result<Repaired> {
    let (chunk, by_header) = chunk(raw, len, size, options.chunk)?;
    let unknown = unknown_age(raw, view, by_header);
    let all_set = unknown.filter(|_| !options.keep_bits);
    let believed = raw.events() >= view.events && all_set.is_none();
    let events = if believed { raw.events() } else { view.events };
    let mut new = raw.clone();
    new.set_magic(MAGIC);
    if !matches!(raw.version(), 3 | 4) {
        new.set_version(BitmapVersion::Classic4.number());
    }
    new.set_uuid(view.uuid.bytes());
    new.set_events(events);
    let cleared = if all_set.is_none() { raw.events_cleared().min(events) } else { events };
    new.set_events_cleared(cleared);
    new.set_sync_size(size);
    new.set_chunksize(u32::try_from(chunk.bytes()).unwrap_or(u32::MAX));
    let host = if new.version() == 3 { StateFlags::HOSTENDIAN } else { StateFlags::default() };
    new.set_state(StateFlags(raw.state().bits() & host.bits()));
    if !(1..=MOST_DELAY).contains(&raw.daemon_sleep()) {
        new.set_daemon_sleep(5);
    }
    if raw.write_behind() > MAX_WRITE_BEHIND {
        new.set_write_behind(0);
    }
    new.set_sectors_reserved(0);
    new.set_nodes(0);
    new.set_cluster_name([0; 64]);
    new.set_pad([0; 120]);
    Ok(Repaired { raw: new, chunks: chunk.chunks_for(size), all_set })
}

/// What one bit stands for, and whether the old superblock says the same.
fn chunk(
    raw: &RawBitmapSuper,
    len: Bytes,
    size: Sectors,
    wanted: Option<ChunkSize>,
) -> Result<(ChunkSize, bool)> {
    let needs = |chunk: ChunkSize| classic_bytes(chunk.chunks_for(size));
    let told = ChunkSize::from_bytes(raw.chunksize().into()).filter(|chunk| needs(*chunk) <= len);
    if let Some(wanted) = wanted {
        return match needs(wanted) <= len {
            true => Ok((wanted, told == Some(wanted))),
            false => Err(Error::refused("it is too short for chunks of that size")),
        };
    }
    // A file is as long as its bits.
    let all = (9..=31).filter_map(|power| ChunkSize::from_bytes(1 << power));
    let exact: Vec<ChunkSize> = all.filter(|chunk| needs(*chunk) == len).collect();
    match (told, &exact[..]) {
        (Some(told), []) => Ok((told, true)),
        (Some(told), exact) if exact.contains(&told) => Ok((told, true)),
        (_, [only]) => Ok((*only, false)),
        _ => Err(Error::refused("nothing tells what a bit stands for").hint("give --chunk")),
    }
}

/// Why nobody can tell how old the bits are.
fn unknown_age(raw: &RawBitmapSuper, view: &SuperView, chunk_told: bool) -> Option<String> {
    let ahead = raw.events().get().saturating_sub(view.events.get());
    let why = match () {
        () if raw.uuid() != view.uuid.bytes() => "its UUID is not the array's",
        () if raw.events() < view.events => "its event count is behind the array's",
        () if ahead > MOST_AHEAD => "its event count makes no sense",
        () if !chunk_told => "its chunk size makes no sense",
        () if !matches!(raw.version(), 3 | 4) => "its version makes no sense",
        () if raw.state().contains(StateFlags::STALE) => "it was marked as out of date",
        () => return None,
    };
    Some(why.to_owned())
}

fn told(options: &RepairOptions, repaired: &Repaired) -> Report {
    let mut targets = vec![options.bitmap.clone()];
    targets.extend(options.members.iter().cloned());
    let mut report = Report::new("repair-header", &targets, options.dry_run);
    let raw = &repaired.raw;
    report.fact("chunk_bytes", "Bytes per chunk", u64::from(raw.chunksize()));
    report.fact("chunks_total", "Bits", repaired.chunks.get());
    report.fact("events", "Events", raw.events().get());
    report.fact("bits_kept", "Bits kept", repaired.all_set.is_none());
    let place = options.output.as_ref().unwrap_or(&options.bitmap).display();
    report.step(
        "write",
        ("wrote", "write"),
        format!("a superblock that fits the array, in {place}"),
    );
    if let Some(why) = &repaired.all_set {
        report.note(
            "all-dirty",
            format!(
                "{why}, so nobody knows how old the bits are: all are set (--force=keep-bits keeps \
                 them; a bit that is wrongly clear loses data)"
            ),
        );
    }
    report
}

/// The header last: what it vouches for is there before.
fn in_place(
    engine: &mut dyn Engine,
    options: &RepairOptions,
    repaired: &Repaired,
) -> std::io::Result<()> {
    let copy = copy(options);
    if repaired.all_set.is_some() {
        let (mut at, end) = (0, repaired.chunks.get().div_ceil(8));
        while at < end {
            let len = usize::try_from((end - at).min(BLOCK)).unwrap_or(0);
            write_span(engine, copy.dev, Bytes::new(SUPER_BYTES + at), &vec![0xff; len])?;
            at += len as u64;
        }
        settle(engine, &[copy])?;
    }
    write_span(engine, copy.dev, copy.at, &repaired.raw.0)?;
    settle(engine, &[copy])
}

/// The bits of the old file, or all.
struct Runs<'a> {
    engine: &'a mut dyn Engine,
    copy: Copy,
    path: PathBuf,
    at: u64,
    end: u64,
    scanner: Option<BitScanner>,
    ready: VecDeque<ChunkRun>,
}

impl<'a> Runs<'a> {
    fn new(engine: &'a mut dyn Engine, options: &RepairOptions, repaired: &Repaired) -> Self {
        let all = repaired.all_set.is_some();
        let whole = all.then(|| ChunkRun::between(Chunks::ZERO, repaired.chunks));
        Self {
            engine,
            copy: copy(options),
            path: options.bitmap.clone(),
            at: 0,
            end: repaired.chunks.get().div_ceil(8),
            scanner: (!all).then(|| BitScanner::new(repaired.chunks)),
            ready: whole.into_iter().collect(),
        }
    }

    /// Reads on; false at the end.
    fn refill(&mut self) -> Result<bool> {
        let Some(scanner) = &mut self.scanner else { return Ok(false) };
        if self.at >= self.end {
            self.ready.extend(self.scanner.take().and_then(BitScanner::finish));
            return Ok(true);
        }
        let len = usize::try_from((self.end - self.at).min(BLOCK)).unwrap_or(0);
        let at = Bytes::new(SUPER_BYTES + self.at);
        let bytes = read_span(self.engine, self.copy.dev, at, len)
            .map_err(|error| Error::io("read", &self.path, error).at_offset(at))?;
        scanner.feed(&bytes, |run| self.ready.push_back(run));
        self.at += len as u64;
        Ok(true)
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<ChunkRun>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            match self.refill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => {
                    self.scanner = None;
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod tests;
