//! `set`, `clear` and `set-uuid`: a bitmap changed where it is.
//!
//! Setting only ever adds dirt, and clearing only takes it away, bit by bit and copy by copy: whatever
//! a power cut leaves lies between what was there and what was meant, and the same command goes on.
//! Before the first bit is cleared `events_cleared` is raised: a member that left earlier may need
//! what is forgotten now, and must not come back by this bitmap.

use std::io;
use std::path::PathBuf;

use super::report::Report;
use super::target::{Copy, Target, devices, find, is_internal, not_running, settle, write_headers};
use crate::error::{Error, Result};
use crate::format::bitmap::range::merge;
use crate::format::bitmap::superblock::SUPER_BYTES;
use crate::format::bitmap::{Rounding, bits};
use crate::format::md::{MdUuid, Superblock};
use crate::guard::{System, superblock_on_disk};
use crate::io::{Access, Engine, SyncEngine, read_span, write_span};
use crate::units::{Bytes, ChunkRun, Chunks, Range};

/// Bytes of bits in memory at a time.
const BLOCK: u64 = 64 << 10;

/// What is done to bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They are set: every chunk that a range touches.
    Set,
    /// They are cleared: only chunks that lie in a range whole.
    Clear,
}

/// Which bits to change.
#[derive(Clone, Debug)]
pub struct ChangeOptions {
    /// A bitmap file or device, or all members of a stopped array.
    pub targets: Vec<PathBuf>,
    /// What of it.
    pub ranges: Vec<Range>,
    /// What to do.
    pub change: Change,
    /// Whether to do everything but write.
    pub dry_run: bool,
}

/// Asks a person whether to go on, telling what would happen.
pub type Ask<'a> = &'a mut dyn FnMut(&str) -> Result<()>;

/// Sets or clears bits in place. Before any is cleared `ask` is asked.
///
/// # Errors
/// Usage where a range lies beyond the end, refused where it is in use or clearing would be unsound,
/// damaged metadata, I/O errors, or what `ask` says.
pub fn change(options: &ChangeOptions, ask: Ask<'_>, system: &System) -> Result<Report> {
    let internal = is_internal(&options.targets)?;
    let open = |access| devices(&options.targets, internal, access, system).map(SyncEngine::new);
    let mut engine = open(Access::Read)?;
    let target = find(&mut engine, &options.targets, internal)?;
    not_running_array(&target, system)?;
    let may = || allowed(&target, options.change);
    may()?;
    let rounding = if options.change == Change::Set { Rounding::Outward } else { Rounding::Inward };
    let runs = merge(&options.ranges, &target.value.coverage(), rounding)?;
    let failed = |error| Error::io("read the bits", &options.targets[0], error);
    let before = count(&mut engine, &target, &all(&target)).map_err(failed)?;
    let within = count(&mut engine, &target, &runs).map_err(failed)?;
    let mut report = told(options, &target, &runs, (before, within));
    let nothing = runs.is_empty() || (options.change == Change::Clear && within == 0);
    if options.dry_run || nothing {
        return Ok(report);
    }
    if options.change == Change::Clear {
        ask(&question(within))?;
    }
    drop(engine);
    let mut engine = open(Access::Write)?;
    let target = find(&mut engine, &options.targets, internal)?;
    allowed(&target, options.change)?;
    let failed = |error| Error::io("change the bits", &options.targets[0], error);
    apply(&mut engine, &target, &runs, options.change).map_err(failed)?;
    let after = count(&mut engine, &target, &all(&target)).map_err(failed)?;
    report.fact("chunks_dirty", "Dirty now", after);
    Ok(report)
}

fn not_running_array(target: &Target, system: &System) -> Result<()> {
    match &target.members {
        Some(members) => not_running(members.freshest().view().uuid.bytes(), system),
        None => Ok(()),
    }
}

/// Whether bits may be changed so. What is dirty for want of knowledge cannot be cleared, and a member
/// that is away needs its bits.
fn allowed(target: &Target, change: Change) -> Result<()> {
    if change == Change::Set {
        return Ok(());
    }
    if let Some(why) = &target.doubt {
        let hint = "its bits mean nothing; mdbitmap resync --full makes the members agree";
        return Err(Error::refused(why.as_str()).hint(hint));
    }
    if target.members.as_ref().is_some_and(super::target::Members::is_degraded) {
        let why = "a member is missing or behind: it needs the bits to be caught up";
        return Err(Error::refused(why).hint("mdbitmap resync catches it up, and clears them"));
    }
    Ok(())
}

fn question(dirty: u64) -> String {
    format!(
        "{dirty} dirty chunks would be called clean. Nothing is copied: where the members differ there \
         they go on differing, and reads may give either"
    )
}

fn told(
    options: &ChangeOptions,
    target: &Target,
    runs: &[ChunkRun],
    (before, within): (u64, u64),
) -> Report {
    let (name, verb) = match options.change {
        Change::Set => ("set", ("set", "set")),
        Change::Clear => ("clear", ("cleared", "clear")),
    };
    let mut report = Report::new(name, &options.targets, options.dry_run);
    let chunks: u64 = runs.iter().map(|run| run.count.get()).sum();
    let changing = if options.change == Change::Set { chunks - within } else { within };
    report.fact("chunk_bytes", "Bytes per chunk", target.value.chunk.bytes());
    report.fact("chunks_total", "Bits", target.value.chunks().get());
    report.fact("chunks_in_ranges", "In the ranges", chunks);
    report.fact("chunks_dirty_before", "Dirty before", before);
    if changing > 0 {
        let copies = target.copies.len();
        let place =
            if copies > 1 { format!(", in each of {copies} copies") } else { String::new() };
        report.step(name, verb, format!("{changing} bits{place}"));
    }
    if runs.is_empty() {
        let message =
            "no chunk lies in the ranges whole, and one that is touched in part stays dirty";
        report.note("nothing-whole", message);
    }
    let clean = target.members.as_ref().is_some_and(|members| members.assembly.clean);
    if options.change == Change::Set && clean {
        report.note(
            "array-clean",
            "the array says that it is clean: mdbitmap resync goes by the bits all the same, but a \
             kernel that assembles it drops them",
        );
    }
    if let (Change::Set, Some(why)) = (options.change, &target.doubt) {
        report.note("bits-doubted", format!("{why}; more bits make no difference"));
    }
    report
}

/// Every chunk.
fn all(target: &Target) -> [ChunkRun; 1] {
    [ChunkRun::between(Chunks::ZERO, target.value.chunks())]
}

/// Counts dirty chunks in `runs`: dirty is what any copy calls so.
fn count(engine: &mut dyn Engine, target: &Target, runs: &[ChunkRun]) -> io::Result<u64> {
    let mut sum = 0;
    for piece in runs.iter().flat_map(pieces) {
        let mut union = vec![0; piece.len];
        for copy in &target.copies {
            let bytes = read_span(engine, copy.dev, piece.at(*copy), piece.len)?;
            union.iter_mut().zip(bytes).for_each(|(one, other)| *one |= other);
        }
        let before = ChunkRun { first: Chunks::ZERO, count: piece.run.first };
        bits::clear_run(&mut union, before);
        sum += bits::count_set(&union, piece.run.end().get());
    }
    Ok(sum)
}

/// Changes the bits of `runs` in every copy; durable when it returns.
fn apply(
    engine: &mut dyn Engine,
    target: &Target,
    runs: &[ChunkRun],
    change: Change,
) -> io::Result<()> {
    if change == Change::Clear {
        write_headers(engine, &target.copies, &|raw| {
            raw.set_events_cleared(raw.events_cleared().max(raw.events()));
        })?;
    }
    for piece in runs.iter().flat_map(pieces) {
        for copy in &target.copies {
            let at = piece.at(*copy);
            let before = read_span(engine, copy.dev, at, piece.len)?;
            let mut after = before.clone();
            match change {
                Change::Set => bits::set_run(&mut after, piece.run),
                Change::Clear => bits::clear_run(&mut after, piece.run),
            }
            if after != before {
                write_span(engine, copy.dev, at, &after)?;
            }
        }
    }
    settle(engine, &target.copies)
}

/// A part of a run that one block of bits holds.
struct Piece {
    /// From the first bit to the block.
    start: u64,
    len: usize,
    /// The run, counted from the block's first bit.
    run: ChunkRun,
}

impl Piece {
    fn at(&self, copy: Copy) -> Bytes {
        copy.at.saturating_add(Bytes::new(SUPER_BYTES + self.start))
    }
}

fn pieces(run: &ChunkRun) -> impl Iterator<Item = Piece> + use<> {
    let (first, end) = (run.first.get(), run.end().get());
    let block_bits = BLOCK * 8;
    (first / block_bits..end.div_ceil(block_bits)).map(move |block| {
        let base = block * block_bits;
        let (from, to) = (first.max(base) - base, end.min(base + block_bits) - base);
        // From the byte of the first bit to that of the last.
        let skip = from / 8;
        let run = ChunkRun::between(Chunks::new(from - skip * 8), Chunks::new(to - skip * 8));
        let len = usize::try_from(to.div_ceil(8) - skip).unwrap_or(0);
        Piece { start: block * BLOCK + skip, len, run }
    })
}

/// Where a new UUID comes from.
#[derive(Clone, Debug)]
pub enum NewUuid {
    /// It was typed.
    Given(MdUuid),
    /// It is that of the array of this member.
    Of(PathBuf),
}

impl NewUuid {
    fn get(&self) -> Result<MdUuid> {
        let member = match self {
            Self::Given(uuid) => return Ok(*uuid),
            Self::Of(member) => member,
        };
        let found = superblock_on_disk(member)?.filter(Superblock::is_sound);
        let found =
            found.ok_or_else(|| Error::damaged("no sound md superblock").at_path(member))?;
        Ok(found.view().uuid)
    }
}

/// Gives the bitmap file or device at `path` another UUID.
///
/// # Errors
/// Refused for a bitmap inside members, whose UUID is the array's; as [`change`].
pub fn set_uuid(path: PathBuf, uuid: NewUuid, dry_run: bool, system: &System) -> Result<Report> {
    let uuid = uuid.get()?;
    let targets = [path];
    if is_internal(&targets)? {
        let why = "the bitmap lies inside a member, and must carry the array's UUID";
        return Err(Error::refused(why)
            .at_path(&targets[0])
            .hint("mdadm --assemble --update=uuid changes both"));
    }
    let open = |access| devices(&targets, false, access, system).map(SyncEngine::new);
    let mut engine = open(Access::Read)?;
    let target = find(&mut engine, &targets, false)?;
    let mut report = Report::new("set-uuid", &targets, dry_run);
    report.fact("uuid_before", "UUID before", MdUuid::from_bytes(target.value.uuid).to_string());
    report.fact("uuid", "UUID", uuid.to_string());
    let failed = |error| Error::io("write the bitmap superblock", &targets[0], error);
    if target.value.uuid == uuid.bytes() {
        // Whoever wrote it may have been killed before it was stable.
        settle(&mut engine, &target.copies).map_err(failed)?;
        return Ok(report);
    }
    report.step("set-uuid", ("changed", "change"), "the UUID in the bitmap's superblock");
    report.note(
        "vouch",
        "a bitmap with the UUID of an array is believed about it: you vouch that it tells of that one",
    );
    if !dry_run {
        drop(engine);
        let mut engine = open(Access::Write)?;
        let target = find(&mut engine, &targets, false)?;
        give(&mut engine, &target, uuid).map_err(failed)?;
    }
    Ok(report)
}

/// Writes the UUID; durable when it returns.
fn give(engine: &mut dyn Engine, target: &Target, uuid: MdUuid) -> io::Result<()> {
    write_headers(engine, &target.copies, &|raw| raw.set_uuid(uuid.bytes()))
}

#[cfg(test)]
mod tests;
