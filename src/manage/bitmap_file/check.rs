//! From what is known of a bitmap file to whether the kernel takes it for an array. Pure.
//!
//! What the kernel would refuse is refused here, in the kernel's order; what it takes and does not
//! believe is a note, for then it resyncs everything.

use super::{BitmapFile, Map, words};
use crate::error::{Error, Result};
use crate::format::Severity;
use crate::format::bitmap::{BitmapVersion, Coverage, StateFlags};
use crate::format::md::{MdUuid, MdVersion};
use crate::guard::sentence;
use crate::manage::report::Note;
use crate::store::Location;
use crate::units::{Bytes, ChunkSize, Events, Sectors};

/// The kernel reads whole pages, as far as the file goes.
const PAGE: u64 = 4096;

/// The array that a file is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its UUID, and the metadata that says how to print it; none for an array without superblocks,
    /// which takes any bitmap.
    pub uuid: Option<(MdUuid, MdVersion)>,
    /// Its event count.
    pub events: Events,
    /// Sectors that its bits cover.
    pub covered: Sectors,
    /// Whether a resync is due: only then the bits matter.
    pub clean: bool,
}

/// Whether the kernel takes `file` for the array, and what a person should know.
///
/// # Errors
/// Refused or damaged, with the reason and what to do.
pub fn check(file: &BitmapFile, wanted: &Wanted) -> Result<Vec<Note>> {
    let judged = free(file)
        .and_then(|()| sound(file))
        .and_then(|()| same_array(file, wanted))
        .and_then(|()| long_enough(file, wanted))
        .and_then(|needed| in_place(file, needed))
        .and_then(|()| writable(file));
    judged.map_err(|error| error.at_path(&file.path))?;
    Ok([stale(file, wanted), other_size(file, wanted), exposed(file)]
        .into_iter()
        .flatten()
        .collect())
}

fn free(file: &BitmapFile) -> Result<()> {
    if !file.facts.in_use.is_empty() {
        return Err(Error::refused(format!("in use: {}", sentence(&file.facts.in_use))));
    }
    match file.facts.writers.first() {
        None => Ok(()),
        Some(writer) => Err(Error::refused(format!("{writer} has it open for writing"))
            .hint("the kernel takes it only when nobody else may write to it")),
    }
}

fn sound(file: &BitmapFile) -> Result<()> {
    let report = &file.report;
    if report.location == Location::Internal {
        return Err(Error::refused("a member of an array, not a bitmap file"));
    }
    let inside = "the kernel knows them inside members only";
    match report.version {
        Some(BitmapVersion::Lockless6) => {
            return Err(Error::refused(format!("a lockless bitmap; {inside}")));
        }
        Some(BitmapVersion::Clustered5) => {
            return Err(Error::refused(format!("a cluster's bitmap; {inside}")));
        }
        _ => {}
    }
    // Its length is judged by the array's size, which the kernel goes by.
    let errors = report.findings.iter();
    let mut errors = errors.filter(|f| f.severity == Severity::Error && f.code != "too-short");
    match errors.next() {
        None => Ok(()),
        Some(finding) => {
            let what = format!("the kernel would refuse it: {}", finding.message);
            Err(Error::damaged(what).hint("`mdbitmap create` makes one for this array"))
        }
    }
}

fn same_array(file: &BitmapFile, wanted: &Wanted) -> Result<()> {
    let theirs = file.report.raw.as_ref().map(|raw| MdUuid::from_bytes(raw.uuid()));
    match (wanted.uuid, theirs) {
        (Some((ours, version)), Some(theirs)) if ours != theirs => {
            let [ours, theirs] = [ours, theirs].map(|uuid| uuid.display_for(version));
            let what = format!("it belongs to another array: its UUID is {theirs}, not {ours}");
            Err(Error::refused(what).hint("`mdbitmap create --array` makes one for this array"))
        }
        _ => Ok(()),
    }
}

/// Bytes that the kernel needs of it.
fn long_enough(file: &BitmapFile, wanted: &Wanted) -> Result<Bytes> {
    let version = BitmapVersion::Classic4;
    let chunk =
        file.report.raw.as_ref().and_then(|raw| ChunkSize::from_bytes(raw.chunksize().into()));
    let chunk = chunk.ok_or_else(|| Error::damaged("its chunk size makes no sense"))?;
    let needed = Coverage { version, chunk, size: wanted.covered }.bytes_needed();
    match file.facts.length >= needed {
        true => Ok(needed),
        false => Err(Error::damaged(format!(
            "too short: {} bytes of the {} that this array takes",
            file.facts.length.get(),
            needed.get()
        ))
        .hint("make a new one with `mdbitmap create`; what it does not cover is not known")),
    }
}

fn in_place(file: &BitmapFile, needed: Bytes) -> Result<()> {
    let read = needed.round_up(PAGE).unwrap_or(needed).min(file.facts.length);
    match file.facts.map {
        Map::HoleAt(at) if at < read => Err(Error::refused(format!(
            "it has a hole at byte {}; the kernel writes to the blocks behind the file system",
            at.get()
        ))
        .hint("copy it with `cp --sparse=never`, and name the copy")),
        Map::Never => Err(Error::refused(
            "its file system does not tell where blocks lie, and the kernel needs to know",
        )
        .hint("put it on ext4, ext2, XFS or FAT; btrfs, tmpfs, overlay and NFS will not do")),
        Map::HoleAt(_) | Map::Whole | Map::Unknown(_) => Ok(()),
    }
}

fn writable(file: &BitmapFile) -> Result<()> {
    match file.facts.unwritable {
        None => Ok(()),
        Some(errno) => Err(Error::refused(format!("it cannot be written: {}", words(errno)))
            .hint("the kernel needs it open for writing")),
    }
}

/// Whether the kernel takes every chunk as dirty, and why.
fn stale(file: &BitmapFile, wanted: &Wanted) -> Option<Note> {
    let raw = file.report.raw.as_ref()?;
    let why = match () {
        () if raw.state().contains(StateFlags::STALE) => "it is marked as out of date".to_owned(),
        () if wanted.uuid.is_some() && raw.events() < wanted.events => format!(
            "it is out of date: its event count is {}, the array's {}",
            raw.events(),
            wanted.events
        ),
        () => return None,
    };
    let then = match wanted.clean {
        true => "the array is clean, so that nothing is resynced all the same",
        false => "the kernel takes every chunk as dirty and resyncs all",
    };
    Some(Note::new("stale-bitmap", format!("{}: {why}; {then}", file.path.display())))
}

fn other_size(file: &BitmapFile, wanted: &Wanted) -> Option<Note> {
    let size = file.report.raw.as_ref()?.sync_size();
    let near = Sectors::new(size.get().abs_diff(wanted.covered.get())) <= chunk_of(file)?;
    (!near).then(|| {
        let message = format!(
            "it was made to cover {size}, the array has {}: the kernel goes by the array",
            wanted.covered
        );
        Note::new("other-size", message)
    })
}

fn chunk_of(file: &BitmapFile) -> Option<Sectors> {
    file.report.coverage.map(|coverage| coverage.chunk.sectors())
}

fn exposed(file: &BitmapFile) -> Option<Note> {
    (file.facts.mode & 0o022 != 0).then(|| {
        let message = format!(
            "others than its owner may write to {} (mode {:o}); whoever clears bits there loses \
             data here",
            file.path.display(),
            file.facts.mode
        );
        Note::new("exposed-bitmap", message)
    })
}

#[cfg(test)]
mod tests;
