//! A bitmap that is changed in place: a file, a device, or all copies inside the members of a stopped
//! array.
//!
//! Of an internal bitmap every copy is changed alike, and every member that counts must be at hand:
//! the kernel reads one copy only, and nobody knows which.

use std::io;
use std::path::{Path, PathBuf};

use super::operand::classic;
use crate::array::coverage::covered;
use crate::array::{Assembly, Candidate, Standing, assemble};
use crate::error::{Error, Result};
use crate::format::Severity;
use crate::format::bitmap::{BitmapSuper, RawBitmapSuper, decode};
use crate::format::md::Superblock;
use crate::guard::{System, array_running, superblock_on_disk};
use crate::io::{Access, DevId, Device, Engine, flush, read_span, write_span};
use crate::resync::load::{self, Place};
use crate::resync::open::{all_different, open, open_bitmap};
use crate::resync::trust::doubt;
use crate::units::{Bytes, ChunkSize, Sectors};

/// One copy of a bitmap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    /// The device.
    pub(super) dev: DevId,
    /// Where its superblock is.
    pub(super) at: Bytes,
}

impl Copy {
    /// The place as a resync judges it: only classic bitmaps are edited.
    pub(super) fn place(self, room: Bytes, member: Option<usize>) -> Place {
        Place { dev: self.dev, at: self.at, room, lockless_room: Bytes::ZERO, node: 0, member }
    }
}

/// The members of a stopped array.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) superblocks: Vec<Superblock>,
    pub(super) assembly: Assembly,
    /// What the bits of its bitmap cover.
    pub(super) size: Sectors,
}

impl Members {
    /// Reads the superblocks of `names` on the devices of that order and puts the array together.
    ///
    /// # Errors
    /// They cannot be read, or are no one array.
    pub(super) fn read(engine: &mut dyn Engine, names: &[PathBuf]) -> Result<Self> {
        let mut superblocks = Vec::new();
        for (n, path) in names.iter().enumerate() {
            superblocks.push(load::superblock(engine, DevId(n), path)?);
        }
        let shown: Vec<String> = names.iter().map(|name| name.display().to_string()).collect();
        let both = shown.iter().zip(&superblocks);
        let candidates: Vec<Candidate<'_>> =
            both.map(|(name, superblock)| Candidate { name, superblock }).collect();
        let assembly = assemble(&candidates)?;
        let size = covered(superblocks[assembly.freshest].view()).map_err(Error::refused)?;
        Ok(Self { superblocks, assembly, size })
    }

    pub(super) fn freshest(&self) -> &Superblock {
        &self.superblocks[self.assembly.freshest]
    }

    /// Slots that the array counts in and nobody given holds.
    pub(super) fn absent(&self) -> Vec<u16> {
        let view = self.freshest().view();
        let counted = |slot: &&crate::units::Slot| view.devices_in(**slot).next().is_some();
        self.assembly.missing.iter().filter(counted).map(|slot| slot.0).collect()
    }

    /// Whether a slot is empty, or its member behind.
    pub(super) fn is_degraded(&self) -> bool {
        !self.assembly.missing.is_empty() || !self.assembly.behind().is_empty()
    }

    /// Indices of the members that hold a copy: current ones and those behind.
    fn holders(&self) -> Vec<usize> {
        let mut all = self.assembly.current();
        all.extend(self.assembly.behind());
        all.iter().map(|member| member.index).collect()
    }
}

/// What is to be changed.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) copies: Vec<Copy>,
    pub(super) value: BitmapSuper,
    /// The members, where it lies inside them.
    pub(super) members: Option<Members>,
    /// Why the bits mean nothing, if so.
    pub(super) doubt: Option<String>,
}

/// Whether `paths` are members with a bitmap inside, rather than a bitmap by itself.
///
/// # Errors
/// Usage: several paths that are not all members.
pub(super) fn is_internal(paths: &[PathBuf]) -> Result<bool> {
    for path in paths {
        // What is in use is refused later, with every reason; here it only has to be readable.
        let found = superblock_on_disk(path)?;
        let internal = found.is_some_and(|found| found.view().bitmap_at.is_some());
        match (internal, paths.len()) {
            (true, _) => {}
            (false, 1) => return Ok(false),
            (false, _) => {
                let why = "not a member with an internal bitmap";
                let hint = "name one bitmap file or device, or all members of one array";
                return Err(Error::usage(why).at_path(path).hint(hint));
            }
        }
    }
    Ok(true)
}

/// Opens `paths` in their order.
///
/// # Errors
/// One is in use or cannot be opened.
pub(super) fn devices(
    paths: &[PathBuf],
    internal: bool,
    access: Access,
    system: &System,
) -> Result<Vec<Device>> {
    let open = if internal { open } else { open_bitmap };
    let more = "while an array runs, mdbitmap dirty marks its chunks";
    let opened = paths.iter().map(|path| open(path, access, system).map_err(|e| e.more(more)));
    let opened = opened.collect::<Result<Vec<_>>>()?;
    all_different(&opened)?;
    Ok(opened)
}

/// Finds the bitmap on the devices of `engine`, which are those of `paths`.
///
/// # Errors
/// It is damaged, of a form that is not edited, or its array is not fit for it.
pub(super) fn find(engine: &mut dyn Engine, paths: &[PathBuf], internal: bool) -> Result<Target> {
    if internal {
        return inside(engine, paths);
    }
    let path = paths.first().ok_or_else(|| Error::usage("no bitmap is named"))?;
    let copy = Copy { dev: DevId(0), at: Bytes::ZERO };
    let value = header(engine, copy, path)?;
    fits(&value, engine.size(copy.dev), path)?;
    let stale = value.state.contains(crate::format::bitmap::StateFlags::STALE);
    let doubt = stale.then(|| "it is marked as out of date: everything counts as dirty".to_owned());
    Ok(Target { copies: vec![copy], value, members: None, doubt })
}

/// What all copies must have alike: chunk, size, UUID.
type Terms = (ChunkSize, Sectors, [u8; 16]);

fn inside(engine: &mut dyn Engine, paths: &[PathBuf]) -> Result<Target> {
    let members = Members::read(engine, paths)?;
    complete(&members)?;
    let (mut copies, mut rooms, mut worst) = (Vec::new(), Vec::new(), None);
    let mut terms: Option<(Terms, BitmapSuper)> = None;
    for index in members.holders() {
        let view = members.superblocks[index].view();
        let at =
            view.bitmap_at.and_then(Sectors::to_bytes).ok_or_else(|| no_bitmap(&paths[index]))?;
        let copy = Copy { dev: DevId(index), at };
        let room = view.bitmap_room.to_bytes().unwrap_or_default();
        copies.push(copy);
        rooms.push((room, &paths[index]));
        if members.assembly.members[index].standing != Standing::Current {
            continue;
        }
        let value = header(engine, copy, &paths[index])?;
        let why =
            doubt(&value, &copy.place(room, Some(index)), members.freshest().view(), members.size);
        worst = worst.or(why.map(|why| why.to_string()));
        let own = (value.chunk, value.sync_size, value.uuid);
        match &terms {
            None => terms = Some((own, value)),
            Some((first, ..)) if *first == own => {}
            Some(_) => {
                let why = "its copy of the bitmap has another size, chunk or UUID than the others";
                return Err(Error::refused(why).at_path(&paths[index]));
            }
        }
    }
    let (_, value) = terms.ok_or_else(|| Error::refused("no member is current"))?;
    // Members that are behind are written too.
    rooms.into_iter().try_for_each(|(room, path)| fits(&value, room, path))?;
    Ok(Target { copies, value, members: Some(members), doubt: worst })
}

/// Refuses if a member that counts is not at hand: the kernel might read its copy.
///
/// # Errors
/// Refused, naming the slots.
pub(super) fn complete(members: &Members) -> Result<()> {
    let absent: Vec<String> = members.absent().iter().map(ToString::to_string).collect();
    if absent.is_empty() {
        return Ok(());
    }
    let why = format!("the member in slot {} counts, and is not named", absent.join(", "));
    let hint = "name all members: the kernel may read any copy of the bitmap";
    Err(Error::refused(why).hint(hint))
}

fn no_bitmap(path: &Path) -> Error {
    Error::refused("it has no bitmap where the other members have theirs").at_path(path)
}

/// A checked superblock of a form that is edited.
pub(super) fn header(engine: &mut dyn Engine, copy: Copy, path: &Path) -> Result<BitmapSuper> {
    let bytes = raw_header(engine, copy, path)?;
    let decoded = decode(&bytes);
    let Some(value) = decoded.value else {
        let mut findings = decoded.findings.iter();
        let bad = findings.find(|finding| finding.severity == Severity::Error);
        let why = bad.map_or("no bitmap", |finding| finding.message.as_str());
        let hint = "mdbitmap repair-header makes a damaged one anew";
        return Err(Error::damaged(why).at_path(path).at_offset(copy.at).hint(hint));
    };
    classic(&value).map_err(|error| error.at_path(path))?;
    Ok(value)
}

/// The first bytes of a bitmap, as many as there are up to a superblock.
pub(super) fn raw_header(engine: &mut dyn Engine, copy: Copy, path: &Path) -> Result<Vec<u8>> {
    let rest = engine.size(copy.dev).saturating_sub(copy.at).to_usize().unwrap_or(usize::MAX);
    read_span(engine, copy.dev, copy.at, rest.min(256))
        .map_err(|error| Error::io("read the bitmap", path, error).at_offset(copy.at))
}

fn fits(value: &BitmapSuper, room: Bytes, path: &Path) -> Result<()> {
    let needs = value.bytes_needed();
    if needs <= room {
        return Ok(());
    }
    let why = format!("the bitmap is cut short: it needs {needs}, and there are {room}");
    Err(Error::damaged(why).at_path(path))
}

/// Refuses the bitmap of an array that runs.
///
/// # Errors
/// Refused, or sysfs cannot be read.
pub(super) fn not_running(uuid: [u8; 16], system: &System) -> Result<()> {
    match array_running(uuid, system)? {
        None => Ok(()),
        Some(name) => Err(Error::refused(format!("the array is running as {name}"))
            .hint("stop it first, or mark chunks with mdbitmap dirty")),
    }
}

/// Writes `raw` as the superblock of every copy; durable when it returns.
pub(super) fn write_headers(
    engine: &mut dyn Engine,
    copies: &[Copy],
    change: &dyn Fn(&mut RawBitmapSuper),
) -> io::Result<()> {
    for copy in copies {
        let bytes = read_span(engine, copy.dev, copy.at, 256)?;
        let Some(mut raw) = RawBitmapSuper::from_prefix(&bytes) else { continue };
        let before = raw.clone();
        change(&mut raw);
        if raw != before {
            write_span(engine, copy.dev, copy.at, &raw.0)?;
        }
    }
    settle(engine, copies)
}

/// Makes everything written to the copies stable.
pub(super) fn settle(engine: &mut dyn Engine, copies: &[Copy]) -> io::Result<()> {
    copies.iter().try_for_each(|copy| flush(engine, copy.dev))
}

#[cfg(test)]
mod tests;
