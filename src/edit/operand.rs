//! A bitmap that is read: a file, a device, or the copy inside one member.
//!
//! Read as `examine` reads, so a running array's may be looked at too. A bitmap that is marked out of
//! date says that everything is dirty, whatever its bits are; so does everything here.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::sweep::{Ranges, sectors, whole};
use crate::error::{Error, Result};
use crate::format::Severity;
use crate::format::bitmap::{BitmapSuper, BitmapVersion, RawBitmapSuper, decode};
use crate::store::{BitmapAtRest, Pull};
use crate::units::{ChunkRun, Chunks, Sectors};

/// An open bitmap, checked.
#[derive(Debug)]
pub(super) struct Operand {
    bitmap: BitmapAtRest,
    pub(super) path: PathBuf,
    pub(super) raw: RawBitmapSuper,
    pub(super) value: BitmapSuper,
}

impl Operand {
    /// Opens the bitmap at `path`.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or has another form than one bit per chunk.
    pub(super) fn open(path: &Path, stop: &AtomicBool) -> Result<Self> {
        let bitmap = BitmapAtRest::open(path, stop)?;
        let report = bitmap.report();
        let bad = report.findings.iter().find(|finding| finding.severity == Severity::Error);
        let value = report.raw.as_ref().and_then(|raw| decode(&raw.0).value);
        let (Some(raw), Some(value), None) = (report.raw.clone(), value, bad) else {
            let why = bad.map_or("it holds no bitmap", |finding| finding.message.as_str());
            return Err(Error::damaged(why).at_path(path).hint("mdbitmap examine tells more"));
        };
        classic(&value).map_err(|error| error.at_path(path))?;
        Ok(Self { path: path.to_owned(), raw, value, bitmap })
    }

    /// Dirty chunks.
    pub(super) fn runs(&self) -> Box<dyn Iterator<Item = ChunkRun> + '_> {
        match self.bitmap.report().is_stale() {
            true => Box::new([ChunkRun::between(Chunks::ZERO, self.value.chunks())].into_iter()),
            false => Box::new(self.bitmap.pull()),
        }
    }

    /// Dirty sectors.
    pub(super) fn ranges(&self) -> Ranges<'_> {
        sectors(self.runs(), self.value.chunk, self.value.sync_size)
    }

    /// The runs of set bits, whether they mean something or not.
    pub(super) fn bits(&self) -> Pull<'_> {
        self.bitmap.pull()
    }

    /// How many bits are set.
    pub(super) fn set(&self) -> Chunks {
        let survey = self.bitmap.report().survey.as_ref();
        survey.map_or(Chunks::ZERO, |survey| survey.dirty)
    }

    /// What lies behind its end, up to `size`: nobody knows it.
    pub(super) fn beyond(&self, size: Sectors) -> Ranges<'static> {
        whole(self.value.sync_size, size)
    }
}

/// Refuses what has no bits of its own.
///
/// # Errors
/// Refused: lockless or clustered.
pub(super) fn classic(value: &BitmapSuper) -> Result<()> {
    let why = match value.version {
        BitmapVersion::HostEndian3 | BitmapVersion::Classic4 if value.nodes == 0 => return Ok(()),
        BitmapVersion::Lockless6 => {
            "a lockless bitmap has a byte for each chunk, with states that no bit can tell"
        }
        _ => "a clustered bitmap has bits for each node, and belongs to the cluster",
    };
    Err(Error::refused(why).hint("mdbitmap examine shows it; it is not edited"))
}
