//! A member at rest: every md superblock on a device or image, damaged ones included, as bytes and
//! as what they say; and its list of bad blocks.
//!
//! Read past the page cache, which knows nothing of what md wrote. Nothing here decides: whoever
//! writes goes by `resync` and `manage`, which refuse what is shown here.

use std::path::{Path, PathBuf};

use super::reader::{Reader, Trouble};
use super::source::{Source, SourceKind};
use crate::error::{Error, Result};
use crate::format::bitmap::RawBitmapSuper;
use crate::format::bitmap::superblock::{MAGIC, SUPER_BYTES as BITMAP_BYTES};
use crate::format::md::{Features, MdVersion, SUPER_BYTES, Superblock, badblocks, candidates};
use crate::format::{Finding, Probe};
use crate::units::{Bytes, Sectors};

/// A superblock that cannot be relied on: its bytes, and why.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The version that has its place there.
    pub version: MdVersion,
    /// The sector it was found at.
    pub at: Sectors,
    /// Its bytes.
    pub raw: Vec<u8>,
    /// What is wrong with it.
    pub findings: Vec<Finding>,
}

/// What was found on one device or image.
#[derive(Clone, Debug)]
pub struct MemberAtRest {
    /// The path it was found by.
    pub path: PathBuf,
    /// The superblock that counts: the newest sound one, else one with errors among its findings.
    pub superblock: Option<Superblock>,
    /// Superblocks that no reader can rely on.
    pub broken: Vec<Broken>,
    /// Ranges in its list of bad blocks; none where it keeps no list.
    pub bad_blocks: Option<u64>,
    /// Whether it begins as a bitmap does.
    pub begins_as_bitmap: bool,
    /// What is wrong or odd, the superblock's own findings included.
    pub findings: Vec<Finding>,
}

impl MemberAtRest {
    /// Looks at `path`.
    ///
    /// # Errors
    /// It cannot be opened or read, or it is neither file nor block device.
    pub fn open(path: &Path) -> Result<Self> {
        let source = Source::open(path)?;
        if source.kind() == SourceKind::Array {
            let what = "an md array that does not run, or one among members";
            return Err(Error::usage(what).at_path(path).hint("name an array alone, or members"));
        }
        let mut reader = Reader::new(&source);
        let mut found = Self {
            path: path.to_owned(),
            superblock: None,
            broken: Vec::new(),
            bad_blocks: None,
            begins_as_bitmap: begins_as_bitmap(&source, &mut reader)?,
            findings: Vec::new(),
        };
        let sound = found.superblocks(&source, &mut reader)?;
        found.judge(sound);
        found.list_bad_blocks(&source, &mut reader)?;
        Ok(found)
    }

    /// Looks at each place where one may be; tells how many are sound.
    fn superblocks(&mut self, source: &Source, reader: &mut Reader<'_>) -> Result<usize> {
        let device = source.size().to_sectors_floor();
        let mut sound = 0;
        for (version, at) in candidates(device) {
            let bytes = read(source, reader, at.to_bytes().unwrap_or_default(), SUPER_BYTES)?;
            match Superblock::decode(version, at, &bytes, device) {
                Probe::NotMd => {}
                Probe::Damaged { findings } => {
                    self.broken.push(Broken { version, at, raw: bytes, findings });
                }
                Probe::Found(found) => {
                    sound += usize::from(found.is_sound());
                    if self.superblock.as_ref().is_none_or(|known| better(&found, known)) {
                        self.superblock = Some(found);
                    }
                }
            }
        }
        Ok(sound)
    }

    fn judge(&mut self, sound: usize) {
        match &self.superblock {
            Some(superblock) => self.findings.extend_from_slice(superblock.findings()),
            None => self.findings.extend(self.broken.iter().flat_map(|b| b.findings.clone())),
        }
        if sound > 1 {
            let message = format!(
                "{sound} md superblocks of different versions: an old one was \
                                   left behind"
            );
            self.findings.push(Finding::warning("several-superblocks", message));
        }
    }

    fn list_bad_blocks(&mut self, source: &Source, reader: &mut Reader<'_>) -> Result<()> {
        let Some(view) = self.superblock.as_ref().map(Superblock::view) else { return Ok(()) };
        let Some(place) = view.bblog else { return Ok(()) };
        if !view.features.contains(Features::BAD_BLOCKS) {
            self.bad_blocks = Some(0);
            return Ok(());
        }
        let at = place.at.to_bytes().unwrap_or_default();
        let length = place.size.to_bytes().and_then(Bytes::to_usize).unwrap_or(0);
        let bytes = read(source, reader, at, length.min(badblocks::MAX_BYTES))?;
        let (ranges, findings) = badblocks::decode(place, &bytes, view.data_size);
        self.bad_blocks = Some(ranges.len() as u64);
        self.findings.extend(findings);
        Ok(())
    }
}

/// A sound one before one that is not, then the newest.
fn better(one: &Superblock, known: &Superblock) -> bool {
    (one.is_sound(), one.view().ctime) > (known.is_sound(), known.view().ctime)
}

fn begins_as_bitmap(source: &Source, reader: &mut Reader<'_>) -> Result<bool> {
    let length = usize::try_from(BITMAP_BYTES).unwrap_or(0);
    let bytes = read(source, reader, Bytes::ZERO, length)?;
    let raw = RawBitmapSuper::from_prefix(&bytes);
    Ok(raw.is_some_and(|raw| raw.magic() == MAGIC))
}

/// So many bytes at `at`, fewer where the source ends.
fn read(source: &Source, reader: &mut Reader<'_>, at: Bytes, length: usize) -> Result<Vec<u8>> {
    let there = reader.source_size().saturating_sub(at).to_usize().unwrap_or(usize::MAX);
    let mut trouble = Trouble::default();
    let bytes = reader.read(at, length.min(there), 0, &mut trouble).to_vec();
    match trouble.errno {
        None => Ok(bytes),
        Some(errno) => {
            let error = std::io::Error::from_raw_os_error(errno);
            Err(Error::io("read", source.path(), error).at_offset(at))
        }
    }
}
