//! What is at a path: a bitmap by itself, or a member of an array with a bitmap inside.
//!
//! A member's superblock wins over a bitmap at the very start: a 0.90 or 1.0 member begins with the
//! array's data, and those may be anything. Only a member without an internal bitmap is looked at
//! as if it were a bitmap.

use super::reader::{Reader, Trouble};
use super::source::{Source, SourceKind};
use crate::error::{Error, Result};
use crate::format::bitmap::RawBitmapSuper;
use crate::format::bitmap::superblock::{MAGIC, SUPER_BYTES};
use crate::format::md::{MdVersion, SUPER_BYTES as MD_BYTES, SuperView, Superblock, candidates};
use crate::format::{Finding, Probe};
use crate::units::Bytes;

/// Where a bitmap lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// By itself in a regular file.
    File,
    /// By itself on a block device.
    Device,
    /// Inside a member of its array.
    Internal,
}

impl Location {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Device => "device",
            Self::Internal => "internal",
        }
    }
}

/// The member that a bitmap was found in: its superblock.
pub type MemberOf = SuperView;

/// Where to read.
#[derive(Clone, Debug)]
pub struct Located {
    /// Where it lies.
    pub location: Location,
    /// The first byte of its superblock.
    pub at: Bytes,
    /// The superblock of the array's member, where the source is one.
    pub member: Option<Box<MemberOf>>,
    /// The bytes found there, up to 256.
    pub bytes: Vec<u8>,
    /// What is odd about the member.
    pub findings: Vec<Finding>,
}

/// Finds the bitmap in `source`.
///
/// # Errors
/// The place where it should be cannot be read.
pub fn locate(source: &Source) -> Result<Located> {
    let mut reader = Reader::new(source);
    let member = find_member(source, &mut reader);
    let start = superblock_at(source, &mut reader, Bytes::ZERO);
    match member {
        Found::Sound(member) if member.bitmap_at.is_some() => internal(source, reader, member),
        Found::Sound(member) if !is_bitmap(&start) => {
            let findings = vec![Finding::error("no-internal-bitmap", no_bitmap(&member))];
            bare(source, Ok(Vec::new()), Some(member), findings)
        }
        Found::Broken(findings) if !is_bitmap(&start) => bare(source, start, None, findings),
        _ => bare(source, start, None, Vec::new()),
    }
}

fn no_bitmap(member: &SuperView) -> String {
    format!("a member of an array ({} metadata) without an internal bitmap", member.version)
}

fn bare(
    source: &Source,
    bytes: Result<Vec<u8>>,
    member: Option<Box<MemberOf>>,
    findings: Vec<Finding>,
) -> Result<Located> {
    let location =
        if source.kind() == SourceKind::File { Location::File } else { Location::Device };
    Ok(Located { location, at: Bytes::ZERO, member, bytes: bytes?, findings })
}

fn internal(source: &Source, mut reader: Reader<'_>, member: Box<MemberOf>) -> Result<Located> {
    let at = member.bitmap_at.and_then(|at| at.to_bytes()).unwrap_or_default();
    let bytes = superblock_at(source, &mut reader, at)?;
    let findings = Vec::new();
    Ok(Located { location: Location::Internal, at, member: Some(member), bytes, findings })
}

fn is_bitmap(bytes: &Result<Vec<u8>>) -> bool {
    let raw = bytes.as_ref().ok().and_then(|bytes| RawBitmapSuper::from_prefix(bytes));
    raw.is_some_and(|raw| raw.magic() == MAGIC)
}

/// What a look for md superblocks came to.
enum Found {
    Nothing,
    Broken(Vec<Finding>),
    Sound(Box<MemberOf>),
}

/// The newest superblock of a member; a damaged one only where no other is.
fn find_member(source: &Source, reader: &mut Reader<'_>) -> Found {
    let device = source.size().to_sectors_floor();
    let mut best = Found::Nothing;
    for (version, at) in candidates(device) {
        let Some(place) = at.to_bytes() else { continue };
        let bytes = reader.read(place, MD_BYTES, 0, &mut Trouble::default());
        match (Superblock::decode(version, at, bytes, device), &best) {
            (Probe::NotMd, _) => {}
            (Probe::Found(found), Found::Sound(known)) if found.view().ctime <= known.ctime => {}
            (Probe::Found(found), _) if found.is_sound() => {
                best = Found::Sound(Box::new(found.view().clone()));
            }
            (Probe::Found(found), Found::Nothing) => {
                best = Found::Broken(damaged(version, found.findings()));
            }
            (Probe::Damaged { findings }, Found::Nothing) => {
                best = Found::Broken(damaged(version, &findings));
            }
            _ => {}
        }
    }
    best
}

fn damaged(version: MdVersion, findings: &[Finding]) -> Vec<Finding> {
    let reasons: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    let message = format!("a damaged md superblock, version {version}: {}", reasons.join("; "));
    vec![Finding::error("damaged-md-superblock", message)]
}

/// The bytes of a bitmap superblock at `at`, fewer where the source ends.
pub(super) fn superblock_at(
    source: &Source,
    reader: &mut Reader<'_>,
    at: Bytes,
) -> Result<Vec<u8>> {
    let mut trouble = Trouble::default();
    let there = source.size().saturating_sub(at).get().min(SUPER_BYTES);
    let len = usize::try_from(there).unwrap_or(0);
    let bytes = reader.read(at, len, 0, &mut trouble).to_vec();
    match trouble.errno {
        Some(errno) => {
            let error = std::io::Error::from_raw_os_error(errno);
            Err(Error::io("read", source.path(), error).at_offset(at))
        }
        None => Ok(bytes),
    }
}
