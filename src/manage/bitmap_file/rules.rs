//! From what was found out to a refusal, or to a bitmap of this array. Pure.

use super::facts::{BlockMap, FileFacts, FileKind};
use crate::error::{Error, Result};
use crate::format::Severity;
use crate::format::bitmap::geometry::classic_bytes;
use crate::format::bitmap::{BitmapSuper, BitmapVersion, Decoded};
use crate::format::md::MdUuid;
use crate::guard::sentence;
use crate::sysfs::writers::Writer;
use crate::units::{ChunkSize, Sectors};

/// Why the kernel could not, or should not, write a bitmap to this file.
#[must_use]
pub fn fit(facts: &FileFacts) -> Option<Error> {
    let refused =
        kind(facts).or_else(|| place(facts)).or_else(|| others(facts)).or_else(|| blocks(facts));
    refused.map(|error| error.at_path(&facts.path))
}

fn kind(facts: &FileFacts) -> Option<Error> {
    Some(match facts.kind {
        FileKind::Regular => return None,
        FileKind::Device => Error::refused(
            "it is a block device; the design of 2004 had them, but the kernel never took one",
        )
        .hint(
            "put a file system on it and name a file there, or use it offline: \
             `mdbitmap resync --bitmap` takes it",
        ),
        FileKind::Symlink => Error::refused("it is a symbolic link").hint("name the file itself"),
        FileKind::Other => Error::usage("it is no regular file"),
    })
}

fn place(facts: &FileFacts) -> Option<Error> {
    if facts.on_array {
        return Some(
            Error::refused("it lies on the array whose bitmap it would be")
                .hint("the two would wait for each other; put it on another disk"),
        );
    }
    let used = !facts.uses.is_empty();
    used.then(|| Error::refused(format!("in use: {}", sentence(&facts.uses))))
}

/// Whoever can change the file decides what is resynced.
fn others(facts: &FileFacts) -> Option<Error> {
    if facts.owner != 0 {
        let why = format!("it belongs to user {}, who could change it", facts.owner);
        return Some(Error::refused(why).hint("chown root: makes it root's own"));
    }
    if facts.mode & 0o022 != 0 {
        let why = format!("others than root may write to it (mode {:04o})", facts.mode);
        return Some(Error::refused(why).hint("chmod 600 makes it root's own"));
    }
    let Writer { pid, name } = facts.writers.first()?;
    let why = format!("process {pid} ({name}) has it open for writing");
    Some(Error::refused(why).hint("the kernel takes a file that nobody else writes to"))
}

fn blocks(facts: &FileFacts) -> Option<Error> {
    let fs = &facts.file_system;
    Some(match facts.map {
        BlockMap::Whole => return None,
        BlockMap::Never => Error::refused(format!(
            "{fs} does not tell where the blocks of a file are, and the kernel writes a bitmap \
             file by its blocks"
        ))
        .hint("put it on ext4, XFS, ext2 or FAT"),
        BlockMap::Hole(at) => Error::refused("it has a hole: no block was ever written there")
            .at_offset(at)
            .hint("`cp --sparse=never` makes a whole copy; or name a new file, and it is made"),
        BlockMap::Forbidden => Error::refused("only root may ask where its blocks are"),
    })
}

/// What a bitmap must be to be that of an array.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The array's UUID; none for an array without superblocks, which takes any.
    pub uuid: Option<MdUuid>,
    /// Sectors that the bits cover.
    pub size: Sectors,
    /// The chunk that was asked for, if any.
    pub chunk: Option<ChunkSize>,
}

/// The superblock, if this is a bitmap that the kernel would take for that array.
///
/// # Errors
/// Damaged where it is no sound bitmap, refused where it is another array's or too short, usage
/// where its chunk is not the one that was asked for.
pub fn belongs(facts: &FileFacts, wanted: &Wanted) -> Result<BitmapSuper> {
    let empty = Decoded { raw: None, findings: Vec::new(), value: None, coverage: None };
    let decoded = facts.header.as_ref().unwrap_or(&empty);
    let sound = decoded.value.as_ref().ok_or_else(|| damaged(decoded));
    let found = sound.and_then(|found| judge(found, facts, wanted).map(|()| found.clone()));
    found.map_err(|error| error.at_path(&facts.path))
}

fn damaged(decoded: &Decoded) -> Error {
    let errors = decoded.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let why: Vec<_> = errors.map(|finding| finding.message.as_str()).collect();
    let why = if why.is_empty() { "too short for a superblock".into() } else { why.join("; ") };
    Error::damaged(format!("it exists and is no bitmap that the kernel would take: {why}"))
        .hint("name a file that does not exist, and it is made")
}

fn judge(found: &BitmapSuper, facts: &FileFacts, wanted: &Wanted) -> Result<()> {
    if !matches!(found.version, BitmapVersion::HostEndian3 | BitmapVersion::Classic4) {
        let why = format!("a bitmap of version {} is never in a file", found.version.number());
        return Err(Error::refused(why));
    }
    if let Some(uuid) = wanted.uuid.filter(|uuid| uuid.bytes() != found.uuid) {
        let theirs = MdUuid::from_bytes(found.uuid);
        let why = format!("it is the bitmap of another array: UUID {theirs} instead of {uuid}");
        return Err(Error::refused(why).hint("name another file; this one's array may need it"));
    }
    if let Some(chunk) = wanted.chunk.filter(|chunk| *chunk != found.chunk) {
        let why = format!(
            "its chunk is {} bytes, not the {} asked for",
            found.chunk.bytes(),
            chunk.bytes()
        );
        return Err(Error::usage(why).hint("leave --chunk out, or name a file that does not exist"));
    }
    let needs = classic_bytes(found.chunk.chunks_for(wanted.size));
    if facts.length < needs {
        let why = format!(
            "it is too short: {} bytes of the {} it needs",
            facts.length.get(),
            needs.get()
        );
        return Err(Error::refused(why).hint("name a file that does not exist, and it is made"));
    }
    Ok(())
}
