//! What the array says that a bitmap is for: asked of a running array, or read from a member.
//! Nothing is written and nothing is claimed.

use std::path::{Path, PathBuf};

use super::plan::ArrayFacts;
use crate::array::coverage::{covered, covered_by};
use crate::error::{Error, Result};
use crate::format::md::{ResyncPoint, SuperView, Superblock};
use crate::guard::{Running, System, running_array, superblock_on_disk};
use crate::ioctl::md::{ARRAY_BITMAP_PRESENT, ARRAY_CLEAN, ArrayInfo, MdDevice};
use crate::units::{Events, SECTOR_BYTES, Sectors};

/// What is known of the array at `target`: an assembled array, or a member of a stopped one.
///
/// # Errors
/// It cannot be read, is no such thing, or is an array that no bitmap can be for.
pub fn look(target: &Path, system: &System) -> Result<ArrayFacts> {
    match running_array(target, system)? {
        Some(running) => of_running(target, &running),
        None => of_member(target),
    }
}

fn of_member(path: &Path) -> Result<ArrayFacts> {
    let superblock = superblock_on_disk(path)?.ok_or_else(|| {
        Error::damaged("--array: no md superblock of any version on it")
            .at_path(path)
            .hint("name a member (device or image), or an assembled array such as /dev/md0")
    })?;
    facts(&superblock, path, false)
}

/// The freshest of its members' superblocks speaks for a running array; without superblocks its
/// driver does.
fn of_running(path: &Path, running: &Running) -> Result<ArrayFacts> {
    let info = MdDevice::open(path)?.array_info()?;
    if !info.is_persistent() {
        return without_superblocks(path, &info);
    }
    let freshest = freshest(&running.members)?.ok_or_else(|| {
        Error::damaged("--array: none of its members has an md superblock that we know")
            .at_path(path)
            .hint("arrays with metadata of a BIOS (IMSM, DDF) are not supported")
    })?;
    facts(&freshest, path, true)
}

fn freshest(members: &[PathBuf]) -> Result<Option<Superblock>> {
    let mut best: Option<Superblock> = None;
    for path in members {
        let Some(found) = superblock_on_disk(path)?.filter(Superblock::is_sound) else {
            continue;
        };
        if best.as_ref().is_none_or(|best| best.view().events < found.view().events) {
            best = Some(found);
        }
    }
    Ok(best)
}

fn facts(superblock: &Superblock, path: &Path, running: bool) -> Result<ArrayFacts> {
    if !superblock.is_sound() {
        let why: Vec<&str> = superblock.findings().iter().map(|f| f.message.as_str()).collect();
        let why = format!("--array: its superblock is damaged: {}", why.join("; "));
        return Err(Error::damaged(why).at_path(path));
    }
    let view = superblock.view();
    check_kind(view).map_err(|error| error.at_path(path))?;
    let size = covered(view).map_err(|why| Error::refused(why).at_path(path))?;
    Ok(ArrayFacts {
        source: path.to_owned(),
        running,
        version: Some(view.version),
        uuid: Some(view.uuid),
        events: view.events,
        level: view.level,
        size,
        clean: view.resync == ResyncPoint::Clean,
        has_bitmap: view.bitmap_at.is_some(),
    })
}

/// Arrays that the kernel would not give such a bitmap.
fn check_kind(view: &SuperView) -> Result<()> {
    let why = match () {
        () if view.reshape => "--array: it is changing its shape; its size is not settled",
        () if view.journal => "--array: it has a journal; the kernel allows no bitmap beside it",
        () if view.ppl => "--array: it has a partial parity log, which excludes a bitmap",
        () if view.clustered => "--array: it belongs to a cluster, whose bitmap is internal",
        () => return Ok(()),
    };
    Err(Error::refused(why))
}

fn without_superblocks(path: &Path, info: &ArrayInfo) -> Result<ArrayFacts> {
    let too_large = || {
        Error::usage("--array: it has no superblocks and its driver cannot tell so large a size")
            .at_path(path)
            .hint("leave --array out and give --size: such an array needs neither UUID nor events")
    };
    let kib = u64::try_from(info.size).map_err(|_| too_large())?;
    let chunk = u64::try_from(info.chunk_size).unwrap_or(0) / SECTOR_BYTES;
    let layout = u32::try_from(info.layout).unwrap_or(0);
    let disks = u16::try_from(info.raid_disks).unwrap_or(0);
    let size = covered_by(info.level, layout, Sectors::new(chunk), Sectors::new(kib * 2), disks)
        .map_err(|why| Error::refused(why).at_path(path))?;
    Ok(ArrayFacts {
        source: path.to_owned(),
        running: true,
        version: None,
        uuid: None,
        events: Events::ZERO,
        level: info.level,
        size,
        clean: info.state & ARRAY_CLEAN != 0,
        has_bitmap: info.state & ARRAY_BITMAP_PRESENT != 0,
    })
}
