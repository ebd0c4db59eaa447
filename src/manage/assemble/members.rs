//! The devices that are to become members: opened to be read, past the page cache, which knows
//! nothing of what md wrote.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

use crate::array::Candidate;
use crate::error::{Error, Result};
use crate::format::Probe;
use crate::format::md::{SUPER_BYTES, Superblock, candidates};
use crate::guard::{open_exclusive, sentence, usage_of};
use crate::io::{DevId, Device, Engine as _, SyncEngine, read_span};
use crate::sysfs::{DevNum, System};
use crate::units::Sectors;

/// A device and its superblock.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) number: DevNum,
    pub(super) superblock: Superblock,
}

/// Looks at the devices at `paths`.
///
/// # Errors
/// Refused where one is in use, no block device, or given twice; damaged where it has no superblock.
pub(super) fn look(paths: &[PathBuf], system: &System) -> Result<Vec<Member>> {
    let mut found: Vec<Member> = Vec::new();
    for path in paths {
        let number = number_of(path)?;
        if let Some(other) = found.iter().find(|other| other.number == number) {
            return Err(Error::refused(format!("the same as {}", other.name)).at_path(path));
        }
        unused(path, system)?;
        let superblock = superblock(path)?;
        let name = path.display().to_string();
        found.push(Member { path: path.clone(), name, number, superblock });
    }
    Ok(found)
}

/// As the array rules take them.
pub(super) fn as_candidates<'a>(members: &'a [Member]) -> Vec<Candidate<'a>> {
    let candidate =
        |member: &'a Member| Candidate { name: &member.name, superblock: &member.superblock };
    members.iter().map(candidate).collect()
}

fn number_of(path: &Path) -> Result<DevNum> {
    let meta = fs::metadata(path).map_err(|error| Error::io("look at", path, error))?;
    match meta.file_type() {
        kind if kind.is_block_device() => Ok(DevNum::from_raw(meta.rdev())),
        kind if kind.is_file() => Err(Error::usage("a file; the kernel takes block devices only")
            .at_path(path)
            .hint("`losetup --find --show FILE` makes a block device of it")),
        _ => Err(Error::usage("no block device").at_path(path)),
    }
}

fn unused(path: &Path, system: &System) -> Result<()> {
    let reasons = usage_of(path, system)?;
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(Error::refused(format!("in use: {}", sentence(&reasons)))
            .at_path(path)
            .hint("stop what uses it first; `mdbitmap stop` stops an array")),
    }
}

fn superblock(path: &Path) -> Result<Superblock> {
    let file = open_exclusive(path, false, OFlag::O_DIRECT)?;
    let mut engine = SyncEngine::new(vec![Device::direct(file, path)?]);
    let mut found = superblocks(&mut engine, path)?;
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Error::damaged("no md superblock: not a member of an array").at_path(path)),
        _ => {
            let versions: Vec<_> = found.iter().map(|s| s.view().version.as_str()).collect();
            let what =
                format!("md superblocks of {} versions: {}", found.len(), versions.join(", "));
            let hint = "an old one was left behind; erase it with mdadm --zero-superblock";
            Err(Error::refused(what).at_path(path).hint(hint))
        }
    }
}

/// All that can be decoded: an array may lie on a member of another.
fn superblocks(engine: &mut SyncEngine, path: &Path) -> Result<Vec<Superblock>> {
    let device = engine.size(DevId(0)).to_sectors_floor();
    let mut found = Vec::new();
    for (version, at) in candidates(device) {
        let bytes = read(engine, at).map_err(|error| Error::io("read", path, error))?;
        match Superblock::decode(version, at, &bytes, device) {
            Probe::Found(superblock) => found.push(superblock),
            Probe::Damaged { findings } => {
                let why: Vec<_> = findings.iter().map(|f| f.message.as_str()).collect();
                let what = format!("its md superblock is damaged: {}", why.join("; "));
                let hint = "leave it out, and add it again when the array runs";
                return Err(Error::damaged(what).at_path(path).hint(hint));
            }
            Probe::NotMd => {}
        }
    }
    Ok(found)
}

fn read(engine: &mut SyncEngine, at: Sectors) -> std::io::Result<Vec<u8>> {
    let at = at.to_bytes().ok_or(std::io::ErrorKind::InvalidInput)?;
    let rest = engine.size(DevId(0)).saturating_sub(at).to_usize().unwrap_or(usize::MAX);
    read_span(engine, DevId(0), at, rest.min(SUPER_BYTES))
}
