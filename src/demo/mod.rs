//! A practice array: image files that are to every reader the members of a mirror whose power
//! failed, some of its last writes lost on one member.
//!
//! Superblocks and bitmap are made by `format`, the same code that reads real ones. The content
//! depends on the options alone, seed included, so that a test can make the same array twice. All
//! lost writes lie in dirty chunks: that is what a write-intent bitmap promises, and what a resync
//! from it relies on.
//!
//! Makes files and compares them; runs nothing and prints nothing.

mod compare;
mod files;
mod members;
mod options;
mod pattern;
mod scene;

use std::path::PathBuf;

use crate::error::Result;
use crate::format::md::MdUuid;
use crate::units::{Bytes, ChunkRun, ChunkSize, Chunks, SectorRange, Sectors, Slot};

pub use compare::differences;
pub use files::temporary_dir;
pub use options::{DemoOptions, LEVELS};

/// A practice array that was made.
#[derive(Clone, Debug)]
pub struct Practice {
    /// The directory its files are in.
    pub dir: PathBuf,
    /// The member of each slot.
    pub members: Vec<PathBuf>,
    /// The array's UUID.
    pub uuid: MdUuid,
    /// What each member holds of the array, which is also what the array holds.
    pub size: Sectors,
    /// Where on each member the data begins.
    pub data_offset: Sectors,
    /// Where on each member the bitmap begins.
    pub bitmap_at: Sectors,
    /// What one bit stands for.
    pub chunk: ChunkSize,
    /// The runs of dirty chunks.
    pub dirty: Vec<ChunkRun>,
    /// The member that lost writes.
    pub victim: Slot,
    /// What it lost, in the array's address space: each range lies in a dirty chunk.
    pub lost: Vec<SectorRange>,
}

impl Practice {
    /// How many chunks the bitmap has.
    #[must_use]
    pub fn chunks(&self) -> Chunks {
        self.chunk.chunks_for(self.size)
    }

    /// How many of them are dirty.
    #[must_use]
    pub fn dirty_chunks(&self) -> Chunks {
        Chunks::new(self.dirty.iter().map(|run| run.count.get()).sum())
    }

    /// How the sector `at` of the array's space begins on the member of `slot`: it is text.
    ///
    /// # Errors
    /// The member cannot be read.
    pub fn excerpt(&self, slot: Slot, at: Sectors) -> Result<String> {
        compare::excerpt(&self.members[usize::from(slot.0)], self.data_offset.saturating_add(at))
    }

    /// The ranges in which the members' data differs now, merged, in the array's address space.
    ///
    /// # Errors
    /// A member cannot be read.
    pub fn differences(&self) -> Result<Vec<SectorRange>> {
        differences(&self.members, self.data_offset, self.size)
    }
}

/// Sum of `ranges`, in bytes.
#[must_use]
pub fn total(ranges: &[SectorRange]) -> Bytes {
    let sectors = Sectors::new(ranges.iter().map(|range| range.len.get()).sum());
    sectors.to_bytes().unwrap_or(Bytes::new(u64::MAX))
}

/// Makes the practice array that `options` ask for. Where it fails, nothing is left behind.
///
/// # Errors
/// The options do not go together, such files exist already, or they cannot be written.
pub fn make(options: &DemoOptions) -> Result<Practice> {
    let array = options.array()?;
    let chunk = options.chunk_for(&array)?;
    let scene = scene::Scene::new(options, chunk);
    let claimed = files::claim(&options.dir, options.members, options.overwrite)?;
    let made = members::write_all(options, &array, chunk, &scene, &claimed);
    let bitmap_at = made.inspect_err(|_| files::discard(&claimed))?;
    Ok(Practice {
        dir: options.dir.clone(),
        members: claimed.into_iter().map(|claimed| claimed.path).collect(),
        uuid: options.uuid,
        size: array.size,
        data_offset: array.data_offset,
        bitmap_at,
        chunk,
        lost: scene.lost(),
        dirty: scene.dirty,
        victim: options.victim(),
    })
}

#[cfg(test)]
mod tests;
