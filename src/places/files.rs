//! The files that lie under ranges of an array.

use std::fs::File;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::array::Subject;
use super::fs::{Answers, FileSystem, FsKind, Holder, View};
use super::ranges;
use crate::array::locate::{Query, locate};
use crate::error::{Error, Result};
use crate::guard::{System, sentence, usage_of};
use crate::io::{Buf, Waits};
use crate::units::{Bytes, Range, SectorRange, Sectors};

/// How much of the start of the array tells its file system: no chunk is smaller.
const HEAD: usize = 4096;

/// Whose files, and under which ranges: the dirty chunks where none are given.
#[derive(Clone, Debug, Default)]
pub struct FilesOptions {
    /// A running array, or members.
    pub targets: Vec<PathBuf>,
    /// The bitmap, where it is in a file.
    pub bitmap: Option<PathBuf>,
    /// In the address space of the bitmap.
    pub ranges: Vec<Range>,
    /// A report of `mdbitmap check --json`; `-` is standard input.
    pub report: Option<PathBuf>,
}

/// Whose a part of a range is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A file or directory, or an inode of the file system's own; its names, if it has any.
    Inode(u64, Vec<String>),
    /// The file system itself.
    Metadata,
    /// Nobody.
    Free,
    /// Behind the end of the file system.
    Outside,
    /// In use for what the tool does not tell.
    Unknown,
}

/// A part of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// In sectors of the array.
    pub range: SectorRange,
    /// Whose.
    pub owner: Owner,
}

/// What lies under all ranges.
#[derive(Clone, Debug)]
pub struct FilesReport {
    /// The array's UUID as md prints it.
    pub uuid: String,
    /// RAID level.
    pub level: i32,
    /// The file system.
    pub kind: FsKind,
    /// Its block.
    pub block: Bytes,
    /// The ranges of the array that were asked about, each with its parts.
    pub ranges: Vec<(SectorRange, Vec<Owned>)>,
}

/// Asks the file system what lies under the ranges. `waits` is told if those are to come from a pipe
/// with nothing in it yet.
///
/// # Errors
/// They are no array, or the file system cannot be asked; interrupted while a report is read.
pub fn files(
    options: &FilesOptions,
    system: &System,
    stop: &AtomicBool,
    waits: Waits<'_>,
) -> Result<FilesReport> {
    let subject = Subject::find(&options.targets, options.bitmap.as_deref(), system)?;
    let ranges = match (&options.report, options.ranges.is_empty()) {
        (Some(path), _) => ranges::reported(&subject, path, stop, waits)?,
        (None, false) => ranges::typed(&subject, &options.ranges, system)?,
        (None, true) => ranges::dirty(&subject, system)?,
    };
    let size = subject.geometry.array_len().to_bytes().unwrap_or_default();
    let fs = FileSystem::identify(&head(&subject)?, size)?;
    let runs = fs.blocks_of(&ranges)?;
    let answers = match runs.iter().all(|(first, end)| first == end) {
        true => Answers::default(),
        false => fs.ask(&view(&subject, &fs, system)?, &runs)?,
    };
    let parts =
        ranges.iter().zip(&runs).map(|(range, run)| (*range, parts(&fs, *range, *run, &answers)));
    let view = subject.view();
    Ok(FilesReport {
        uuid: view.uuid.display_for(view.version),
        level: view.level,
        kind: fs.kind,
        block: fs.block,
        ranges: parts.collect(),
    })
}

/// The first bytes of the array: from its device, or from the member that holds them.
fn head(subject: &Subject) -> Result<Vec<u8>> {
    if let Some(array) = &subject.running {
        return read(&array.node, Bytes::ZERO);
    }
    let answer = locate(&subject.geometry, None, Query::Array(Sectors::ZERO));
    let spots = answer.map_err(Error::refused)?.pieces;
    let asked = spots.iter().flat_map(|piece| &piece.spots).filter(|spot| spot.asked);
    let held = asked.filter_map(|spot| Some((subject.current_in(spot.slot)?, spot.at)));
    let (index, at) = held.into_iter().next().ok_or_else(|| {
        Error::refused("no current member given holds the start of the array")
            .hint("name the others as well")
    })?;
    let at = subject.view_of(index).data_offset.saturating_add(at);
    read(&subject.paths[index], at.to_bytes().unwrap_or_default())
}

fn read(path: &Path, at: Bytes) -> Result<Vec<u8>> {
    let mut buf = Buf::zeroed(HEAD);
    let flags = nix::libc::O_CLOEXEC;
    let file = File::options().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| Error::io("open", path, error))?;
    let read = file.read_exact_at(buf.bytes_mut(), at.get());
    read.map_err(|error| Error::io("read", path, error).at_offset(at))?;
    Ok(buf.bytes().to_vec())
}

/// What the tools open.
fn view(subject: &Subject, fs: &FileSystem, system: &System) -> Result<View> {
    let len = subject.geometry.array_len().to_bytes().unwrap_or_default();
    if let Some(array) = &subject.running {
        return View::new(&array.node, Bytes::ZERO, len);
    }
    if !subject.geometry.is_plain_copy() {
        let what = format!(
            "the {} file system is spread over the members, and no tool can read it from them",
            fs.kind.as_str()
        );
        return Err(Error::refused(what).hint(
            "assemble the array, read-only for instance (mdadm --assemble --readonly), and name \
             it instead of its members",
        ));
    }
    let mut current = subject.assembly.current();
    current.sort_by_key(|member| (member.write_mostly, member.slot));
    let first = current.first().ok_or_else(|| Error::refused("no member is current"))?;
    let path = &subject.paths[first.index];
    let reasons = usage_of(path, system)?;
    if !reasons.is_empty() {
        let hint = "name the running array, or stop what uses the member";
        return Err(Error::refused(sentence(&reasons)).at_path(path).hint(hint));
    }
    let offset = subject.view_of(first.index).data_offset.to_bytes().unwrap_or_default();
    View::new(path, offset, len)
}

/// The parts of a range by whose they are; neighbours of one owner are one.
fn parts(
    fs: &FileSystem,
    range: SectorRange,
    (first, end): (u64, u64),
    answers: &Answers,
) -> Vec<Owned> {
    let mut parts: Vec<(SectorRange, Option<Holder>)> = Vec::new();
    for block in first..end {
        let holder = answers.holders.get(&block).copied().unwrap_or(Holder::Unknown);
        let part = cut(fs.sectors(block), range);
        match parts.last_mut() {
            Some((last, Some(of))) if *of == holder && last.end() == part.start => {
                last.len = last.len.saturating_add(part.len);
            }
            _ => parts.push((part, Some(holder))),
        }
    }
    let told = parts.last().map_or(range.start, |(last, _)| last.end());
    if told < range.end() {
        parts.push((SectorRange { start: told, len: range.end().saturating_sub(told) }, None));
    }
    let owned = |(range, holder)| Owned { range, owner: owner(holder, answers) };
    parts.into_iter().map(owned).collect()
}

fn cut(part: SectorRange, range: SectorRange) -> SectorRange {
    let start = part.start.max(range.start);
    SectorRange { start, len: part.end().min(range.end()).saturating_sub(start) }
}

fn owner(holder: Option<Holder>, answers: &Answers) -> Owner {
    match holder {
        None => Owner::Outside,
        Some(Holder::Inode(inode)) => {
            Owner::Inode(inode, answers.names.get(&inode).cloned().unwrap_or_default())
        }
        Some(Holder::Metadata) => Owner::Metadata,
        Some(Holder::Free) => Owner::Free,
        Some(Holder::Unknown) => Owner::Unknown,
    }
}
